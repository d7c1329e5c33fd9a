"""Text search over what events say in the clear: action, and the texts and numbers of the detail.

A projection in a file of its own, `log-text.sqlite`: it is filled on demand from where it ended, can be
deleted at any time, and is made again when it does not belong to the log beside it. It keeps no text,
only which words an entry has (an FTS5 table without content). What is sealed for a subject is not in
it; a sealed field with a token is found by that exact token, `token:` and 32 digits.

A search is a query of FTS5: words that must all be there, `"a phrase"`, `begin*`, `OR`, `NOT`, brackets.
Letters match whatever their case and accents. This is no part of the promise of milliseconds.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Protocol

import apsw

from assay.atomic import PRIVATE_FILE, write_error
from assay.audit_log.backends.sqlite_files import log_error, make_database, open_to_write
from assay.audit_log.entry import event_of
from assay.audit_log.interface import LogReader
from assay.audit_log.merkle import HASH_BYTES, TILE_WIDTH
from assay.audit_log.sealing import SEALED, TOKENS
from assay.errors import BadSearch, LogDamaged, LogError
from assay.vocabulary import Event, Json

TEXT_INDEX = "log-text.sqlite"
TEXT_LOCK = "log-text.lock"
TEXT_LENGTH_MAX = 1_000
_SUFFIXES = ("", "-wal", "-shm")
_BATCH = 4_096
_NOT_TEXT = frozenset({SEALED, TOKENS, "cites", "erased"})
_TOKEN = re.compile("token:[0-9a-f]{32}")
_SCHEMA = """
CREATE VIRTUAL TABLE said USING fts5 (words, content = '', contentless_delete = 1,
                                      tokenize = "unicode61 remove_diacritics 2");
CREATE TABLE token (text TEXT NOT NULL, idx INTEGER NOT NULL,
                    PRIMARY KEY (text, idx)) STRICT, WITHOUT ROWID;
CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT NOT NULL,
                    minimum INTEGER NOT NULL, size INTEGER NOT NULL, leaf BLOB NOT NULL) STRICT;
INSERT INTO state VALUES (1, '', 0, 0, x'')
"""

Progress = Callable[[int, int], None]
"""Told how many entries are indexed, of how many."""


class SearchableLog(LogReader, Protocol):
    """A log that says where it begins."""

    @property
    def minimum_index(self) -> int:
        """The first entry whose bytes are still here."""


def search(
    reader: SearchableLog,
    folder: Path,
    text: str,
    limit: int,
    before: int | None = None,
    progress: Progress = lambda done, total: None,
) -> list[int]:
    """The entries that say this, newest first by index: at most `limit`, all before `before`.

    `folder` is where the projection lies; what it does not cover yet is added first.

    Raises:
        BadSearch: the text is empty, too long, or no query of FTS5.
        LogError, LogDamaged, DiskFull, NotWritable: the projection cannot be read or filled.
    """
    _expect_text(text)
    with _alone(folder), closing(_filled(reader, folder, progress)) as db:
        end = reader.size if before is None else before
        if _TOKEN.fullmatch(text):
            sql = "SELECT idx FROM token WHERE text = ? AND idx < ? ORDER BY idx DESC LIMIT ?"
        else:
            sql = (
                "SELECT rowid FROM said WHERE said MATCH ? AND rowid < ?"
                " ORDER BY rowid DESC LIMIT ?"
            )
        try:
            return [int(row[0]) for row in db.execute(sql, (text, end, limit))]
        except apsw.SQLError:
            # The message of SQLite repeats the words, which may be of a person.
            raise BadSearch(
                "The words of the search are not understood.",
                next_step='Put what is no plain word between double quotes: "10.0.0.1", "a-b".',
            ) from None
        except apsw.Error as error:
            raise log_error(str(folder), error) from error


def remove_text_index(folder: Path) -> None:
    """Delete the projection; the next search makes it again."""
    with _alone(folder):
        _remove(folder)


def _remove(folder: Path) -> None:
    for suffix in _SUFFIXES:
        (folder / f"{TEXT_INDEX}{suffix}").unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One search at a time: nobody may have the file open while it is made again."""
    path = folder / TEXT_LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    except OSError as error:
        raise write_error(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _expect_text(text: str) -> None:
    if not text.strip() or len(text) > TEXT_LENGTH_MAX or "\x00" in text:
        raise BadSearch(
            f"A search has 1 to {TEXT_LENGTH_MAX} characters, and no NUL among them.",
            next_step="Give a few words.",
        )


def _filled(reader: SearchableLog, folder: Path, progress: Progress) -> apsw.Connection:
    """The projection, as far as the log; made again where it is damaged or of another log."""
    try:
        return _caught_up(reader, folder, progress)
    except _StaleError:
        _remove(folder)
        return _caught_up(reader, folder, progress)


def _caught_up(reader: SearchableLog, folder: Path, progress: Progress) -> apsw.Connection:
    db = _open(folder)
    try:
        _catch_up(db, reader, progress)
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError) as error:
        db.close()
        raise _StaleError(f"The text index in {folder} is damaged.") from error
    except apsw.Error as error:
        db.close()
        raise log_error(str(folder), error) from error
    except BaseException:
        db.close()
        raise
    return db


