"""The door of the audit log: what a reader can ask, and what verification reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from assay.vocabulary import Checkpoint, Severity


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

    @property
    def clean(self) -> bool:
        """Whether everything verified."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are wanted; None does not filter. `since` is included, `until` is not."""

    type: str | None = None
    actor: str | None = None
    severity_min: Severity | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100


class LogReader(Protocol):
    """Reads a log; never changes it."""

    @property
    def size(self) -> int:
        """How many entries there are."""

    def entry(self, index: int) -> bytes:
        """The bytes of an entry, as they were hashed.

        Raises:
            LogError: there is no such entry.
        """

    def cited_bytes(self, digest: str) -> bytes:
        """The evidence or exhibit with this digest, checked against it.

        Raises:
            LogError: it is not kept here.
            LogDamaged: the bytes do not have this digest.
        """

    def query(self, wanted: EventQuery) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the matching entries, newest first."""

    def newest_checkpoint(self) -> Checkpoint | None:
        """The newest signed checkpoint, its signature checked.

        Raises:
            BadNote: its signature does not hold.
        """
