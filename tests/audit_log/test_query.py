"""Queries give what going over all events gives, in the promised order, however they are paged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.audit_log.backends._sqlite_index import IndexReader
from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_files import INDEX
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.entry import new_event
from assay.audit_log.interface import EventQuery, PageKey
from assay.audit_log.log import AuditLog
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.query import matches, read_events, sort_key
from assay.errors import LogDamaged
from assay.vocabulary import Event, Severity, Target, TargetKind
from tests.audit_log.conftest import NOON, SIGNER

SECONDS = st.integers(-5, 5) | st.sampled_from([-3_600, 315_360_000, 10**9])
"""Few instants, so that many are equal; an hour back and ten years forward among them."""
ACTORS = ["actor:a", "actor:b", "", "äö\u0000\U0001f600"]
TARGETS = [Target(TargetKind.DATASET, "patients"), Target(TargetKind.MODEL, "patients")]
TYPES = ["note", "user_login", "data_access"]
OUTCOMES = ["success", "failure"]

INSTANTS = SECONDS.map(lambda seconds: NOON + timedelta(seconds=seconds))
EVENTS = st.lists(
    st.builds(
        lambda at, type_, severity, actor, target, outcome: (
            at,
            type_,
            severity,
            actor,
            target,
            outcome,
        ),
        INSTANTS,
        st.sampled_from(TYPES),
        st.none() | st.sampled_from(Severity),
        st.sampled_from(ACTORS),
        st.sampled_from(TARGETS),
        st.sampled_from(OUTCOMES),
    ),
    min_size=1,
    max_size=40,
)
QUERIES = st.builds(
    EventQuery,
    type=st.none() | st.sampled_from([*TYPES, "assessment"]),
    actor=st.none() | st.sampled_from([*ACTORS, "nobody"]),
    severity_min=st.none() | st.sampled_from(Severity),
    since=st.none() | INSTANTS,
    until=st.none() | INSTANTS,
    limit=st.integers(1, 7),
    target=st.none() | st.sampled_from(["dataset:patients", "model:patients", "model:none"]),
    outcome=st.none() | st.sampled_from([*OUTCOMES, ""]),
    after=st.none() | st.builds(PageKey, INSTANTS, st.integers(-1, 41)),
)


def made(rows: list[Any]) -> list[Event]:
    return [
        new_event(
            type_,
            occurred_at=at,
            severity=severity,
            actor=actor,
            action="act",
            target=target,
            outcome=outcome,
            event_id=f"event {number}",
        )
        for number, (at, type_, severity, actor, target, outcome) in enumerate(rows)
    ]


def expected(events: list[Event], wanted: EventQuery) -> list[int]:
    """The indices of all matching events, newest first, without a limit."""
    found = [n for n, event in enumerate(events) if matches(event, n, wanted)]
    return sorted(found, key=lambda n: sort_key(events[n], n), reverse=True)


def answers(reader: SqliteLogReader, wanted: EventQuery) -> list[int]:
    return [index for index, _ in read_events(reader, wanted)]


def pages(reader: SqliteLogReader, wanted: EventQuery) -> Iterator[int]:
    """The indices on all pages from this one on."""
    while page := list(read_events(reader, wanted)):
        yield from (index for index, _ in page)
        wanted = wanted.next_page(PageKey(page[-1][1].occurred_at, page[-1][0]))


def write(folder: Path, events: list[Event], batches: list[int]) -> None:
    """Append in batches that end at these places; the index has caught up."""
    with open_sqlite_log(folder, SIGNER) as log:
        start = 0
        for end in [*sorted(b for b in batches if b < len(events)), len(events)]:
            log.append_many(events[start:end]).sequenced()
            log.settle()
            start = end


def without_tail_of_index(folder: Path, covered: int) -> None:
    """Put the log's index back to where it covered fewer entries."""
    with SqliteLogReader(folder, SIGNER.verifier) as reader:
        events = [event for _, event in sorted(read_events(reader, EventQuery(limit=100)))]
    for suffix in ("", "-wal", "-shm"):
        (folder / f"{INDEX}{suffix}").unlink(missing_ok=True)
    other = folder.with_name("other")
    write(other, events[:covered], [])
    (other / INDEX).rename(folder / INDEX)


@pytest.mark.parametrize("state", ["indexed", "lagging", "not indexed"])
@pytest.mark.usefixtures("small_blocks")
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=EVENTS,
    queries=st.lists(QUERIES, min_size=12, max_size=12),
    batches=st.lists(st.integers(1, 39), max_size=9),
    covered=st.integers(0, 40),
)
def test_queries_give_what_going_over_all_events_gives(
    tmp_path_factory: pytest.TempPathFactory,
    state: str,
    rows: list[Any],
    queries: list[EventQuery],
    batches: list[int],
    covered: int,
) -> None:
    folder = tmp_path_factory.mktemp("query") / "log"
    events = made(rows)
    write(folder, events, batches)
    if state == "lagging":
        without_tail_of_index(folder, min(covered, len(events)))
    elif state == "not indexed":
        (folder / INDEX).unlink()
    with SqliteLogReader(folder, SIGNER.verifier) as reader:
        for wanted in queries:
            everything = expected(events, wanted)
            assert answers(reader, wanted) == everything[: wanted.limit]
            assert reader.count(wanted) == len(everything)
            assert list(pages(reader, wanted)) == everything
    if state == "indexed":
        assert verify(folder, SIGNER.verifier).clean


