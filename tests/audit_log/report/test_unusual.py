"""Unusual activity: false alarms within the stated rate, bursts found, and what is not known is said."""

from __future__ import annotations

from collections import Counter
from math import exp, lgamma, log

import numpy as np
import pytest

from assay.audit_log.report.tally import ActorDay, ActorHour
from assay.audit_log.report.unusual import (
    BASELINE_DAYS_MIN,
    OF_THE_BUSIEST_HOUR,
    OF_THE_DAY,
    Activity,
    activity,
)
from assay.audit_log.report.usual import Day, _log_tail, probability, usual
from tests.audit_log.report.year import DAYS, FIRST_DAY, Year, simulate, with_burst

RATE = 12.0
_WHOLE = FIRST_DAY, FIRST_DAY + DAYS - 1


def judge(year: Year, rate: float = RATE) -> Activity:
    return activity(year.actor_days, year.actor_hours, *_WHOLE, rate)


def steady(days: int, count: int = 10, actor: str = "a") -> Year:
    """An actor that does the same every day, spread over five hours."""
    year = Year((), Counter(), Counter())
    for day in range(FIRST_DAY, FIRST_DAY + days):
        year.actor_days[ActorDay(actor, day, "note")] = count
        for hour in range(5):
            year.actor_hours[ActorHour(actor, day, 24 * day + hour)] = count // 5
    return year


def false_alarms(seeds: range, *, log_normal: bool) -> float:
    """False alarms a year, on average."""
    alarms = [len(judge(simulate(seed, log_normal=log_normal)).alarms) for seed in seeds]
    return sum(alarms) / len(alarms)


def share_found(seeds: range, *, times_usual: float, hours: int, log_normal: bool) -> float:
    """Of one burst per person and year, `times_usual` their usual day but at least 20 events."""
    found = planted = 0
    for seed in seeds:
        year, rng = simulate(seed, log_normal=log_normal), np.random.default_rng(1_000 + seed)
        where = set()
        for person in year.people:
            begun = FIRST_DAY + person.begins + 60
            days = {d.day for d in year.actor_days if d.actor == person.name and d.day >= begun}
            day = int(rng.choice(sorted(days)))
            events = max(20, round(times_usual * person.usual))
            counts = with_burst(year, person.name, day, events, hours, "data_access")
            year = Year(year.people, *counts)
            where.add((day, person.name))
        found += len({(alarm.day, alarm.actor) for alarm in judge(year).alarms} & where)
        planted += len(where)
    return found / planted


@pytest.mark.parametrize("log_normal", [False, True], ids=["gamma", "log-normal"])
def test_false_alarms_stay_within_the_stated_rate(log_normal: bool) -> None:
    assert 0 < false_alarms(range(3), log_normal=log_normal) <= RATE


@pytest.mark.long
@pytest.mark.parametrize("log_normal", [False, True], ids=["gamma", "log-normal"])
def test_false_alarms_stay_within_the_stated_rate_for_many_years(log_normal: bool) -> None:
    assert 0 < false_alarms(range(24), log_normal=log_normal) <= RATE


def test_the_rate_is_obeyed_when_it_is_higher() -> None:
    year = simulate(0)
    few, many = (len(judge(year, rate).alarms) for rate in (12.0, 120.0))

    assert few < many <= 120


def test_bursts_within_an_hour_are_found() -> None:
    assert share_found(range(2), times_usual=5, hours=1, log_normal=False) >= 0.95


@pytest.mark.long
@pytest.mark.parametrize("log_normal", [False, True], ids=["gamma", "log-normal"])
@pytest.mark.parametrize(
    ("times_usual", "hours", "share"), [(5, 1, 0.95), (3, 1, 0.95), (5, 8, 0.85)]
)
def test_bursts_are_found_in_many_years(
    times_usual: float, hours: int, share: float, log_normal: bool
) -> None:
    found = share_found(range(10), times_usual=times_usual, hours=hours, log_normal=log_normal)
    assert found >= share


def test_who_has_no_baseline_is_unknown() -> None:
    year = steady(BASELINE_DAYS_MIN + 3)
    seen = judge(year)

    assert seen.not_judged == {"a": BASELINE_DAYS_MIN}
    assert seen.judged_days == 3


def test_a_burst_of_somebody_new_is_unknown_and_no_alarm() -> None:
    year = steady(BASELINE_DAYS_MIN - 1)
    burst = with_burst(year, "a", FIRST_DAY + BASELINE_DAYS_MIN - 1, 10_000, 1, "note")
    seen = judge(Year((), *burst))

    assert seen.alarms == ()
    assert seen.not_judged == {"a": BASELINE_DAYS_MIN}


