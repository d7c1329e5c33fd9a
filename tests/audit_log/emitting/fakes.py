"""A log in memory that can be told to fail, full or slow; it keeps the promises of `EventLog`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from assay.audit_log.entry import event_of, prepare
from assay.errors import DiskFull, LogError
from assay.vocabulary import Event, Target, TargetKind

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLINIC = Target(TargetKind.SYSTEM, "clinic")
ACTOR = "actor:000102030405060708090a0b0c0d0e0f"


def noon() -> datetime:
    """A clock that stands still."""
    return NOON


@dataclass
class MemoryTicket:
    """A promise that was kept, or is kept when `release` is set."""

    indices: tuple[int, ...]
    error: Exception | None = None
    waited: bool = False

    def sequenced(self, timeout_seconds: float | None = None) -> tuple[int, ...]:
        self.waited = True
        if self.error is not None:
            raise self.error
        return self.indices


@dataclass
class MemoryLog:
    """Entries by id; `refuses` makes appends fail at once, `loses` makes tickets fail."""

    entries: dict[str, bytes] = field(default_factory=dict)
    tickets: list[MemoryTicket] = field(default_factory=list)
    refuses: Exception | None = None
    loses: Exception | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def append(self, event: Event) -> MemoryTicket:
        return self.append_many([event])

    def append_many(self, events: Sequence[Event]) -> MemoryTicket:
        prepared = [prepare(event) for event in events]
        if self.refuses is not None:
            raise self.refuses
        with self.lock:
            if self.loses is None:
                for one in prepared:
                    self.entries.setdefault(one.event.id, one.data)
            ids = list(self.entries)
            indices = tuple(ids.index(e.id) for e in events) if self.loses is None else ()
            ticket = MemoryTicket(indices, self.loses)
            self.tickets.append(ticket)
        return ticket

    async def append_async(self, events: Sequence[Event]) -> tuple[int, ...]:
        return self.append_many(events).sequenced()

    @property
    def events(self) -> list[Event]:
        """What was appended, in order."""
        return [event_of(data) for data in self.entries.values()]

    @property
    def event(self) -> Event:
        """The one event that was appended."""
        [event] = self.events
        return event


def full_disk() -> DiskFull:
    """What a log says that has no room."""
    return DiskFull("No space is left for the log.")


def closed() -> LogError:
    """What a log says that was closed."""
    return LogError("The log was closed.")