class _StaleError(LogError):
    """The projection is of another log, or of this one before it was restored or shortened."""


def _open(folder: Path) -> apsw.Connection:
    path = folder / TEXT_INDEX
    if not path.exists():
        make_database(path, _SCHEMA)
    try:
        return open_to_write(path, synchronous="NORMAL")
    except LogError as error:
        if isinstance(error, LogDamaged) or "version" in error.message:
            raise _StaleError(error.message) from error
        raise


def _catch_up(db: apsw.Connection, reader: SearchableLog, progress: Progress) -> None:
    total = reader.size
    while True:
        with db:
            start = _checked_start(db, reader)
            batch = list(islice(reader.entries(start, total), _BATCH))
            if batch:
                _add(db, reader, batch)
        if not batch:
            return
        progress(batch[-1][0] + 1, total)


def _checked_start(db: apsw.Connection, reader: SearchableLog) -> int:
    """The first entry that is not covered; what is covered must be the start of this log."""
    row = db.execute("SELECT origin, minimum, size, leaf FROM state").fetchone()
    origin, minimum, size, leaf = row or ("", 0, 0, b"")
    here = reader.minimum_index
    if not size:
        return here
    if (origin, minimum) != (reader.verifier.name, here) or size > reader.size:
        raise _StaleError("The text index is not of this log.")
    if leaf != _leaf(reader, size - 1):
        raise _StaleError("The text index is of another history of this log.")
    return int(size)


def _add(db: apsw.Connection, reader: SearchableLog, batch: list[tuple[int, bytes]]) -> None:
    for index, data in batch:
        event = event_of(data)
        words = "\n".join(_words(event))
        db.execute("INSERT INTO said (rowid, words) VALUES (?, ?)", (index, words))
        for text in _tokens(event):
            db.execute("INSERT OR IGNORE INTO token VALUES (?, ?)", (text, index))
    last = batch[-1][0]
    db.execute(
        "UPDATE state SET origin = ?, minimum = ?, size = ?, leaf = ?",
        (reader.verifier.name, reader.minimum_index, last + 1, _leaf(reader, last)),
    )


def _words(event: Event) -> Iterator[str]:
    """What the event says in the clear."""
    yield event.action
    for name, value in event.detail.items():
        if name not in _NOT_TEXT:
            yield from _texts(value)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _tokens(event: Event) -> Iterator[str]:
    tokens = event.detail.get(TOKENS)
    if isinstance(tokens, Mapping):
        yield from (value for value in tokens.values() if isinstance(value, str))


def _leaf(reader: LogReader, index: int) -> bytes:
    """The leaf hash of an entry, also of one that was archived."""
    number, place = divmod(index, TILE_WIDTH)
    return reader.tile(0, number, place + 1)[place * HASH_BYTES :]