def test_a_page_goes_on_while_events_come(tmp_path: Path) -> None:
    """An answer is of one instant of the index: nothing comes twice, nothing is left out."""
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        events = made([(NOON, "note", None, "actor:a", TARGETS[0], "success")] * 300)
        log.append_many(events[:100]).sequenced()
        log.settle()
        answer = log.reader.query(EventQuery(limit=1_000))
        first = next(answer)[0]
        for event in events[100:]:
            log.append(event).sequenced()
        log.settle()
        assert [first, *(index for index, _ in answer)] == list(range(99, -1, -1))
        assert log.reader.count(EventQuery()) == 300


def test_no_event_comes_twice_that_is_indexed_while_the_tail_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading what the index covers and asking it, the index grows."""
    events = made([(NOON, "note", None, "actor:a", TARGETS[0], "success")] * 20)
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        log.append_many(events[:10]).sequenced()
        log.settle()
        find = IndexReader.find

        def later(index: IndexReader, wanted: EventQuery) -> Iterator[tuple[int, int]]:
            log.append_many(events[10:]).sequenced()
            assert log.settle(30)
            return find(index, wanted)

        monkeypatch.setattr(IndexReader, "find", later)
        assert answers(log.reader, EventQuery()) == list(range(9, -1, -1))  # type: ignore[arg-type]
        assert answers(log.reader, EventQuery()) == list(range(19, -1, -1))  # type: ignore[arg-type]


def test_no_event_comes_twice_while_the_index_is_filled(tmp_path: Path) -> None:
    def append(log: AuditLog) -> None:
        for number in range(3_000):
            log.append(replace(EXAMPLE, id=f"event {number}"))
        stop.set()

    stop = threading.Event()
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        writing = threading.Thread(target=append, args=(log,))
        writing.start()
        with SqliteLogReader(tmp_path / "log", SIGNER.verifier) as reader:
            while not stop.is_set():
                size = reader.size
                found = answers(reader, EventQuery(limit=10_000))
                assert found == list(range(len(found) - 1, -1, -1))
                assert len(found) >= size
        writing.join()


EXAMPLE = made([(NOON, "note", None, "actor:a", TARGETS[0], "success")])[0]


# Clocks


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "jump", [timedelta(hours=-1), timedelta(days=3653)], ids=["an hour back", "ten years forward"]
)
def test_a_clock_that_jumps_changes_neither_order_nor_answers(
    tmp_path: Path, jump: timedelta
) -> None:
    instants = [
        NOON + timedelta(minutes=n) + (jump if 20 <= n < 30 else timedelta()) for n in range(40)
    ]
    events = made([(at, "note", None, "actor:a", TARGETS[0], "success") for at in instants])
    write(tmp_path / "log", events, [7, 20, 25, 31])
    with SqliteLogReader(tmp_path / "log", SIGNER.verifier) as reader:
        # The log keeps its own order ...
        assert [event.id for _, event in sorted(read_events(reader, EventQuery()))] == [
            f"event {n}" for n in range(40)
        ]
        # ... and queries by time are right on both sides of the jump, page by page.
        for since, until in [(NOON, NOON + timedelta(minutes=25)), (NOON + jump, NOON + jump * 2)]:
            wanted = EventQuery(since=min(since, until), until=max(since, until), limit=3)
            assert list(pages(reader, wanted)) == expected(events, wanted)
        assert list(pages(reader, EventQuery(limit=4))) == expected(events, EventQuery())
    assert verify(tmp_path / "log", SIGNER.verifier).clean


def test_the_ends_of_time(tmp_path: Path) -> None:
    instants = [
        datetime(1, 1, 1, tzinfo=UTC),
        NOON,
        datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
    ]
    events = made([(at, "note", None, "actor:a", TARGETS[0], "success") for at in instants])
    write(tmp_path / "log", events, [2])
    with SqliteLogReader(tmp_path / "log", SIGNER.verifier) as reader:
        assert answers(reader, EventQuery()) == [3, 1, 2, 0]
        assert answers(reader, EventQuery(until=NOON)) == [2, 0]
        assert [e.occurred_at for _, e in sorted(read_events(reader, EventQuery()))] == instants
    assert verify(tmp_path / "log", SIGNER.verifier).clean


# Damage


def test_an_index_of_other_entries_is_made_again_on_opening(tmp_path: Path) -> None:
    """Its log was put back to an older state: it must not say anything about what comes now."""
    rows = [(NOON, "note", None, actor, TARGETS[0], "success") for actor in ACTORS * 5]
    write(tmp_path / "long", made(rows), [])
    write(tmp_path / "log", made(rows)[:5], [])
    (tmp_path / "long" / INDEX).replace(tmp_path / "log" / INDEX)
    seen = verify(tmp_path / "log", SIGNER.verifier)
    assert seen.evidence_intact
    assert seen.faults[0].place == "index"
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        log.append(EXAMPLE)
        log.append(replace(EXAMPLE, id="new")).sequenced()
        assert log.settle(30)
        assert log.reader.count(EventQuery(actor="actor:a")) == 3
    assert verify(tmp_path / "log", SIGNER.verifier).clean


def test_a_missing_table_of_the_index_is_a_named_error(tmp_path: Path) -> None:
    write(tmp_path / "log", [EXAMPLE], [])
    db = apsw.Connection(str(tmp_path / "log" / INDEX))
    db.execute("DROP TABLE block")
    db.close()
    with (
        SqliteLogReader(tmp_path / "log", SIGNER.verifier) as reader,
        pytest.raises(LogDamaged, match="is damaged"),
    ):
        answers(reader, EventQuery())
