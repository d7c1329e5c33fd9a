"""Whether an event is wanted, and in which order; the same for every backend."""

from __future__ import annotations

from collections.abc import Iterator

from assay.audit_log.entry import event_of
from assay.audit_log.interface import EventQuery, LogReader
from assay.canonical import microseconds
from assay.vocabulary import Event


def matches(event: Event, index: int, wanted: EventQuery) -> bool:
    """Whether this event is one that is wanted."""
    checks = (
        wanted.type is None or event.type == wanted.type,
        wanted.actor is None or event.actor == wanted.actor,
        wanted.severity_min is None or event.severity >= wanted.severity_min,
        wanted.since is None or event.occurred_at >= wanted.since,
        wanted.until is None or event.occurred_at < wanted.until,
        wanted.outcome is None or event.outcome == wanted.outcome,
        wanted.target is None or f"{event.target.kind.value}:{event.target.name}" == wanted.target,
        wanted.after is None or (event.occurred_at, index) < tuple(wanted.after),
    )
    return all(checks)


def sort_key(event: Event, index: int) -> tuple[int, int]:
    """Events are listed by instant, then by their order in the log."""
    return microseconds(event.occurred_at), index


def read_events(reader: LogReader, wanted: EventQuery) -> Iterator[tuple[int, Event]]:
    """The matching events with their indices, newest first."""
    for index, data in reader.query(wanted):
        yield index, event_of(data)
