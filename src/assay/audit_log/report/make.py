"""The report of a period of a log, as JSON: one pass over the entries, nothing taken from an index.

The pass that counts is also the one that hashes: a report is only made of entries whose tree has
the root that the log's checkpoint promises. What it holds (docs/formats/log-report.md) is a pure
function of the entries up to that checkpoint, of the checkpoint, and of the question.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from assay.audit_log.entry import event_of
from assay.audit_log.merkle import HASH_BYTES, CompactRange, leaf_hash
from assay.audit_log.notes import VerifierKey
from assay.audit_log.report import order
from assay.audit_log.report.numbers import numbers
from assay.audit_log.report.question import Question
from assay.audit_log.report.review import Reviews
from assay.audit_log.report.tally import Tallying
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.errors import LogDamaged, LogError, NotTrusted
from assay.vocabulary import Checkpoint

_TILE = 256
_BATCH = 1024
_NEWEST_NOTES = 100


class ReportedLog(Protocol):
    """What a report needs of a log; every `LogReader` has it, and so has an exported folder."""

    @property
    def size(self) -> int:
        """How many entries there are."""

    def entries(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the entries from `start` up to `end` (not included), in order."""

    def tile(self, level: int, n: int, width: int) -> bytes:
        """The first `width` hashes of a tile, 32 bytes each."""

    def newest_note(self) -> str | None:
        """The newest published checkpoint; None before the first."""

    def notes(self) -> Iterator[str]:
        """All checkpoints that are kept, by size."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a report rests on: a checkpoint, and the newest one up to it that enough witnesses
    cosigned. `needed` is how many of them the policy asks for."""

    keys: tuple[VerifierKey, ...]
    needed: int
    checkpoint: Checkpoint
    witnessed: Checkpoint | None = None


def newest_anchor(log: ReportedLog, trust: Trust) -> Anchor:
    """What a report of the log rests on today.

    Raises:
        LogError: no checkpoint was published yet.
        NotTrusted, BadNote: the newest checkpoint is not signed by all of the log's keys.
    """
    note = log.newest_note()
    if note is None:
        raise LogError(
            "The log has no checkpoint yet, so there is nothing that a report could rest on.",
            next_step="Append something first.",
        )
    newest = trusted_checkpoint(note, replace(trust, needed=0)).checkpoint
    return Anchor(trust.log_keys, trust.needed, newest, _newest_witnessed(log, trust, newest.size))


def _newest_witnessed(log: ReportedLog, trust: Trust, size: int) -> Checkpoint | None:
    """The newest that holds; signatures are checked from the newest back, for there may be many."""
    if not trust.needed:
        return None
    # Among the newest there is almost always one; if not, all of them are looked at.
    newest = deque(log.notes(), maxlen=_NEWEST_NOTES)
    found = _last_witnessed(reversed(newest), trust, size)
    if found is None and len(newest) == _NEWEST_NOTES:
        for note in log.notes():
            found = _last_witnessed([note], trust, size) or found
    return found


def _last_witnessed(notes: Iterable[str], trust: Trust, size: int) -> Checkpoint | None:
    """The first of the notes that enough witnesses cosigned and that is no larger than `size`."""
    for note in notes:
        try:
            kept = trusted_checkpoint(note, trust).checkpoint
        except NotTrusted:
            continue
        if kept.size <= size:
            return kept
    return None


