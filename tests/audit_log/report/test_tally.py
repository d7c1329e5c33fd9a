"""Tallies: exact, and the same however the log is divided and put together again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.audit_log.report import order
from assay.audit_log.report.days import date_of
from assay.audit_log.report.question import Question, parse_hours
from assay.audit_log.report.tally import BASELINE_DAYS, ActorDay, ActorHour, Tally, Tallying, merge
from assay.canonical import microseconds
from assay.vocabulary import Event, Severity
from tests.audit_log.report.logs import MONDAY, WEEK, event

QUESTION = replace(WEEK, heartbeat_seconds=7_200, clock_slack_seconds=60)
_events = st.builds(
    event,
    st.one_of(st.floats(-60 * 24, 9 * 24, allow_nan=False), st.integers(0, 170)),
    st.sampled_from(["data_access", "security_alert", "error_event", "user_login"]),
    st.sampled_from("abc"),
    outcome=st.sampled_from(["success", "denied"]),
)


def tally_of(events: list[Event], start: int = 0, question: Question = QUESTION) -> Tally:
    counting = Tallying(question, witnessed_size=3)
    for index, one in enumerate(events, start):
        counting.add(index, one)
    return counting.tally()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(_events, max_size=30), st.lists(_events, max_size=30), st.lists(_events, max_size=30)
)
def test_tallies_add_up_in_any_order_and_grouping(
    first: list[Event], second: list[Event], third: list[Event]
) -> None:
    a, b = tally_of(first), tally_of(second, len(first))
    c = tally_of(third, len(first) + len(second))
    whole = tally_of(first + second + third)

    assert merge(merge(a, b), c) == whole
    assert merge(a, merge(b, c)) == whole
    assert merge(merge(c, a), b) == whole
    assert merge(a, b) == merge(b, a)
    assert merge(whole, tally_of([])) == whole


def test_parts_that_share_an_entry_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="entry 0 is counted twice"):
        merge(tally_of([event(1)]), tally_of([event(1)]))


def test_tallies_of_different_questions_do_not_add_up() -> None:
    other = replace(QUESTION, clock_slack_seconds=1)
    with pytest.raises(ValueError, match="different questions"):
        merge(tally_of([]), tally_of([], question=other))


def test_the_period_holds_its_beginning_and_not_its_end() -> None:
    seen = tally_of([event(-0.001), event(0), event(7 * 24 - 0.001), event(7 * 24)])

    assert (seen.entries, seen.events) == (4, 2)
    assert seen.first_us == microseconds(MONDAY)


def test_counts_are_exact() -> None:
    seen = tally_of(
        [
            event(1, "data_access", "a"),
            event(2, "error_event", "b"),
            event(3, "user_login", "b", outcome="denied"),
            event(4, "security_alert", "b"),
            event(5, "note", "a", severity=Severity.CRITICAL),
        ]
    )

    assert seen.by_type == {
        "data_access": 1, "error_event": 1, "user_login": 1, "security_alert": 1, "note": 1,
    }  # fmt: skip
    assert seen.by_severity == {"high": 1, "medium": 2, "critical": 2}
    assert seen.by_outcome == {"success": 4, "denied": 1}
    assert seen.by_actor == {"actor:a": 2, "actor:b": 3}
    assert seen.errors == 2
    assert seen.unwitnessed == 2
    assert (seen.alert_count, [alert.index for alert in seen.alerts]) == (1, [3])
    assert seen.by_hour_of_week == {(0, 1): 1, (0, 2): 1, (0, 3): 1, (0, 4): 1, (0, 5): 1}


def test_days_and_hours_are_those_of_the_zone() -> None:
    # Half past eleven at night in UTC is past midnight in Kolkata, by five and a half hours.
    question = Question(MONDAY, MONDAY + timedelta(days=2), zone="Asia/Kolkata")
    seen = tally_of([event(18.25), event(18.75)], question=question)

    assert {(date_of(day), n) for (day, _), n in seen.by_day.items()} == {
        ("2026-03-02", 1),
        ("2026-03-03", 1),
    }
    assert seen.by_hour_of_week == {(0, 23): 1, (1, 0): 1}


def test_a_day_with_a_clock_change_keeps_its_date() -> None:
    # Europe/Berlin goes to summer time at 01:00 UTC on 2026-03-29.
    start = (27 * 24) - 2
    question = Question(MONDAY, MONDAY + timedelta(days=40), zone="Europe/Berlin")
    seen = tally_of([event(start + n) for n in range(26)], question=question)
    days = sorted((date_of(day), n) for (day, _), n in seen.by_day.items())

    assert days == [("2026-03-28", 1), ("2026-03-29", 23), ("2026-03-30", 2)]


@pytest.mark.parametrize(
    ("hours", "outside"),
    [(7, 0), (6.99, 1), (18.99, 0), (19, 1), (5 * 24 + 12, 1), (6 * 24 + 12, 1), (4 * 24 + 12, 0)],
)
def test_accesses_out_of_hours(hours: float, outside: int) -> None:
    seen = tally_of([event(hours), event(hours, "note")])

    assert seen.accesses == 1
    assert sum(seen.out_of_hours.values()) == outside


def test_working_hours_are_the_questions() -> None:
    night = replace(QUESTION, hours=parse_hours("Sat-Sun 00:00-24:00"))
    seen = tally_of([event(12), event(5 * 24 + 3)], question=night)

    assert seen.out_of_hours == {("actor:a", "data_access"): 1}


def test_baselines_reach_eight_weeks_back() -> None:
    inside, outside = event(-24 * BASELINE_DAYS), event(-24 * BASELINE_DAYS - 1)
    seen = tally_of([outside, inside, event(1), event(1.5, "note")])
    first = microseconds(MONDAY) // 86_400_000_000

    assert seen.actor_days == {
        ActorDay("actor:a", first - BASELINE_DAYS, "data_access"): 1,
        ActorDay("actor:a", first, "data_access"): 1,
        ActorDay("actor:a", first, "note"): 1,
    }
    assert seen.actor_hours[ActorHour("actor:a", first, 24 * first + 1)] == 2
    assert seen.events == 2


def test_a_clock_that_goes_back_is_told_once_where_it_did() -> None:
    events = [event(10), event(11), event(10), event(10.1), event(10.1 - 1 / 60), event(12)]
    seen = tally_of(events).order

    assert (seen.regressions, seen.largest_us) == (1, 3_600_000_000)
    assert seen.listed == (order.Regression(2, 3_600_000_000),)


def test_a_clock_that_was_years_ahead_is_told_when_it_returns() -> None:
    seen = tally_of([event(10), event(87_600), event(11)]).order

    assert [one.index for one in seen.listed] == [2]


def test_silences_are_cut_to_the_period() -> None:
    seen = tally_of([event(-5), event(3), event(4), event(400)])
    limits = order.limits_of(QUESTION)

    assert [s.length_us // 3_600_000_000 for s in seen.order.silences] == [164, 3, 1]
    assert seen.order.missed_heartbeats == 82
    assert order.until_the_end(seen.order, limits) == seen.order


def test_a_log_that_stopped_is_silent_until_the_end() -> None:
    seen = tally_of([event(0), event(24)])
    whole = order.until_the_end(seen.order, order.limits_of(QUESTION))

    assert [(s.length_us // 3_600_000_000, s.index) for s in whole.silences] == [
        (144, None),
        (24, 1),
    ]
    assert whole.missed_heartbeats == 72 + 12


@pytest.mark.parametrize(
    ("seconds", "missed"), [(7_200, 0), (14_400, 0), (14_401, 2), (72_000, 10)]
)
def test_one_heartbeat_may_be_late(seconds: int, missed: int) -> None:
    assert order.missing_in(seconds * 1_000_000, 7_200_000_000) == missed


def test_no_heartbeat_is_missed_where_none_is_expected() -> None:
    assert order.missing_in(10**15, None) == 0


def test_entries_that_are_not_here_make_no_pair() -> None:
    counting = Tallying(QUESTION)
    counting.add(0, event(10))
    counting.add(5, event(1))
    seen = counting.tally()

    assert seen.order.regressions == 0
    assert [(span.first, span.last) for span in seen.order.spans] == [(0, 0), (5, 5)]