def test_after_a_long_absence_there_is_no_baseline() -> None:
    year = steady(30)
    year.actor_days[ActorDay("a", FIRST_DAY + 100, "note")] = 5
    year.actor_hours[ActorHour("a", FIRST_DAY + 100, 24 * (FIRST_DAY + 100))] = 5

    assert judge(year).not_judged == {"a": BASELINE_DAYS_MIN + 1}


def test_an_alarm_says_what_was_unusual() -> None:
    year = steady(40)
    burst = with_burst(year, "a", FIRST_DAY + 39, 90, 1, "note")
    [alarm] = judge(Year((), *burst)).alarms

    assert (alarm.day, alarm.actor) == (FIRST_DAY + 39, "a")
    assert {e.what: (e.count, round(e.usual, 6), e.highest_before) for e in alarm.excesses} == {
        OF_THE_DAY: (100, 10, 10),
        OF_THE_BUSIEST_HOUR: (90, 2, 2),
        "events of type note": (100, 10, 10),
    }
    assert all(e.probability < e.allowed for e in alarm.excesses)


def test_a_burst_does_not_hide_the_next() -> None:
    year = steady(60)
    for day in (FIRST_DAY + 40, FIRST_DAY + 50):
        year = Year((), *with_burst(year, "a", day, 90, 1, "note"))

    assert [alarm.day - FIRST_DAY for alarm in judge(year).alarms] == [40, 50]


def test_what_stays_higher_becomes_usual() -> None:
    year = steady(300)
    for day in range(FIRST_DAY + 100, FIRST_DAY + 300):
        year.actor_days[ActorDay("a", day, "note")] = 30
    days = [alarm.day - FIRST_DAY for alarm in judge(year).alarms]

    assert days[0] == 100
    assert days[-1] < 120


def test_days_before_the_period_are_baseline_only() -> None:
    year = steady(60)
    year = Year((), *with_burst(year, "a", FIRST_DAY + 40, 90, 1, "note"))
    seen = activity(year.actor_days, year.actor_hours, FIRST_DAY + 41, FIRST_DAY + 59, RATE)

    assert seen.alarms == ()
    assert (seen.judged_days, seen.not_judged) == (19, {})
    assert seen.false_alarms_expected_max == RATE * 19 / 365


def test_nobody_is_compared_with_somebody_else() -> None:
    busy, quiet = steady(60, 100, "busy"), steady(60, 5, "quiet")
    both = Year((), busy.actor_days + quiet.actor_days, busy.actor_hours + quiet.actor_hours)
    both = Year((), *with_burst(both, "quiet", FIRST_DAY + 59, 60, 1, "note"))

    assert [alarm.actor for alarm in judge(both).alarms] == ["quiet"]


def test_nothing_gives_nothing() -> None:
    seen = activity({}, {}, *_WHOLE, RATE)

    assert (seen.alarms, seen.comparisons, seen.judged_days, seen.not_judged) == ((), 0, 0, {})


def test_a_tail_is_never_less_than_the_tail() -> None:
    for shape in (0.5, 1.0, 3.0, 64.0):
        for mean in (0.01, 0.5, 4.0, 60.0):
            terms = [_pmf(z, mean, shape) for z in range(6_000)]
            for z in (1, 2, 5, 20, 150):
                exact = sum(terms[z:])
                bound = exp(_log_tail(z, mean, shape))
                assert exact <= bound * (1 + 1e-9)
                assert bound <= 1
                if z > 3 * mean + 3:
                    assert bound <= 3 * exact


def test_more_is_less_probable_and_a_longer_baseline_says_more() -> None:
    short, long = ([Day(n % 5, 8 + n % 5) for n in range(days)] for days in (10, 40))
    chances = [probability(long, Day(0, count)) for count in (10, 20, 40, 80)]

    assert chances == sorted(chances, reverse=True)
    assert probability(long, Day(0, 40)) < probability(short, Day(0, 40))
    assert probability(long, Day(0, 1)) == 1.0


def test_a_busy_weekday_is_usual_on_that_weekday_only() -> None:
    baseline = [Day(n % 5, 50 if n % 5 == 4 else 10) for n in range(40)]

    assert usual(baseline, 4) > 3 * usual(baseline, 0)
    assert probability(baseline, Day(4, 60)) > 1_000 * probability(baseline, Day(0, 60))


@pytest.mark.parametrize("baseline", [[], [Day(0, 0)], [Day(0, 3), Day(1, -1)]])
def test_days_without_anything_are_no_baseline(baseline: list[Day]) -> None:
    with pytest.raises(ValueError, match="days on which something was done"):
        probability(baseline, Day(0, 5))


def _pmf(z: int, mean: float, shape: float) -> float:
    choose = lgamma(z + shape) - lgamma(shape) - lgamma(z + 1)
    return exp(choose + shape * log(shape / (shape + mean)) + z * log(mean / (shape + mean)))
