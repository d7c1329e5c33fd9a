"""From the outbox to the log: each event once, in order, whatever fails in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from assay.audit_log.emitting.delivery import Delivery, deliver
from assay.audit_log.entry import entry_bytes, new_event
from assay.errors import DiskFull
from assay.stores.records import SqlRecordStore, open_store
from assay.stores.tables import outbox
from assay.vocabulary import Event
from tests.audit_log.emitting.fakes import ACTOR, CLINIC, NOON, MemoryLog, full_disk


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlRecordStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'records.sqlite'}")
    yield opened
    opened.close()


def event(number: int) -> Event:
    """The event with this number."""
    return new_event(
        "note",
        occurred_at=NOON,
        actor=ACTOR,
        action=f"write {number}",
        target=CLINIC,
        event_id=f"event-{number}",
    )


def emit(store: SqlRecordStore, *events: Event) -> None:
    """Commit events one transaction each."""
    for one in events:
        with store.change() as change:
            change.emit(one)


def test_what_waits_is_delivered_once_and_in_order(store: SqlRecordStore, log: MemoryLog) -> None:
    emit(store, *map(event, range(7)))
    assert deliver(store, log, batch_events=3) == Delivery(7)
    assert log.events == [event(number) for number in range(7)]
    assert [store.delivered_index(f"event-{number}") for number in range(7)] == list(range(7))
    assert deliver(store, log) == Delivery(0)
    assert len(log.tickets) == 3


def test_an_event_that_the_log_has_already_keeps_its_index(
    store: SqlRecordStore, log: MemoryLog
) -> None:
    log.append(event(2))
    emit(store, event(1), event(2))
    assert deliver(store, log) == Delivery(2)
    assert len(log.entries) == 2
    assert store.delivered_index("event-2") == 0


@pytest.mark.parametrize("way", ["refuses", "loses"])
def test_what_the_log_does_not_acknowledge_waits_on(
    way: str, store: SqlRecordStore, log: MemoryLog
) -> None:
    emit(store, event(1))
    setattr(log, way, full_disk())
    with pytest.raises(DiskFull):
        deliver(store, log)
    assert len(store.waiting_events()) == 1
    setattr(log, way, None)
    assert deliver(store, log) == Delivery(1)


def test_an_event_that_no_entry_can_hold_does_not_hold_up_the_others(
    store: SqlRecordStore, log: MemoryLog, caplog: pytest.LogCaptureFixture
) -> None:
    emit(store, event(1), replace(event(2), type="of_another_program"), event(3))
    for _ in range(2):
        delivery = deliver(store, log, batch_events=1)
        assert delivery.refused == ("event-2",)
    assert [one.id for one in log.events] == ["event-1", "event-3"]
    assert [one.event_id for one in store.waiting_events()] == ["event-2"]
    assert "event-2 waits in the outbox and cannot be appended (UnknownEventType)" in caplog.text


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"\xff", None, entry_bytes(event(9))],
    ids=["none", "no event", "not UTF-8", "null", "another event"],
)
def test_bytes_that_were_changed_are_refused(
    payload: bytes | None, store: SqlRecordStore, log: MemoryLog
) -> None:
    emit(store, event(1), event(2))
    changed = update(outbox).where(outbox.c.event_id == "event-1").values(payload=payload)
    with store.change() as change:
        change.execute(changed)
    assert deliver(store, log) == Delivery(1, ("event-1",))
    assert log.event == event(2)
