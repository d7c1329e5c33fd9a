"""The outbox: an event that is committed together with the change of the record that it speaks of.

    with store.change() as change:
        change.execute(update(consent).where(...).values(withdrawn_at=now))
        change.emit(event)

Either both are durable when the block ends, or neither ever was. The event waits here as the
canonical bytes of its entry until `audit_log/emitting/delivery.py` has it in the log; then its bytes
are removed, so that the records keep no second copy of what a person may ask to have erased, and the
index of its entry stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, bindparam, insert, select, update

from assay.canonical import canonical_bytes, to_json
from assay.errors import BadEvent, EntryTooLarge, NaiveInstant
from assay.stores.interface import WaitingEvent
from assay.stores.tables import outbox
from assay.vocabulary import Event

ENTRY_BYTES_MAX = 65_535
"""The limit of `audit_log/entry.py`, which is above this room; a test holds them equal."""

Rows = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Change:
    """A transaction of the records that is under way: rows that change, and their events."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def execute(self, statement: Executable, rows: Rows | None = None) -> CursorResult[Any]:
        """Carry out a statement of SQLAlchemy Core within this transaction."""
        result = self._connection.execute(statement, rows)
        assert isinstance(result, CursorResult)  # noqa: S101 - Core on a synchronous engine
        return result

    def emit(self, event: Event) -> None:
        """Keep an event for the log; it is sent if, and only if, this transaction commits.

        Raises:
            BadEvent: no log entry can hold it; the transaction is then rolled back as a whole.
        """
        row = {"event_id": event.id, "created_at": self._now, "payload": payload_of(event)}
        self._connection.execute(insert(outbox), row)


def payload_of(event: Event) -> bytes:
    """The bytes of the event's entry.

    Raises:
        NaiveInstant: the instant has no zone.
        EntryTooLarge: more than 65,535 bytes.
        BadEvent: it holds a value that JSON does not, or text that is not Unicode.
    """
    if event.occurred_at.tzinfo is None:
        raise NaiveInstant(
            "An event's instant has no zone.", next_step="Give it in UTC: datetime.now(UTC)."
        )
    try:
        fields = to_json(event)
        assert isinstance(fields, dict)  # noqa: S101 - a dataclass becomes an object
        data = canonical_bytes({"v": 1, **fields})
    except (TypeError, ValueError) as error:
        raise BadEvent(
            f"An event of type {event.type} holds a value that no entry can hold.",
            next_step="Give text in Unicode, exact numbers, lists and objects.",
        ) from error
    if len(data) > ENTRY_BYTES_MAX:
        raise EntryTooLarge(
            f"An event of type {event.type} is {len(data)} bytes long, more than an entry holds.",
            next_step="Keep the detail elsewhere and give its digest.",
        )
    return data


def waiting_events(
    connection: Connection, limit: int, *, after: int = 0
) -> tuple[WaitingEvent, ...]:
    """Events that are not known to be in the log yet, by number, from the one after `after` on."""
    wanted = (
        select(outbox.c.number, outbox.c.event_id, outbox.c.created_at, outbox.c.payload)
        .where(outbox.c.delivered_index.is_(None), outbox.c.number > after)
        .order_by(outbox.c.number)
        .limit(limit)
    )
    return tuple(WaitingEvent(**row._mapping) for row in connection.execute(wanted))


def mark_delivered(connection: Connection, indices: Mapping[int, int]) -> None:
    """Note where the log has these events, by number in the outbox, and remove their bytes."""
    if not indices:
        return
    done = update(outbox).where(outbox.c.number == bindparam("at"))
    values = done.values(delivered_index=bindparam("index"), payload=None)
    connection.execute(values, [{"at": n, "index": index} for n, index in indices.items()])


def delivered_index(connection: Connection, event_id: str) -> int | None:
    """The index of the event's entry; None while it waits, or if there is no such event."""
    found = select(outbox.c.delivered_index).where(outbox.c.event_id == event_id)
    index = connection.execute(found).scalar()
    return None if index is None else int(index)