def make_report(
    log: ReportedLog,
    anchor: Anchor,
    question: Question,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """The report as JSON; `progress` is told how many entries were read.

    Raises:
        LogDamaged: the entries do not have the roots that the checkpoints promise; says which entry.
        LogError: the log is shorter than its checkpoint, or cannot be read.
    """
    witnessed_size = 0 if anchor.witnessed is None else anchor.witnessed.size
    tallying = Tallying(question, witnessed_size)
    reviews = Reviews(question.since, question.until)
    hashing = _Hashing(log, anchor)
    unreadable = 0
    for index, data in whole(log, anchor.checkpoint.size):
        hashing.add(index, data)
        if data is None:
            unreadable += 1
            continue
        try:
            event = event_of(data)
        except LogDamaged as error:
            raise LogDamaged(f"Entry {index}: {error.message}", next_step=_RUN_VERIFY) from error
        tallying.add(index, event)
        reviews.add(index, event)
        if index % _BATCH == 0:
            progress(index)
    hashing.finish()
    tally = tallying.tally()
    limits = order.limits_of(question)
    days = tallying.first_day, tallying.last_day
    return numbers(
        tally, order.until_the_end(tally.order, limits), reviews, days, _log(anchor, unreadable)
    )


def whole(log: ReportedLog, size: int) -> Iterator[tuple[int, bytes | None]]:
    """Every index below `size`, with None for an entry that is archived and not here.

    Raises:
        LogDamaged: the log is shorter.
    """
    if log.size < size:
        raise LogDamaged(
            f"The log has {log.size} entries, but its checkpoint promises {size}.",
            next_step=_RUN_VERIFY,
        )
    expected = 0
    for index, data in log.entries(0, size):
        if index < expected:
            raise LogDamaged(f"Entry {index} comes twice.", next_step=_RUN_VERIFY)
        for missing in range(expected, index):
            yield missing, None
        yield index, data
        expected = index + 1
    for missing in range(expected, size):
        yield missing, None


class _Hashing:
    """Follows the tree, and compares its root with those that are promised."""

    def __init__(self, log: ReportedLog, anchor: Anchor) -> None:
        self._log = log
        self._size = anchor.checkpoint.size
        promises = [anchor.checkpoint, anchor.witnessed]
        self._promised = {one.size: one.root for one in promises if one is not None}
        self._tree = CompactRange()
        self._leaves: list[bytes] = []
        self._tile: tuple[int, bytes] = (-1, b"")

    def add(self, index: int, data: bytes | None) -> None:
        """The next entry; its kept hash stands for one that is not here."""
        self._leaves.append(self._kept(index) if data is None else leaf_hash(data))
        if len(self._leaves) == _BATCH or index + 1 in self._promised:
            self._grow()

    def finish(self) -> None:
        """Compare the last root.

        Raises:
            LogDamaged: it is not the promised one.
        """
        self._grow()

    def _grow(self) -> None:
        self._tree, self._leaves = self._tree.append(self._leaves), []
        promised = self._promised.get(self._tree.size)
        if promised is not None and promised != self._tree.root:
            raise LogDamaged(
                f"The first {self._tree.size} entries do not have the root that the checkpoint "
                f"promises: {self._where()}.",
                next_step=_RUN_VERIFY,
            )

    def _where(self) -> str:
        """The first entry that is not what its kept hash says, if the hashes were left alone."""
        for index, data in whole(self._log, self._tree.size):
            if data is not None and leaf_hash(data) != self._kept(index):
                return f"entry {index} is not what was hashed"
        return "the entries and the hashes beside them agree, so both were rewritten"

    def _kept(self, index: int) -> bytes:
        number, offset = divmod(index, _TILE)
        if self._tile[0] != number:
            width = min(_TILE, self._size - number * _TILE)
            self._tile = number, self._log.tile(0, number, width)
        return self._tile[1][offset * HASH_BYTES : (offset + 1) * HASH_BYTES]


def _log(anchor: Anchor, unreadable: int) -> Mapping[str, Any]:
    seen, witnessed = anchor.checkpoint, anchor.witnessed
    return {
        "origin": seen.origin,
        "size": seen.size,
        "root": seen.root.hex(),
        "checkpoint": seen.note,
        "verifier_keys": sorted(str(key) for key in anchor.keys),
        "witnesses_needed": anchor.needed,
        "witnessed": None
        if witnessed is None
        else {"size": witnessed.size, "root": witnessed.root.hex(), "checkpoint": witnessed.note},
        "unreadable": unreadable,
    }


_RUN_VERIFY = "Run `assay log verify` to see what else is wrong."
