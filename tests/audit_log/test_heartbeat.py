"""Silence is told from absence: heartbeats that were promised and are missing are found."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.audit_log.entry import entry_bytes, event_of
from assay.audit_log.heartbeat import (
    Gap,
    LoggedAt,
    heartbeat,
    interval_seconds,
    is_due,
    missing_heartbeats,
)
from assay.audit_log.interface import LogReader
from assay.audit_log.opening import open_sqlite_log
from assay.errors import BadInput
from assay.vocabulary import Facts, Target, TargetKind
from tests.audit_log.conftest import NOON, SIGNER, event

EVERY = timedelta(seconds=60)
CLINIC = Target(TargetKind.SYSTEM, "clinic")
beat = partial(heartbeat, actor="actor:0", target=CLINIC)


def at(seconds: float, type_: str = "note", interval: int | None = None) -> LoggedAt:
    """An entry so many seconds after noon; `logged` numbers them."""
    detail: Facts = {} if interval is None else {"interval_seconds": interval}
    return 0, NOON + timedelta(seconds=seconds), type_, detail


def beats(*seconds: float, interval: int = 60) -> list[LoggedAt]:
    return [at(second, "heartbeat", interval) for second in seconds]


def found(entries: Iterable[LoggedAt], until: float) -> list[tuple[int, int | None, int]]:
    """Index before and after each gap, and how many heartbeats are missing."""
    numbered = [(index, *rest) for index, (_, *rest) in enumerate(entries)]
    gaps = missing_heartbeats(numbered, NOON + timedelta(seconds=until))  # type: ignore[arg-type]
    return [(gap.after_index, gap.before_index, gap.missing) for gap in gaps]


def test_a_quiet_log_with_heartbeats_lacks_nothing() -> None:
    assert found(beats(*range(0, 6000, 60)), 6000) == []


def test_a_busy_log_needs_no_heartbeats() -> None:
    busy = [at(second) for second in range(0, 6000, 50)]
    assert found(beats(0) + busy, 6000) == []


def test_a_silence_of_three_intervals_lacks_them() -> None:
    assert found(beats(0, 60, 240, 300), 300) == [(1, 2, 2)]
    assert found(beats(0, 60), 240) == [(1, None, 3)]
    assert found([*beats(0, 60), at(215), at(400)], 400) == [(1, 2, 2), (2, 3, 3)]


def test_twice_the_interval_is_tolerated() -> None:
    assert found(beats(0, 120, 240), 360) == []
    assert found(beats(0, 121), 121) == [(0, 1, 2)]


def test_nothing_is_missing_where_nothing_was_promised() -> None:
    assert found([at(0), at(100_000)], 1_000_000) == []
    assert found([], 100) == []
    assert found([at(0), at(100_000), *beats(100_001)], 100_010) == []


def test_an_interval_of_zero_ends_the_promise() -> None:
    assert found([*beats(0), *beats(60, interval=0), at(9000)], 90_000) == []
    again = [*beats(0), *beats(60, interval=0), *beats(9000), at(9500)]
    assert found(again, 9500) == [(2, 3, 8)]


def test_the_promise_may_change() -> None:
    assert found([*beats(0), *beats(60, interval=600), *beats(1000, interval=600)], 2000) == []
    assert found([*beats(0, interval=600), *beats(600, interval=60), at(1200)], 1200) == [(1, 2, 9)]


def test_an_entry_that_was_delivered_late_makes_no_gap() -> None:
    assert found([*beats(0, 60, 120), at(-5000), *beats(180)], 180) == []


def test_an_entry_from_the_future_hides_a_silence_for_one_interval_only() -> None:
    entries = [*beats(0, 60), at(900_000), *beats(120, 180, 600)]
    assert found(entries, 600) == [(1, 2, 14998), (4, 5, 6)]


@pytest.mark.parametrize("interval", [None, "60", -1, True, 1.5, 10**12, [60]])
def test_a_promise_that_cannot_be_understood_changes_nothing(interval: object) -> None:
    assert interval_seconds({"interval_seconds": interval}) is None  # type: ignore[dict-item]
    odd = (0, NOON + EVERY, "heartbeat", {"interval_seconds": interval})
    assert found([*beats(0), odd, at(600)], 600) == [(1, 2, 8)]  # type: ignore[list-item]


@given(st.lists(st.integers(0, 100_000), min_size=1), st.integers(1, 1000))
def test_gaps_are_the_silences_longer_than_twice_the_interval(
    seconds: list[int], interval: int
) -> None:
    ordered = sorted(seconds)
    entries = [*beats(0, interval=interval), *(at(second) for second in ordered)]
    expected = [
        (index, index + 1)
        for index, (one, two) in enumerate(zip([0, *ordered], ordered, strict=False))
        if two - one > 2 * interval
    ]
    gaps = found(entries, ordered[-1])
    assert [gap[:2] for gap in gaps] == expected
    assert all(missing >= 2 for _, _, missing in gaps)


def test_a_heartbeat_is_an_event_that_an_entry_holds() -> None:
    made = beat(NOON, timedelta(seconds=59.5))
    kept = event_of(entry_bytes(made))
    assert (kept.type, kept.detail, kept.occurred_at) == (
        "heartbeat",
        {"interval_seconds": 60},
        NOON,
    )
    assert beat(NOON, timedelta(0)).detail == {"interval_seconds": 0}


@pytest.mark.parametrize("every", [timedelta(seconds=-1), timedelta(days=367)])
def test_an_interval_that_cannot_be_is_refused(every: timedelta) -> None:
    with pytest.raises(BadInput, match="interval of heartbeats"):
        beat(NOON, every)


@pytest.mark.parametrize(
    ("newest", "every", "due"),
    [
        (None, 60, True),
        ((0, None), 60, True),
        ((0, 60), 60, False),
        ((-29, 60), 60, False),
        ((-30, 60), 60, True),
        ((-5000, 60), 60, True),
        ((1, 60), 60, True),
        ((0, 30), 60, True),
        ((0, 0), 60, True),
        (None, 0, False),
        ((0, None), 0, False),
        ((0, 0), 0, False),
        ((0, 60), 0, True),
    ],
)
def test_when_a_program_that_looks_once_in_an_interval_appends(
    newest: tuple[int, int | None] | None, every: int, due: bool
) -> None:
    seen = None if newest is None else (NOON + timedelta(seconds=newest[0]), newest[1])
    assert is_due(seen, NOON, timedelta(seconds=every)) is due


@given(st.lists(st.integers(0, 6000), max_size=200), st.lists(st.integers(0, 5), min_size=100))
def test_who_looks_once_in_an_interval_never_leaves_a_gap(
    busy: list[int], delays: list[int]
) -> None:
    """Looks every 60 seconds, each up to 5 seconds late, among whatever else is appended."""
    looks = [60 * number + delay for number, delay in enumerate(delays)]
    entries = beats(0)
    for second, is_look in sorted([(s, False) for s in busy] + [(s, True) for s in looks]):
        now = NOON + timedelta(seconds=second)
        if not is_look:
            entries.append(at(second))
        elif is_due((entries[-1][1], 60), now, EVERY):
            entries += beats(second)
    assert found(entries, looks[-1]) == []


def logged(reader: LogReader) -> list[LoggedAt]:
    events = ((index, event_of(data)) for index, data in reader.entries(0, reader.size))
    return [(index, one.occurred_at, one.type, one.detail) for index, one in events]


def test_a_log_beats_while_its_producers_are_silent(tmp_path: Path) -> None:
    every = timedelta(seconds=1)
    with open_sqlite_log(tmp_path, SIGNER, heartbeat=beat, heartbeat_every=every) as log:
        log.append(event(0)).sequenced()
        # The events of these tests happen in the year of the tests; the log's own clock is today's.
        ends = time.monotonic() + 20
        while log.size < 4 and time.monotonic() < ends:
            time.sleep(0.05)
        entries = logged(log.reader)
    assert [type_ for _, _, type_, _ in entries[:4]] == ["note", *["heartbeat"] * 3]
    last = entries[-1][1]
    assert list(missing_heartbeats(entries[1:], last + every)) == []
    silent = last + 3 * every
    assert list(missing_heartbeats(entries[1:], silent)) == [
        Gap(entries[-1][0], last, silent, 1, None)
    ]
    assert abs((datetime.now(UTC) - last).total_seconds()) < 60


def test_a_log_whose_producers_write_does_not_beat(tmp_path: Path) -> None:
    every = timedelta(seconds=2)
    with open_sqlite_log(tmp_path, SIGNER, heartbeat=beat, heartbeat_every=every) as log:
        for number in range(20):
            log.append(event(number)).sequenced()
            time.sleep(0.02)
        assert {type_ for _, _, type_, _ in logged(log.reader)} == {"note"}
