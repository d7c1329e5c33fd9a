"""What every backend of the log promises, with one body for all of them."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.entry import event_of, prepare
from assay.audit_log.interface import EventQuery, LogReader, LogStore, PageKey
from assay.audit_log.log import AuditLog
from assay.audit_log.merkle import (
    CompactRange,
    consistency_holds,
    inclusion_holds,
    leaf_hash,
)
from assay.audit_log.proofs import compact_range, consistency_proof, inclusion_proof
from assay.audit_log.query import matches, sort_key
from assay.errors import LogDamaged, LogError
from assay.vocabulary import Event, Severity
from tests.audit_log.backends.stored_logs import (
    NOON,
    ONE,
    SIGNER,
    TWO,
    VERIFIER,
    SqliteLog,
    StoredLog,
    append,
    event,
    exhibit,
    small_log,
    unit,
)

MANY = 700
"""Entries in a log that has a full tile above its leaves."""


def close(reader: LogReader) -> None:
    reader.close()  # type: ignore[attr-defined]


@pytest.fixture
def store(log: StoredLog) -> Any:
    opened = log.store()
    yield opened
    opened.close()


def test_a_new_log_is_empty_and_clean(log: StoredLog, store: LogStore) -> None:
    assert store.tree() == CompactRange()
    assert store.size == 0
    assert store.head_note() is None
    assert store.newest_note() is None
    assert list(store.entries(0, 9)) == []
    assert list(store.query(EventQuery())) == []
    assert store.count(EventQuery()) == 0
    assert log.verify().clean


def test_what_is_written_is_read_as_it_was_hashed(log: StoredLog, store: LogStore) -> None:
    events = [event(number) for number in range(5)]
    written = append(store, events)
    assert written.indices == ((0, 1, 2, 3, 4),)
    assert (written.first, list(written.fresh)) == (0, events)
    data = [prepare(one).data for one in events]
    assert list(store.entries(0, 5)) == list(enumerate(data))
    assert list(store.entries(1, 3)) == [(1, data[1]), (2, data[2])]
    assert [store.entry(index) for index in range(5)] == data
    assert store.tree() == written.tree == CompactRange().append([leaf_hash(d) for d in data])
    reader = log.reader()
    assert [event_of(entry) for _, entry in reader.entries(0, 9)] == events
    close(reader)


def test_roots_heads_and_tiles_are_those_of_sqlite(
    log: StoredLog, store: LogStore, tmp_path: Path
) -> None:
    other = SqliteLog(tmp_path / "other").store()
    at = 0
    for count in (1, 2, 300, 1, 396):
        events = [event(number) for number in range(at, at + count)]
        assert append(store, events).tree == append(other, events).tree
        at += count
    assert at == MANY
    assert store.head_note() == other.head_note()
    assert list(store.notes()) == list(other.notes())
    for level, n, width in ((0, 0, 256), (0, 2, 188), (0, 2, 1), (1, 0, 2), (1, 0, 1)):
        assert store.tile(level, n, width) == other.tile(level, n, width)
    for level, n, width in ((0, 2, 189), (0, 3, 1), (1, 0, 3), (2, 0, 1)):
        with pytest.raises(LogError):
            store.tile(level, n, width)
    other.close()


def test_its_tiles_prove_inclusion_and_growth(log: StoredLog, store: LogStore) -> None:
    trees = []
    for start in range(0, MANY, 100):
        trees.append(append(store, [event(n) for n in range(start, start + 100)]).tree)
    whole = trees[-1]
    for index in (0, 1, 255, 256, 511, 512, MANY - 1):
        proof = inclusion_proof(store, index, MANY)
        leaf = leaf_hash(store.entry(index))
        assert inclusion_holds(leaf, index, MANY, proof, whole.root)
    for old in trees:
        proof = consistency_proof(store, old.size, MANY)
        assert consistency_holds(old.size, old.root, MANY, whole.root, proof)
        assert compact_range(store, old.size) == old


def test_an_id_is_written_once_and_keeps_its_index(store: LogStore) -> None:
    append(store, [event(0), event(1)])
    again = store.commit([unit([event(1)]), unit([event(2), event(0), event(2)])], SIGNER.head)
    assert again.indices == ((1,), (2, 0, 2))
    assert [one.id for one in again.fresh] == [event(2).id]
    assert store.size == 3
    nothing = store.commit([unit([event(2)])], SIGNER.head)
    assert (nothing.indices, list(nothing.fresh), nothing.tree.size) == (((2,),), [], 3)


@pytest.mark.parametrize(
    "name", ["", "order 17", "x" * 60, "x" * 5_000, "caf\u00e9", "a\x00b", "ORDER 17"], ids=len
)
def test_ids_and_words_of_any_length_and_letters(
    log: StoredLog, store: LogStore, name: str
) -> None:
    odd = event(0, event_id=name, actor=f"actor:{name}", outcome=name)
    assert append(store, [odd]).indices == ((0,),)
    assert append(store, [event(1), odd]).indices == ((1, 0),)
    assert store.settle(30)
    found = store.query(EventQuery(actor=f"actor:{name}", outcome=name))
    assert [event_of(data) for _, data in found] == [odd]
    assert log.verify().clean


def test_a_unit_is_written_whole_or_not_at_all(log: StoredLog, store: LogStore) -> None:
    append(store, [event(0)])

    def broken(_: CompactRange) -> str:
        raise RuntimeError("the key is gone")

    with pytest.raises(RuntimeError):
        store.commit([unit([event(1), event(2)], [ONE])], broken)
    assert store.recover().size == 1
    assert list(store.entries(0, 9)) == [(0, prepare(event(0)).data)]
    with pytest.raises(LogError):
        store.cited_bytes(ONE.digest)
    assert append(store, [event(2)]).indices == ((1,),)
    assert store.settle(30)
    assert log.verify().clean


def test_an_older_entry_or_none_is_said(store: LogStore) -> None:
    append(store, [event(0)])
    for index in (-1, 1, 99):
        with pytest.raises(LogError, match=f"no entry {index} "):
            store.entry(index)


def test_what_is_cited_is_kept_once(log: StoredLog, store: LogStore) -> None:
    append(store, [event(0, ONE)], [ONE])
    append(store, [event(1, ONE, TWO)], [ONE, TWO, TWO])
    assert store.cited_bytes(ONE.digest) == ONE.data
    assert store.cited_bytes(TWO.digest) == TWO.data
    assert store.media_type(TWO.digest) == "text/plain"
    with pytest.raises(LogError):
        store.cited_bytes(exhibit("never").digest)
    with pytest.raises(LogError):
        store.media_type(exhibit("never").digest)
    assert store.settle(30)
    assert log.verify().clean
    assert log.verify().cited == 2


def test_damaged_evidence_is_not_given_out_and_is_repaired_by_the_next(
    log: StoredLog, store: LogStore
) -> None:
    append(store, [event(0, ONE)], [ONE])
    log.change("UPDATE cited SET bytes = ?", b"other")
    with pytest.raises(LogDamaged):
        store.cited_bytes(ONE.digest)
    append(store, [event(1, ONE)], [ONE])
    assert store.cited_bytes(ONE.digest) == ONE.data


def test_checkpoints_are_kept_by_size_and_open(store: LogStore) -> None:
    for number in range(3):
        append(store, [event(number)])
    notes = list(store.notes())
    opened = [open_checkpoint(note, VERIFIER) for note in notes]
    assert [one.size for one in opened] == [1, 2, 3]
    assert store.newest_note() == notes[-1]
    head = open_checkpoint(store.head_note() or "", VERIFIER)
    assert (head.size, head.root) == (3, store.tree().root)


def test_opened_again_it_goes_on(log: StoredLog) -> None:
    small_log(log)
    store = log.store()
    assert append(store, [event(7), event(3)]).indices == ((7, 3),)
    assert store.settle(30)
    store.close()
    assert log.verify().clean
    assert log.verify().size == 8


def test_a_log_over_it_takes_from_many_threads(log: StoredLog) -> None:
    indices: list[int] = []
    with AuditLog(log.store(), log.reader(), SIGNER) as opened:

        def work(first: int) -> None:
            tickets = [opened.append(event(n)) for n in range(first, first + 40)]
            indices.extend(ticket.index(60) for ticket in tickets)

        threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert opened.keep([event(9_999)]) == (160,)
    assert sorted(indices) == list(range(160))
    found = log.verify()
    assert found.clean
    assert found.newest is not None
    assert found.newest.size == found.size == 161


# Reading


def brute(events: list[Event], wanted: EventQuery) -> list[int]:
    """The indices of the matching events, newest first."""
    rows = [(sort_key(one, n), n) for n, one in enumerate(events) if matches(one, n, wanted)]
    return [n for _, n in sorted(rows, reverse=True)]


WANTED = st.builds(
    EventQuery,
    type=st.none() | st.sampled_from(["note", "security_alert", "model_update", "nothing"]),
    actor=st.none() | st.sampled_from(["actor:0", "actor:2", "nobody"]),
    severity_min=st.none() | st.sampled_from(list(Severity)),
    since=st.none() | st.integers(-5, 80).map(lambda n: NOON + timedelta(seconds=n)),
    until=st.none() | st.integers(-5, 80).map(lambda n: NOON + timedelta(seconds=n)),
    limit=st.sampled_from([1, 3, 10, 1_000]),
    target=st.none() | st.sampled_from(["system:clinic 0", "system:other"]),
    outcome=st.none() | st.sampled_from(["success", "failure", "lost"]),
    after=st.none()
    | st.builds(
        PageKey, st.integers(0, 60).map(lambda n: NOON + timedelta(seconds=n)), st.integers(0, 80)
    ),
)


@pytest.fixture
def filled(log: StoredLog) -> Any:
    """A reader of a log whose clock stood still, and jumped an hour back; and its events."""
    seconds = [*range(40), *range(20, 40), *[30] * 10, *range(-3600, -3590)]
    events = [
        event(number, occurred_at=NOON + timedelta(seconds=second))
        for number, second in enumerate(seconds)
    ]
    store = log.store()
    append(store, events[:33])
    append(store, events[33:])
    assert store.settle(30)
    store.close()
    reader = log.reader()
    yield reader, events
    close(reader)


def test_queries_find_what_a_walk_over_all_finds(filled: tuple[LogReader, list[Event]]) -> None:
    reader, events = filled

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(WANTED)
    def check(wanted: EventQuery) -> None:
        expected = brute(events, wanted)
        rows = list(reader.query(wanted))
        assert [index for index, _ in rows] == expected[: wanted.limit]
        assert [event_of(data) for _, data in rows] == [
            events[index] for index in expected[: wanted.limit]
        ]
        if wanted.after is None:
            assert reader.count(wanted) == len(expected)

    check()


def test_pages_neither_repeat_nor_skip_while_events_come(
    log: StoredLog, filled: tuple[LogReader, list[Event]]
) -> None:
    reader, events = filled
    store = log.store()
    wanted = EventQuery(actor="actor:1", limit=4)
    expected = brute(events, wanted)
    found: list[int] = []
    number = len(events)
    while rows := list(reader.query(wanted)):
        found += [index for index, _ in rows]
        number += 3
        append(store, [event(number, actor="actor:1")])
        assert store.settle(30)
        last = event_of(rows[-1][1])
        wanted = wanted.next_page(PageKey(last.occurred_at, rows[-1][0]))
    store.close()
    assert found == expected


def test_many_kinds_are_merged_in_order(log: StoredLog, store: LogStore) -> None:
    events = [event(number, outcome=f"outcome {number % 40}") for number in range(120)]
    append(store, events)
    assert store.settle(30)
    for wanted in (EventQuery(severity_min=Severity.LOW, limit=50), EventQuery(type="note")):
        found = [index for index, _ in store.query(wanted)]
        assert found == brute(events, wanted)[: wanted.limit]


def test_more_than_a_page_of_rows(log: StoredLog, store: LogStore) -> None:
    events = [event(number) for number in range(2_100)]
    append(store, events)
    assert store.settle(30)
    assert [index for index, _ in store.entries(0, 2_100)] == list(range(2_100))
    found = [index for index, _ in store.query(EventQuery(limit=2_050))]
    assert found == list(range(2_099, 49, -1))
