"""Reads a log in PostgreSQL; what it returns is checked against its digest where it has one.

Every statement is a transaction by itself and gives a bounded number of rows, so that a reader holds
nothing open on the server, works from any thread, and goes on after the server was restarted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from assay.audit_log.backends._postgres_errors import RUN_VERIFY
from assay.audit_log.backends._postgres_query import (
    count_statement,
    kinds_statement,
    page_statement,
)
from assay.audit_log.backends._postgres_schema import check_schema
from assay.audit_log.backends.postgres_session import (
    PATIENCE,
    Patience,
    Session,
    place_of,
)
from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.interface import EventQuery, PageKey
from assay.audit_log.merkle import HASH_BYTES, TILE_WIDTH, CompactRange
from assay.audit_log.notes import VerifierKey
from assay.canonical import digest, instant_of
from assay.errors import BadNote, LogDamaged, LogError
from assay.vocabulary import Checkpoint

_PAGE_ROWS = 1_000


class PostgresLogReader:
    """A log in a PostgreSQL database, read only."""

    def __init__(self, url: str, verifier: VerifierKey, patience: Patience = PATIENCE) -> None:
        """Open it.

        Raises:
            SettingsError: the URL is malformed.
            MissingExtra: psycopg is not installed.
            LogUnreachable: the server does not answer, or refuses this user.
            LogError: there is no log, or it is the log of another key.
        """
        self.place = place_of(url)
        self.name = self.place.name
        self.verifier = verifier
        self._reading = Session(self.place, patience, read_only=True)
        self._begin()

    def _begin(self) -> None:
        try:
            check_schema(self._reading, self.place, self.verifier.name)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the connection."""
        self._reading.close()

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
        return int(self._one("SELECT size FROM head")[0])

    @property
    def minimum_index(self) -> int:
        """The first entry whose bytes are still here; those before it were archived."""
        return int(self._one("SELECT minimum FROM archived")[0])

    def tree(self) -> CompactRange:
        """The tree at the head, as its own checkpoint signs it.

        Raises:
            LogDamaged: the head is not what its checkpoint says.
        """
        return self._signed_tree(*self._one("SELECT size, subtrees, note FROM head"))

    def head_note(self) -> str | None:
        """The head's own checkpoint, signed in the commit; None while the log is empty."""
        note = self._one("SELECT note FROM head")[0]
        return None if note is None else str(note)

    def entry(self, index: int) -> bytes:
        """The bytes of an entry, as they were hashed."""
        row = self._row("SELECT bytes FROM entry WHERE idx = %s", index)
        if row is not None:
            return bytes(row[0])
        if 0 <= index < self.minimum_index:
            raise LogError(
                f"Entry {index} of the log {self.name} was archived.",
                next_step="Read it from the archive that `assay log archive` wrote.",
            )
        raise LogError(f"There is no entry {index} in the log {self.name}.")

    def entries(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the entries from `start` up to `end` (not included), in order."""
        sql = "SELECT idx, bytes FROM entry WHERE idx >= %s AND idx < %s ORDER BY idx LIMIT %s"
        while rows := self._reading.rows(sql, (start, end, _PAGE_ROWS)):
            yield from rows
            start = rows[-1][0] + 1

    def leaf_hashes(self, start: int, end: int) -> bytes:
        """The stored leaf hashes from `start` up to `end` (not included), joined."""
        sql = "SELECT leaf_hash FROM entry WHERE idx >= %s AND idx < %s ORDER BY idx"
        return b"".join(row[0] for row in self._reading.rows(sql, (start, end)))

    def tile(self, level: int, n: int, width: int) -> bytes:
        """The first `width` hashes of a tile."""
        first = n * TILE_WIDTH
        if level == 0:
            kept = self._row("SELECT hashes FROM tile WHERE n = %s", n)
            data = bytes(kept[0]) if kept else self.leaf_hashes(first, first + width)
        else:
            sql = "SELECT hash FROM node WHERE level = %s AND idx >= %s AND idx < %s ORDER BY idx"
            rows = self._reading.rows(sql, (level, first, first + width))
            data = b"".join(row[0] for row in rows)
        if len(data) < width * HASH_BYTES:
            raise LogError(f"The log {self.name} has no tile {level}/{n} of width {width}.")
        return data[: width * HASH_BYTES]

    def cited_bytes(self, wanted: str) -> bytes:
        """The evidence or exhibit with this digest, checked against it."""
        data = bytes(self._kept("SELECT bytes FROM cited WHERE digest = %s", wanted))
        if digest(data) != wanted:
            raise LogDamaged(
                f"The bytes kept as {wanted} have another digest.", next_step=RUN_VERIFY
            )
        return data

    def media_type(self, wanted: str) -> str:
        """The media type of cited bytes."""
        return str(self._kept("SELECT media_type FROM cited WHERE digest = %s", wanted))

    def query(self, wanted: EventQuery) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the matching entries, newest first by instant, then by index."""
        kinds = self._kinds(wanted)
        left = wanted.limit
        while left > 0 and kinds != []:
            asked = min(left, _PAGE_ROWS)
            sql, values = page_statement(replace(wanted, limit=asked), kinds)
            rows = self._reading.rows(sql, values)
            for _, index, data in rows:
                yield index, self.entry(index) if data is None else data
            if len(rows) < asked:
                return
            left -= asked
            wanted = wanted.next_page(PageKey(instant_of(rows[-1][0]), rows[-1][1]))

    def count(self, wanted: EventQuery) -> int:
        """How many entries match, without a limit."""
        kinds = self._kinds(wanted)
        if kinds == []:
            return 0
        sql, values = count_statement(wanted, kinds)
        return int(self._reading.rows(sql, values)[0][0])

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
        sql = "SELECT size, note FROM checkpoint WHERE size > %s ORDER BY size LIMIT %s"
        size = -1
        while rows := self._reading.rows(sql, (size, _PAGE_ROWS)):
            yield from (str(note) for _, note in rows)
            size = rows[-1][0]

    def checkpoint_covering(self, index: int) -> Checkpoint | None:
        """The oldest checkpoint that covers an entry, its signature checked; None if none does."""
        row = self._row("SELECT note FROM checkpoint WHERE size > %s ORDER BY size LIMIT 1", index)
        return None if row is None else open_checkpoint(str(row[0]), self.verifier)

    def _signed_tree(self, size: int, subtrees: bytes, note: str | None) -> CompactRange:
        """The tree of a head, once its own checkpoint has been checked."""
        parts = [subtrees[at : at + HASH_BYTES] for at in range(0, len(subtrees), HASH_BYTES)]
        tree = CompactRange(size, tuple(parts))
        if len(subtrees) != HASH_BYTES * size.bit_count():
            raise self._bad_head()
        if size == 0 and note is None:
            return tree
        try:
            signed = open_checkpoint(note or "", self.verifier)
        except BadNote as error:
            raise self._bad_head() from error
        if (signed.size, signed.root) != (tree.size, tree.root):
            raise self._bad_head()
        return tree

    def _bad_head(self) -> LogDamaged:
        return LogDamaged(
            f"The head of the log {self.name} is not what its own checkpoint says.",
            next_step=RUN_VERIFY,
        )

    def _kinds(self, wanted: EventQuery) -> list[bytes] | None:
        """The keys of the kinds that are wanted; None for any, an empty list for none."""
        statement = kinds_statement(wanted)
        return None if statement is None else [row[0] for row in self._reading.rows(*statement)]

    def _kept(self, sql: str, wanted: str) -> Any:
        row = self._row(sql, wanted)
        if row is None:
            raise LogError(f"The log {self.name} does not keep {wanted}.")
        return row[0]

    def _row(self, sql: str, *values: Any) -> Any:
        rows = self._reading.rows(sql, values)
        return rows[0] if rows else None

    def _one(self, sql: str) -> Any:
        """The row of a table that has one."""
        row = self._row(sql)
        if row is None:
            raise self._bad_head()
        return row
