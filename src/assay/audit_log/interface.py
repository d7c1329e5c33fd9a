"""The door of the audit log: what a reader can ask, what a backend must do, what verifying reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from assay.audit_log.merkle import CompactRange
from assay.audit_log.notes import VerifierKey
from assay.vocabulary import Checkpoint, Event, Exhibit, Severity

PAGE_MAX = 100_000


class Damage(StrEnum):
    """What a fault has damaged: the evidence itself, or only an index that can be rebuilt."""

    EVIDENCE = "evidence"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not verify, and where: `entry 17`, `checkpoint of size 40`."""

    place: str
    what: str
    damage: Damage = Damage.EVIDENCE


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying a log found. Clean means no fault at all; the first fault comes first."""

    size: int
    root: bytes
    newest: Checkpoint | None
    """The newest checkpoint whose signature and root hold."""
    checkpoints: int
    cited: int
    """How many pieces of evidence and exhibits are cited by entries."""
    faults: tuple[Fault, ...]
    witnessed: Checkpoint | None = None
    """The newest checkpoint that enough witnesses cosigned. What lies after it, whoever has the
    database and the log's key can still change."""

    @property
    def clean(self) -> bool:
        """Whether everything verified."""
        return not self.faults

    @property
    def evidence_intact(self) -> bool:
        """Whether nothing worse than an index is damaged."""
        return all(fault.damage is Damage.INDEX for fault in self.faults)


class PageKey(NamedTuple):
    """Where a page ended: the instant and the index of its last entry."""

    occurred_at: datetime
    entry: int


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are wanted; None does not filter. `since` is included, `until` is not.

    Events come newest first by `occurred_at`, then by index. `after` is the key of the last event of
    the page before, so that paging neither repeats nor skips, however many events come meanwhile.
    """

    type: str | None = None
    actor: str | None = None
    severity_min: Severity | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100
    target: str | None = None
    """`kind:name`, as `dataset:patients`."""
    outcome: str | None = None
    after: PageKey | None = None

    def next_page(self, last: PageKey) -> EventQuery:
        """The query of the page that follows the one that ended here."""
        return replace(self, after=last)


class Prepared(NamedTuple):
    """An event as it will be stored. Made in the caller's thread, so that errors reach the caller."""

    event: Event
    data: bytes
    leaf: bytes


class Unit(NamedTuple):
    """Events and what they cite, written together or not at all."""

    entries: Sequence[Prepared]
    exhibits: Sequence[Exhibit] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What one commit did: the indices of each unit's events, the tree after it, what was new."""

    indices: tuple[tuple[int, ...], ...]
    tree: CompactRange
    first: int
    fresh: Sequence[Event]
    """The events that were not in the log before, from index `first` on."""


HeadSigner = Callable[[CompactRange], str]
"""Signs a tree: the text of a checkpoint note."""


class LogReader(Protocol):
    """Reads a log; never changes it."""

    @property
    def verifier(self) -> VerifierKey:
        """The log's public key, by which checkpoints are believed."""

    @property
    def size(self) -> int:
        """How many entries there are."""

    @property
    def minimum_index(self) -> int:
        """The first entry whose bytes are still here; those before it were archived or removed."""

    def entry(self, index: int) -> bytes:
        """The bytes of an entry, as they were hashed.

        Raises:
            LogError: there is no such entry, or it was archived and is not here any more.
        """

    def entries(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the entries from `start` up to `end` (not included), in order."""

    def tile(self, level: int, n: int, width: int) -> bytes:
        """The first `width` (1..256) hashes of a tile (c2sp.org/tlog-tiles), 32 bytes each.

        Raises:
            LogError: the log does not reach so far.
        """

    def cited_bytes(self, digest: str) -> bytes:
        """The evidence or exhibit with this digest, checked against it.

        Raises:
            LogError: it is not kept here.
            LogDamaged: the bytes do not have this digest.
        """

    def media_type(self, digest: str) -> str:
        """The media type of cited bytes.

        Raises:
            LogError: they are not kept here.
        """

    def query(self, wanted: EventQuery) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the matching entries, newest first."""

    def count(self, wanted: EventQuery) -> int:
        """How many entries match, without a limit."""

    def newest_note(self) -> str | None:
        """The newest published checkpoint, verbatim with all signatures; None before the first."""

    def newest_checkpoint(self) -> Checkpoint | None:
        """The newest published checkpoint, its signature checked.

        Raises:
            BadNote: its signature does not hold.
        """

    def checkpoint_covering(self, index: int) -> Checkpoint | None:
        """The oldest published checkpoint that covers an entry, checked; None if none does."""

    def close(self) -> None:
        """Release what it reads through."""

    def __enter__(self) -> Self:
        """The reader, closed when the block ends."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""

    def notes(self) -> Iterator[str]:
        """All published checkpoints, by size."""


Kind = tuple[str, int, str]
"""Type, severity and outcome, as an index keeps them together."""

IndexRow = tuple[int, int, Kind | None, str | None, str | None]
"""Entry, microseconds since 1970, kind, actor, `kind:name` of the target; None: its text is lost."""


class Evidence(Protocol):
    """Everything that a backend stores, as it is stored, for verification. In the order of entries."""

    def stored_entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Index, bytes and stored leaf hash of every entry that is still here."""

    def archived_hashes(self) -> Iterator[tuple[int, bytes]]:
        """Number and the 256 leaf hashes of each level-0 tile whose entries were archived."""

    def stored_nodes(self) -> Iterator[tuple[int, int, bytes]]:
        """Tile level (1 and more), index and hash, by level and index."""

    def stored_heads(self) -> Sequence[tuple[int, bytes, str | None]]:
        """Size, subtrees joined, and note; there should be one."""

    def stored_checkpoints(self) -> Sequence[tuple[int, str]]:
        """Size and note of the published checkpoints, by size."""

    def stored_cited(self) -> Iterator[tuple[str, str, bytes]]:
        """Digest, media type and bytes of what is kept beside the entries."""

    def stored_ids(self) -> Iterator[tuple[bytes, int]]:
        """Key of the event's id, and entry; by entry."""

    def stored_index(self) -> tuple[int, Iterator[IndexRow]] | None:
        """How many entries the index says it covers, and its rows; None where there is none."""

    def published_note(self) -> str | None:
        """The checkpoint that lies where readers look for it."""

    def broken_storage(self) -> Sequence[str]:
        """What the database itself finds wrong with its indices."""


class LogStore(LogReader, Protocol):
    """A backend: where a log lives. One thread writes."""

    name: str
    """How messages call it: a folder, or a database without its password."""

    def commit(self, units: Sequence[Unit], sign: HeadSigner) -> Written:
        """Write units in one durable transaction; the head carries the signed tree.

        An event whose id is in the log already gets its old index and is not written again.

        Raises:
            DiskFull, LogBusy, LogDamaged, LogError: nothing of it was written, or (after a failed
                sync) nothing may be told about it; `recover` says what is there.
        """

    def recover(self) -> CompactRange:
        """Open it again after a failure, and read what is really there."""

    def tree(self) -> CompactRange:
        """The tree at the head."""

    def head_note(self) -> str | None:
        """The head's own checkpoint, signed in the commit; None while the log is empty."""

    def keep_checkpoint(self, size: int, note: str) -> None:
        """Keep a published checkpoint, durably, and put it where readers look for it."""

    def settle(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the index has caught up with the entries; False when the time is over."""

    def close(self) -> None:
        """Release everything."""
