"""From the outbox of the records to the log: every event that was committed, once, in order.

Life of an event in the outbox:

1. A transaction of the records changes a row and keeps the event's canonical bytes beside it
   (`stores/outbox.py`). Both are durable, or neither ever was.
2. `deliver` appends what waits to the log. The log knows an event by its id: one that it has already
   gets its old index and is not written again.
3. Only when the log says that the events are on disk are they marked as delivered.

A process that is killed between 1 and 2, or between 2 and 3, leaves events waiting; the next delivery
sends them, or sends them again, which changes nothing. Two deliveries at once are harmless for the
same reason.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from assay.audit_log.emitting.interface import EventLog
from assay.audit_log.entry import event_of, prepare
from assay.errors import BadEvent, LogDamaged
from assay.stores.interface import WaitingEvent
from assay.vocabulary import Event

BATCH_EVENTS_MAX = 500
_logger = logging.getLogger("assay.emitting")


class Outbox(Protocol):
    """The part of the records that delivery works on."""

    def waiting_events(self, limit: int = 500, *, after: int = 0) -> tuple[WaitingEvent, ...]:
        """Events that are not known to be in the log yet, in the order in which they were emitted."""

    def mark_delivered(self, indices: dict[int, int]) -> None:
        """Note the log's index of each of these, by number in the outbox."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a delivery did."""

    delivered: int
    refused: tuple[str, ...] = ()
    """Ids of events that no entry can hold; they wait on, and do not hold up the others.

    The cause is a type that only another program registers, or bytes that were changed."""


def deliver(store: Outbox, log: EventLog, *, batch_events: int = BATCH_EVENTS_MAX) -> Delivery:
    """Append every event that waits to the log, in order, and mark it as delivered.

    What was delivered before an error stays delivered; the rest waits on.

    Raises:
        LogError, DiskFull: the log cannot be written.
        StoreError: the records cannot be read or written.
    """
    delivered, refused, after = 0, list[str](), 0
    while waiting := store.waiting_events(batch_events, after=after):
        after = waiting[-1].number
        numbers, events, bad = _sorted_out(waiting)
        refused += bad
        if events:
            indices = log.append_many(events).sequenced()
            store.mark_delivered(dict(zip(numbers, indices, strict=True)))
            delivered += len(events)
    return Delivery(delivered, tuple(refused))


def _sorted_out(waiting: Sequence[WaitingEvent]) -> tuple[list[int], list[Event], list[str]]:
    """Numbers and events that the log will take, and the ids of those that it cannot."""
    numbers, events, refused = list[int](), list[Event](), list[str]()
    for one in waiting:
        try:
            event = event_of(one.payload)
            if event.id != one.event_id:
                raise LogDamaged(f"The bytes of the event {one.event_id} are another event's.")
            prepare(event)
        except (BadEvent, LogDamaged) as error:
            _logger.warning(
                "The event %s waits in the outbox and cannot be appended (%s).",
                one.event_id,
                type(error).__name__,
            )
            refused.append(one.event_id)
            continue
        numbers.append(one.number)
        events.append(event)
    return numbers, events, refused
