"""What a log in SQLite stores, as it is stored, in one snapshot; for verification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw

from assay.audit_log.backends._sqlite_index import IndexReader
from assay.audit_log.backends.sqlite_files import (
    DATABASE,
    INDEX,
    PUBLISHED_CHECKPOINT,
    open_log_file,
    open_to_read,
)
from assay.audit_log.interface import Fault, IndexRow, Verification
from assay.audit_log.merkle import EMPTY_ROOT
from assay.audit_log.notes import VerifierKey
from assay.audit_log.trust import Trust
from assay.audit_log.verify import Progress, verify_evidence
from assay.errors import LogDamaged, LogError


class SqliteEvidence:
    """The stored bytes of the log in a folder."""

    def __init__(self, folder: Path) -> None:
        """Open them.

        Raises:
            LogError: there is no log in the folder, or it cannot be opened for reading.
            LogDamaged: the file is no database.
        """
        self._folder = folder
        self._stack = ExitStack()
        self._published = _text(folder / PUBLISHED_CHECKPOINT)
        self._db = open_log_file(folder / DATABASE)
        self._stack.callback(self._db.close)
        self._db.execute("BEGIN")

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
        yield from self._db.execute("SELECT idx, bytes, leaf_hash FROM entry ORDER BY idx")

    def archived_hashes(self) -> Iterator[tuple[int, bytes]]:
        """Number and leaf hashes of each tile whose entries were archived."""
        yield from self._db.execute("SELECT n, hashes FROM tile ORDER BY n")

    def stored_nodes(self) -> Iterator[tuple[int, int, bytes]]:
        """Tile level, index and hash."""
        yield from self._db.execute("SELECT level, idx, hash FROM node ORDER BY level, idx")

    def stored_heads(self) -> Sequence[tuple[int, bytes, str | None]]:
        """Size, subtrees joined, and note."""
        return list(self._db.execute("SELECT size, subtrees, note FROM head"))

    def stored_checkpoints(self) -> Sequence[tuple[int, str]]:
        """Size and note, by size."""
        return list(self._db.execute("SELECT size, note FROM checkpoint ORDER BY size"))

    def stored_cited(self) -> Iterator[tuple[str, str, bytes]]:
        """Digest, media type and bytes."""
        yield from self._db.execute("SELECT * FROM cited NOT INDEXED ORDER BY rowid")

    def stored_ids(self) -> Iterator[tuple[bytes, int]]:
        """Key of the event's id, and entry; by entry."""
        yield from self._db.execute("SELECT id, idx FROM event_id ORDER BY idx")

    def stored_index(self) -> tuple[int, Iterator[IndexRow]] | None:
        """How many entries the index covers, and its rows."""
        path = self._folder / INDEX
        if not path.exists():
            return None
        db = open_to_read(path)
        self._stack.callback(db.close)
        reader = IndexReader(db)
        return reader.covered, reader.rows()

    def published_note(self) -> str | None:
        """The checkpoint file beside the log."""
        return self._published

    def broken_storage(self) -> Sequence[str]:
        """What SQLite finds wrong: an index of the file that disagrees with its table."""
        found = [str(row[0]) for row in self._db.execute("PRAGMA integrity_check(5)")]
        return [what for what in found if what != "ok"]


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


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "surrogateescape") if path.exists() else None
    except OSError as error:
        raise LogError(f"{path} cannot be read ({error.strerror}).") from error
