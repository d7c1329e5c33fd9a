"""The door of the stores: what the records can be asked, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from assay.vocabulary import Event


@dataclass(frozen=True, slots=True)
class AssessmentRecord:
    """One assessment that was kept; everything else about it is in the log."""

    id: str
    as_of: datetime
    depth: str
    seed: int
    outcome: str
    log_index: int
    """The entry that closes it and names all its evidence."""


@dataclass(frozen=True, slots=True)
class KeptStep:
    """What a step of an assessment saw, by the digest of everything that it depends on."""

    key: str
    kept_at: datetime
    entries: tuple[int, ...]
    """The log entries of its observations. They name the key too: this is only an index to them."""


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event that was committed with a record's change and is not known to be in the log yet."""

    number: int
    """Its place in the outbox; later events of one process have larger ones."""
    event_id: str
    created_at: datetime
    payload: bytes
    """The canonical bytes of its entry."""


class RecordChange(Protocol):
    """A transaction that is under way."""

    def execute(self, statement: Any, rows: Any = None) -> Any:
        """Carry out a statement of SQLAlchemy Core."""

    def emit(self, event: Event) -> None:
        """Keep an event for the log; it is sent if, and only if, the transaction commits.

        Raises:
            BadEvent: no log entry can hold it.
        """


class RecordStore(Protocol):
    """Records of assay's own work. A call is one transaction; what it returned is durable.

    `events` are committed with the change, wait in the outbox, and reach the log by
    `audit_log/emitting/delivery.py`.
    """

    def change(self) -> AbstractContextManager[RecordChange]:
        """One transaction: committed when the block ends, rolled back whole when it raises.

        Raises:
            StoreError: the database refuses, or an event with the same id was emitted before.
        """

    def add_assessment(self, record: AssessmentRecord, events: Sequence[Event] = ()) -> None:
        """Keep a record.

        Raises:
            StoreError: there is one with this id, or the database refuses.
        """

    def latest_assessment(self) -> AssessmentRecord | None:
        """The newest by instant, None if there is none."""

    def assessments(self, limit: int = 100) -> tuple[AssessmentRecord, ...]:
        """The newest first."""

    def keep_steps(self, steps: tuple[KeptStep, ...], events: Sequence[Event] = ()) -> None:
        """Keep what these steps saw; a step kept before under the same key is replaced."""

    def kept_step(self, key: str) -> KeptStep | None:
        """What the step with this key saw, None if it was never kept."""

    def forget_steps(self) -> int:
        """Forget every kept step, so that the next assessment looks again; how many there were."""

    def waiting_events(self, limit: int = 500, *, after: int = 0) -> tuple[WaitingEvent, ...]:
        """Events that the outbox holds for the log, by number, from the one after `after` on."""

    def mark_delivered(self, indices: Mapping[int, int]) -> None:
        """Note the log's index of each of these, by number in the outbox; their bytes are removed."""

    def delivered_index(self, event_id: str) -> int | None:
        """The index of the event's entry; None while it waits, or if there is no such event."""

    def revision(self) -> str | None:
        """The revision of the schema that the database has, None if it has none."""

    def close(self) -> None:
        """Release the connections."""
