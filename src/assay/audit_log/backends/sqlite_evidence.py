"""What a log in SQLite stores, as it is stored, in one snapshot; for verification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from assay.audit_log.backends._sqlite_index import IndexReader
from assay.audit_log.backends._sqlite_index_check import broken_index
from assay.audit_log.backends.sqlite_files import (
    DATABASE,
    INDEX,
    log_error,
    open_log_file,
    open_to_read,
    published_note,
)
from assay.audit_log.interface import Fault, IndexRow, Verification
from assay.audit_log.merkle import EMPTY_ROOT, TILE_WIDTH
from assay.audit_log.notes import VerifierKey
from assay.audit_log.trust import Trust
from assay.audit_log.verify import Progress, verify_evidence
from assay.errors import LogDamaged

_CITED = """
SELECT CAST(digest AS BLOB), CAST(media_type AS BLOB), bytes FROM cited NOT INDEXED ORDER BY rowid
"""


class SqliteEvidence:
    """The stored bytes of the log in a folder."""

    def __init__(self, folder: Path) -> None:
        """Open them.

        Raises:
            LogError: there is no log in the folder, or it cannot be opened for reading.
            LogDamaged: the file is no database.
        """
        self._name = str(folder)
        self._stack = ExitStack()
        # In this order, so that whoever writes meanwhile makes neither seem to be ahead of the log.
        self._published = published_note(folder)
        self._index = self._opened_index(folder / INDEX)
        self._db = open_log_file(folder / DATABASE)
        self._stack.callback(self._db.close)
        self._db.execute("BEGIN; SELECT one FROM head").fetchall()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def stored_entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Index, bytes and stored leaf hash of every entry."""
        with self._damage():
            yield from self._db.execute("SELECT idx, bytes, leaf_hash FROM entry ORDER BY idx")

    def archived_hashes(self) -> Iterator[tuple[int, bytes]]:
        """Number and leaf hashes of each tile whose entries were archived."""
        yield from self._db.execute("SELECT n, hashes FROM tile ORDER BY n")

    def stored_nodes(self) -> Iterator[tuple[int, int, bytes]]:
        """Tile level, index and hash."""
        with self._damage():
            yield from self._db.execute("SELECT level, idx, hash FROM node ORDER BY level, idx")

    def stored_heads(self) -> Sequence[tuple[int, bytes, str | None]]:
        """Size, subtrees joined, and note."""
        sql = "SELECT size, subtrees, CAST(note AS BLOB) FROM head"
        return [(size, trees, note and _text(note)) for size, trees, note in self._db.execute(sql)]

    def stored_checkpoints(self) -> Sequence[tuple[int, str]]:
        """Size and note, by size."""
        sql = "SELECT size, CAST(note AS BLOB) FROM checkpoint ORDER BY size"
        return [(size, _text(note)) for size, note in self._db.execute(sql)]

    def stored_cited(self) -> Iterator[tuple[str, str, bytes]]:
        """Digest, media type and bytes."""
        for name, media_type, data in self._db.execute(_CITED):
            yield _text(name), _text(media_type), data

    def stored_ids(self) -> Iterator[tuple[bytes, int]]:
        """Key of the event's id, and entry; by entry."""
        with self._damage():
            yield from self._db.execute("SELECT id, idx FROM event_id ORDER BY idx")

    def stored_index(self) -> tuple[int, Iterator[IndexRow]] | None:
        """How many entries the index covers, and its rows."""
        if self._index is None:
            return None
        with self._damage():
            reader = IndexReader(self._index_db())
            return reader.covered, self._rows(reader)

    def published_note(self) -> str | None:
        """The checkpoint file beside the log."""
        return self._published

    def broken_storage(self) -> Sequence[str]:
        """What SQLite finds wrong, say an index of the file that disagrees with its table; and where the
        index does not agree with itself."""
        with self._damage():
            found = [str(row[0]) for row in self._db.execute("PRAGMA integrity_check(5)")]
            broken = [what for what in found if what != "ok"]
            minimum = self._db.execute("SELECT minimum FROM archived").get
            if minimum != self._db.execute("SELECT count(*) FROM tile").get * TILE_WIDTH:
                broken.append("it says another first entry than follows the archived ones")
            if self._index is not None:
                broken += [f"{INDEX}: {what}" for what in broken_index(self._index_db())]
        return broken

    def _opened_index(self, path: Path) -> apsw.Connection | apsw.Error | None:
        """The index as it is now; None if there is none, and the error if it cannot be read."""
        if not path.exists():
            return None
        try:
            db = open_to_read(path)
            self._stack.callback(db.close)
            db.execute("BEGIN; SELECT size FROM covered").fetchall()
        except apsw.Error as error:
            return error
        return db

    def _index_db(self) -> apsw.Connection:
        if isinstance(self._index, apsw.Connection):
            return self._index
        raise self._index or apsw.NotADBError("no index")

    def _rows(self, reader: IndexReader) -> Iterator[IndexRow]:
        with self._damage():
            yield from reader.rows()

    @contextmanager
    def _damage(self) -> Iterator[None]:
        """What cannot be read is damage."""
        try:
            yield
        except apsw.Error as error:
            raise LogDamaged(f"cannot be read further ({log_error(self._name, error)})") from error
        except (TypeError, ValueError) as error:
            raise LogDamaged(f"cannot be read further ({type(error).__name__})") from error


def verify(
    folder: Path,
    key: VerifierKey,
    retained: Sequence[str] = (),
    *,
    trust: Trust | None = None,
    index: bool = True,
    progress: Progress = lambda _: None,
) -> Verification:
    """Everything that does not hold in the log in `folder`; see `verify.py`.

    Raises:
        LogError: there is no log in the folder, or it cannot be opened for reading.
    """
    try:
        with SqliteEvidence(folder) as evidence:
            return verify_evidence(
                evidence, key, retained, trust=trust, index=index, progress=progress
            )
    except LogDamaged as error:
        return _unreadable(error)
    except (apsw.Error, TypeError, ValueError) as error:
        return _unreadable(error)


def _unreadable(error: Exception) -> Verification:
    what = f"cannot be read to its end ({type(error).__name__}: {error})"
    return Verification(0, EMPTY_ROOT, None, 0, 0, (Fault("database file", what),))


def _text(data: Any) -> str:
    """Text as it is stored, whether it is Unicode or not; so that damage shows at its own place."""
    return bytes(data).decode("utf-8", "surrogateescape")
