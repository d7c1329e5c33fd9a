"""Whether tile hashes, ids and index say what the entries say: rule 6 of `verify.py`.

All of them can be made again from the entries, so that whatever is wrong with them damages no evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, zip_longest
from typing import Any, TypeVar

from assay.audit_log.entry import event_of
from assay.audit_log.event_ids import id_key
from assay.audit_log.interface import Damage, Evidence, IndexRow
from assay.audit_log.merkle import HASH_BYTES, TILE_WIDTH, CompactRange, leaf_hash
from assay.canonical import microseconds
from assay.errors import LogDamaged
from assay.vocabulary import Event

_BATCH = 4_096
_Row = TypeVar("_Row")

FaultOf = Callable[[str, str, Damage], None]
"""Told the place of a fault, what is wrong there, and what is damaged."""


def check_projections(evidence: Evidence, size: int, minimum: int, fault: FaultOf) -> None:
    """Tell `fault` everything that is wrong with the projections of a log.

    It has `size` entries, of which those from `minimum` on are here.
    """
    _Projections(evidence, size, minimum, fault).check()


class _Projections:
    """Goes over the entries once for the tiles and once for the index."""

    def __init__(self, evidence: Evidence, size: int, minimum: int, fault: FaultOf) -> None:
        self._evidence = evidence
        self._size = size
        self._minimum = minimum
        self._told = fault

    def check(self) -> None:
        for what in self._readable("database file", self._broken_storage()):
            self._fault("database file", what)
        self._check_nodes()
        covered, rows = self._stored_index()
        ids = self._readable("index of ids", self._evidence.stored_ids())
        self._compare(ids, self._readable("index", rows), covered)

    def _fault(self, place: str, what: str) -> None:
        self._told(place, what, Damage.INDEX)

    def _broken_storage(self) -> Iterator[str]:
        yield from self._evidence.broken_storage()

    def _readable(self, place: str, rows: Iterator[_Row]) -> Iterator[_Row]:
        """These rows, up to where they cannot be read."""
        try:
            yield from rows
        except LogDamaged as error:
            self._fault(place, error.message)

    def _entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        """The entries, up to where they cannot be read; that was said when the evidence was read."""
        try:
            yield from islice(self._evidence.stored_entries(), self._size - self._minimum)
        except LogDamaged:
            return

    def _stored_index(self) -> tuple[int, Iterator[IndexRow]]:
        """How many entries the index covers, and its rows; it may lag, but not be ahead."""
        nothing: tuple[int, Iterator[IndexRow]] = (0, iter(()))
        try:
            index = self._evidence.stored_index()
        except LogDamaged as error:
            self._fault("index", error.message)
            return nothing
        if index is None:
            self._fault("index", "is not there; `assay log reindex` makes it")
            return nothing
        if index[0] > self._size:
            self._fault("index", f"covers {index[0]} entries, but the log has {self._size}")
        return index

    def _compare(
        self, ids: Iterator[tuple[bytes, int]], rows: Iterator[IndexRow], covered: int
    ) -> None:
        """Walk entries, ids and index side by side."""
        following_ids = _Following((index, key) for key, index in ids)
        following_rows = _Following((row[0], row) for row in rows)
        number = self._minimum - 1
        for number, data, _ in self._entries():
            expected = _projected(number, data)
            if expected is None:
                self._told(f"entry {number}", "is not an event", Damage.EVIDENCE)
                continue
            key, row = expected
            if following_ids.at(number) != [key]:
                self._fault(f"index of entry {number}", "does not have the entry's id")
            if following_rows.at(number) != ([row] if number < covered else []):
                self._fault(f"index of entry {number}", "does not say what the entry says")
        for stray in (following_ids.after(number), following_rows.after(number)):
            if stray is not None:
                self._fault(f"index of entry {stray}", "there is no such entry")

    def _check_nodes(self) -> None:
        """Tile hashes, made again from the leaf hashes, level by level."""
        stored = self._readable("tiles", self._evidence.stored_nodes())
        for said, expected in zip_longest(stored, self._expected_nodes()):
            if said != expected:
                level, number = (expected or said)[:2]
                place = f"tile {level}/{number // TILE_WIDTH}"
                self._fault(place, f"hash {number} is not that of the entries")
                return

    def _expected_nodes(self) -> Iterator[tuple[int, int, bytes]]:
        nodes: list[Any] = []
        tree = CompactRange()
        for _, hashes in self._evidence.archived_hashes():
            leaves = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
            tree, grown = tree.grow(leaves)
            nodes += grown
        rows = self._entries()
        while batch := list(islice(rows, _BATCH)):
            tree, grown = tree.grow([leaf_hash(data) for _, data, _ in batch])
            nodes += grown
        return iter(sorted(tuple(node) for node in nodes))


class _Following:
    """Rows that are numbered in order, read along with something else that is."""

    def __init__(self, rows: Iterator[tuple[int, Any]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def at(self, number: int) -> list[Any]:
        """What there is for a number; what was passed over is skipped."""
        found = []
        while self._next is not None and self._next[0] <= number:
            if self._next[0] == number:
                found.append(self._next[1])
            self._next = next(self._rows, None)
        return found

    def after(self, number: int) -> int | None:
        """The first number after this one that there is; None if there is none."""
        self.at(number)
        return None if self._next is None else self._next[0]


def _projected(number: int, data: bytes) -> tuple[bytes, IndexRow] | None:
    """The key of the entry's id, and its row of the index; None for what is no event."""
    try:
        event = event_of(data)
        return id_key(event.id), _index_row(number, event)
    except (LogDamaged, TypeError, AttributeError, ValueError, OverflowError):
        return None


def _index_row(number: int, event: Event) -> IndexRow:
    kind = (event.type, int(event.severity), event.outcome)
    target = f"{event.target.kind.value}:{event.target.name}"
    return number, microseconds(event.occurred_at), kind, event.actor, target
