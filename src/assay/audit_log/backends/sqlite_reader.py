"""Reads a log in SQLite; what it returns is checked against its digest where it has one."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from assay.audit_log.backends._sqlite_index import IndexReader
from assay.audit_log.backends.sqlite_files import (
    DATABASE,
    INDEX,
    RUN_VERIFY,
    VERSION,
    log_error,
    open_log_file,
    open_to_read,
)
from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.entry import event_of
from assay.audit_log.interface import EventQuery
from assay.audit_log.merkle import HASH_BYTES, CompactRange
from assay.audit_log.notes import VerifierKey
from assay.audit_log.query import matches, sort_key
from assay.canonical import digest
from assay.errors import LogDamaged, LogError
from assay.vocabulary import Checkpoint

_TILE_WIDTH = 256


class SqliteLogReader:
    """A log in a folder, read only."""

    def __init__(self, folder: Path, verifier: VerifierKey) -> None:
        """Open it.

        Raises:
            LogError: there is no log in the folder, or it cannot be read.
        """
        self.folder = folder
        self.name = str(folder)
        self.verifier = verifier
        self._db = open_log_file(folder / DATABASE)

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def size(self) -> int:
        """How many entries there are."""
        return int(self._row("SELECT size FROM head")[0])

    @property
    def minimum_index(self) -> int:
        """The first entry whose bytes are still here; those before it were archived."""
        return int(self._row("SELECT minimum FROM archived")[0])

    def tree(self) -> CompactRange:
        """The tree at the head."""
        size, blob = self._row("SELECT size, subtrees FROM head")
        subtrees = [bytes(blob[at : at + HASH_BYTES]) for at in range(0, len(blob), HASH_BYTES)]
        return CompactRange(int(size), tuple(subtrees))

    def head_note(self) -> str | None:
        """The head's own checkpoint, signed in the commit; None while the log is empty."""
        note = self._row("SELECT note FROM head")[0]
        return None if note is None else str(note)

    def entry(self, index: int) -> bytes:
        """The bytes of an entry, as they were hashed."""
        row = self._row("SELECT bytes FROM entry WHERE idx = ?", index)
        if row is not None:
            return bytes(row[0])
        if 0 <= index < self.minimum_index:
            raise LogError(
                f"Entry {index} of the log {self.folder} was archived.",
                next_step="Read it from the archive that `assay log archive` wrote.",
            )
        raise LogError(f"There is no entry {index} in the log {self.folder}.")

    def entries(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the entries from `start` up to `end` (not included), in order."""
        sql = "SELECT idx, bytes FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx"
        with self._named_errors():
            yield from self._db.execute(sql, (start, end))

    def leaf_hashes(self, start: int, end: int) -> bytes:
        """The stored leaf hashes from `start` up to `end` (not included), joined."""
        sql = "SELECT leaf_hash FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx"
        with self._named_errors():
            return b"".join(row[0] for row in self._db.execute(sql, (start, end)))

    def tile(self, level: int, n: int, width: int) -> bytes:
        """The first `width` hashes of a tile."""
        first = n * _TILE_WIDTH
        with self._named_errors():
            if level == 0:
                kept = self._row("SELECT hashes FROM tile WHERE n = ?", n)
                data = bytes(kept[0]) if kept else self.leaf_hashes(first, first + width)
            else:
                sql = "SELECT hash FROM node WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx"
                rows = self._db.execute(sql, (level, first, first + width))
                data = b"".join(row[0] for row in rows)
        if len(data) < width * HASH_BYTES:
            raise LogError(f"The log {self.folder} has no tile {level}/{n} of width {width}.")
        return data[: width * HASH_BYTES]

    def cited_bytes(self, wanted: str) -> bytes:
        """The evidence or exhibit with this digest, checked against it."""
        row = self._row("SELECT bytes FROM cited WHERE digest = ?", wanted)
        if row is None:
            raise LogError(f"The log {self.folder} does not keep {wanted}.")
        data = bytes(row[0])
        if digest(data) != wanted:
            raise LogDamaged(
                f"The bytes kept as {wanted} have another digest.", next_step=RUN_VERIFY
            )
        return data

    def media_type(self, wanted: str) -> str:
        """The media type of cited bytes."""
        row = self._row("SELECT media_type FROM cited WHERE digest = ?", wanted)
        if row is None:
            raise LogError(f"The log {self.folder} does not keep {wanted}.")
        return str(row[0])

    def query(self, wanted: EventQuery) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the matching entries, newest first by instant, then by index."""
        with self._named_errors(), self._index() as index:
            covered = index.covered if index else 0
            tail = heapq.nlargest(wanted.limit, self._tail(covered, wanted))
            found = ((at, number, None) for at, number in index.find(wanted)) if index else ()
            merged = heapq.merge(found, tail, key=lambda row: row[:2], reverse=True)
            for _, number, data in islice(merged, wanted.limit):
                yield number, self.entry(number) if data is None else data

    def count(self, wanted: EventQuery) -> int:
        """How many entries match, without a limit."""
        with self._named_errors(), self._index() as index:
            covered = index.covered if index else 0
            indexed = index.count(wanted) if index else 0
            return indexed + sum(1 for _ in self._tail(covered, wanted))

    def newest_note(self) -> str | None:
        """The newest published checkpoint, verbatim."""
        row = self._row("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")
        return None if row is None else str(row[0])

    def newest_checkpoint(self) -> Checkpoint | None:
        """The newest published checkpoint, its signature checked."""
        note = self.newest_note()
        return None if note is None else open_checkpoint(note, self.verifier)

    def notes(self) -> Iterator[str]:
        """All published checkpoints, by size."""
        with self._named_errors():
            for (note,) in self._db.execute("SELECT note FROM checkpoint ORDER BY size"):
                yield str(note)

    def checkpoint_covering(self, index: int) -> Checkpoint | None:
        """The oldest checkpoint that covers an entry, its signature checked; None if none does."""
        row = self._row("SELECT note FROM checkpoint WHERE size > ? ORDER BY size LIMIT 1", index)
        return None if row is None else open_checkpoint(str(row[0]), self.verifier)

    def _tail(self, covered: int, wanted: EventQuery) -> Iterator[tuple[int, int, bytes]]:
        """Instant, index and bytes of matching entries that no index covers, in the log's order."""
        for number, data in self.entries(max(covered, self.minimum_index), self.size):
            event = event_of(data)
            if matches(event, number, wanted):
                yield (*sort_key(event, number), data)

    @contextmanager
    def _index(self) -> Iterator[IndexReader | None]:
        """The index as it is now, however it grows meanwhile; None where there is none to read."""
        path = self.folder / INDEX
        try:
            db = open_to_read(path) if path.exists() else None
            if db is not None and db.pragma("user_version") != VERSION:
                db.close()
                db = None
        except apsw.Error:
            db = None
        try:
            if db is not None:
                db.execute("BEGIN")
            yield None if db is None else IndexReader(db)
        finally:
            if db is not None:
                db.close()

    def _row(self, sql: str, *values: Any) -> Any:
        with self._named_errors():
            return self._db.execute(sql, values).fetchone()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise log_error(self.name, error) from error
