"""A record's change and its event commit together, or neither does; on every database."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from assay.audit_log import entry
from assay.errors import BadEvent, EntryTooLarge, NaiveInstant, StoreError
from assay.stores import outbox
from assay.stores.interface import AssessmentRecord, KeptStep
from assay.stores.outbox import payload_of
from assay.stores.records import SqlRecordStore, open_store
from assay.stores.tables import kept_step
from assay.vocabulary import Event, Severity, Target, TargetKind

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def event(number: int, **changes: object) -> Event:
    """The event with this number."""
    made = Event(
        id=f"00000000-0000-4000-8000-{number:012}",
        occurred_at=NOON,
        type="note",
        severity=Severity.LOW,
        actor="actor:1",
        action="write",
        target=Target(TargetKind.SYSTEM, "clinic"),
        outcome="success",
        detail={"number": number},
    )
    return replace(made, **changes)


def record(number: int) -> AssessmentRecord:
    """The assessment with this number."""
    return AssessmentRecord(f"a{number}", NOON, "quick", 0, "finished", number)


def waiting(store: SqlRecordStore) -> list[str]:
    """The ids of the events that wait."""
    return [one.event_id for one in store.waiting_events()]


def test_a_change_and_its_event_commit_together(store: SqlRecordStore) -> None:
    with store.change() as change:
        change.execute(insert(kept_step), {"key": "k", "kept_at": NOON, "entries": [7]})
        change.emit(event(1))
    assert store.kept_step("k") == KeptStep("k", NOON, (7,))
    assert waiting(store) == [event(1).id]


def test_a_change_that_raises_leaves_neither(store: SqlRecordStore) -> None:
    def fail_within() -> None:
        with store.change() as change:
            change.execute(insert(kept_step), {"key": "k", "kept_at": NOON, "entries": []})
            change.emit(event(1))
            raise RuntimeError("after both")

    with pytest.raises(RuntimeError, match="after both"):
        fail_within()
    assert store.kept_step("k") is None
    assert waiting(store) == []


def test_a_record_that_is_refused_takes_its_event_along(store: SqlRecordStore) -> None:
    store.add_assessment(record(1), [event(1)])
    with pytest.raises(StoreError, match="kept already"):
        store.add_assessment(record(1), [event(2)])
    assert waiting(store) == [event(1).id]


def test_an_event_that_is_refused_takes_its_record_along(store: SqlRecordStore) -> None:
    with pytest.raises(EntryTooLarge, match="more than an entry holds"):
        store.add_assessment(record(1), [event(1, detail={"text": "x" * 70_000})])
    assert store.latest_assessment() is None
    store.keep_steps((KeptStep("k", NOON, ()),), [event(2)])
    with pytest.raises(StoreError):
        store.keep_steps((KeptStep("l", NOON, ()),), [event(2)])
    assert store.kept_step("l") is None
    assert waiting(store) == [event(2).id]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (event(1, occurred_at=NOON.replace(tzinfo=None)), NaiveInstant),
        (event(1, detail={"text": "half a pair \ud800"}), BadEvent),
        (event(1, detail={"number": 2**60}), BadEvent),
        (event(1, detail={"number": float("nan")}), BadEvent),
        (event(1, detail={"set": {1}}), BadEvent),
    ],
    ids=["naive instant", "not Unicode", "inexact number", "not a number", "no JSON"],
)
def test_what_no_entry_can_hold_is_refused_by_name(bad: Event, error: type[BadEvent]) -> None:
    with pytest.raises(error):
        payload_of(bad)


def test_the_limit_is_that_of_an_entry() -> None:
    assert outbox.ENTRY_BYTES_MAX == entry.ENTRY_BYTES_MAX


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(_TEXT, _TEXT, st.dictionaries(_TEXT, _JSON, max_size=4), st.sampled_from(list(Severity)))
def test_the_bytes_that_wait_are_those_of_the_entry(
    action: str, actor: str, detail: dict[str, object], severity: Severity
) -> None:
    made = event(1, action=action, actor=actor, detail=detail, severity=severity)
    assert payload_of(made) == entry.entry_bytes(made)
    assert entry.entry_bytes(entry.event_of(payload_of(made))) == payload_of(made)


def test_events_wait_in_order_and_in_pages(store: SqlRecordStore) -> None:
    with store.change() as change:
        for number in (3, 1, 2):
            change.emit(event(number))
    first = store.waiting_events(2)
    assert [one.event_id[-1] for one in first] == ["3", "1"]
    [last] = store.waiting_events(2, after=first[-1].number)
    assert last.event_id == event(2).id
    assert last.payload == entry.entry_bytes(event(2))
    assert last.created_at.tzinfo is UTC


def test_what_was_delivered_keeps_its_index_and_not_its_bytes(
    url: str, store: SqlRecordStore
) -> None:
    with store.change() as change:
        change.emit(event(1, detail={"secret": "Kanarienvogel"}))
        change.emit(event(2))
    [first, _] = store.waiting_events()
    store.mark_delivered({first.number: 41})
    assert waiting(store) == [event(2).id]
    assert store.delivered_index(event(1).id) == 41
    assert store.delivered_index(event(2).id) is None
    assert store.delivered_index("never emitted") is None
    with store.change() as change:
        rows = change.execute(select(outbox.outbox.c.payload).order_by(outbox.outbox.c.number))
        assert [row.payload is None for row in rows] == [True, False]
    store.close()
    if url.startswith("sqlite:///"):
        file = Path(url.removeprefix("sqlite:///"))
        found = [path for path in file.parent.iterdir() if b"Kanarienvogel" in path.read_bytes()]
        assert found == []


def test_numbers_are_not_given_twice(store: SqlRecordStore) -> None:
    numbers = []
    for number in range(3):
        with store.change() as change:
            change.emit(event(number))
        [one] = store.waiting_events()
        numbers.append(one.number)
        store.mark_delivered({one.number: number})
    assert numbers == sorted(set(numbers))


def test_two_changes_at_once_are_both_kept(url: str, store: SqlRecordStore) -> None:
    other = open_store(url)
    failures: list[BaseException] = []

    def emit_many(through: SqlRecordStore, first: int) -> None:
        try:
            for number in range(first, first + 20):
                with through.change() as change:
                    change.execute(select(kept_step.c.key)).all()
                    change.emit(event(number))
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [
        threading.Thread(target=emit_many, args=(through, first))
        for through, first in ((store, 0), (other, 100))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert failures == []
    assert len(waiting(store)) == 40
