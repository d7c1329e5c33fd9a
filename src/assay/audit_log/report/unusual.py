"""Activity that is unusual for its actor beside its own past, at a stated rate of false alarms.

Rules, in the order in which they are applied:

1. Each actor is compared with itself alone. What is compared, per local day: its events of the day, its
   events of each type, and its events in its busiest hour.
2. A comparison needs a baseline: at least ten days within the eight weeks before, on which there was
   something to count. Where there is none, the day is UNKNOWN: listed as not judged, never as usual.
3. The stated rate (false alarms a year, all actors together) gives each day its share, a 365th, and each
   comparison that is possible on that day an equal share of it, whether the actor shows up or not. By
   the union bound the alarms that chance alone raises are then at most as many. Only a quarter of the
   rate is spent so: people's days have heavier tails than the law of `usual.py`, and a quarter is what
   kept simulated years with such tails within the rate.
4. An alarm is raised where the probability of such a count (`usual.py`) is below that share, and the
   count is the highest since the baseline began, and at least twice what is usual on that weekday. The
   last two only ever take alarms away: a machine's thousand calls that become eleven hundred are
   improbable, but nobody's business.
5. A day that raised an alarm enters later baselines as one and a half times the highest count before
   it, at most. So a burst does not hide the next one, and what stays higher becomes usual in time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from assay.audit_log.report.days import weekday_of
from assay.audit_log.report.tally import BASELINE_DAYS, ActorDay, ActorHour
from assay.audit_log.report.usual import Day, probability, usual

BASELINE_DAYS_MIN = 10
TIMES_USUAL_MIN = 2.0
SHARE_SPENT = 0.25
DAYS_PER_YEAR = 365
OF_THE_DAY = "events of the day"
OF_THE_BUSIEST_HOUR = "events in the busiest hour"


@dataclass(frozen=True, slots=True, order=True)
class Excess:
    """A count that was unusual: of what, how much, beside what is usual and what was the highest."""

    what: str
    count: int
    usual: float
    highest_before: int
    probability: float
    allowed: float
    """The share of the false alarms that this comparison had."""


@dataclass(frozen=True, slots=True, order=True)
class Alarm:
    """A day on which an actor did unusually much; days are counted since 1970-01-01."""

    day: int
    actor: str
    excesses: tuple[Excess, ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """What was compared, and what stood out."""

    alarms: tuple[Alarm, ...]
    comparisons: int
    """How many counts could have raised an alarm."""
    judged_days: int
    """Days of an actor, within the period, whose events were compared."""
    not_judged: Mapping[str, int]
    """Actor to days without a baseline: UNKNOWN."""
    false_alarms_expected_max: float
    """In a period as long as this one, all actors together."""


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """Counts of one kind for one actor, by day, only days with some."""

    actor: str
    what: str
    days: tuple[int, ...]
    counts: tuple[int, ...]


def activity(
    actor_days: Mapping[ActorDay, int],
    actor_hours: Mapping[ActorHour, int],
    first_day: int,
    last_day: int,
    false_alarms_per_year: float,
) -> Activity:
    """What stands out from `first_day` to `last_day` (included); earlier days are baseline only."""
    every = sorted(series_of(actor_days, actor_hours))
    possible = _comparisons_by_day(every, last_day)
    alarms: list[tuple[int, str, Excess]] = []
    judged = 0
    not_judged: Counter[str] = Counter()
    for series in every:
        for day, has_baseline, excess in _judged(series, possible, false_alarms_per_year):
            if day < first_day:
                continue
            if series.what == OF_THE_DAY:
                judged += has_baseline
                not_judged[series.actor] += not has_baseline
            if excess is not None:
                alarms.append((day, series.actor, excess))
    grouped = groupby(sorted(alarms), key=lambda alarm: alarm[:2])
    return Activity(
        tuple(Alarm(day, actor, tuple(e for *_, e in found)) for (day, actor), found in grouped),
        sum(n for day, n in possible.items() if day >= first_day),
        judged,
        {actor: days for actor, days in sorted(not_judged.items()) if days},
        false_alarms_per_year * (last_day - first_day + 1) / DAYS_PER_YEAR,
    )


def series_of(
    actor_days: Mapping[ActorDay, int], actor_hours: Mapping[ActorHour, int]
) -> Iterator[Series]:
    """Every series that can be compared."""
    counts: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for (actor, day, type_), n in actor_days.items():
        counts[actor, OF_THE_DAY][day] += n
        counts[actor, f"events of type {type_}"][day] += n
    for (actor, day, _), n in actor_hours.items():
        busiest = counts[actor, OF_THE_BUSIEST_HOUR]
        busiest[day] = max(busiest[day], n)
    for (actor, what), by_day in counts.items():
        days = tuple(sorted(by_day))
        yield Series(actor, what, days, tuple(by_day[day] for day in days))


def _comparisons_by_day(every: Iterable[Series], last_day: int) -> Counter[int]:
    """For each day, how many series have a baseline on it."""
    changes: Counter[int] = Counter()
    for series in every:
        for begin, end in _with_baseline(series.days):
            changes[begin] += 1
            changes[end] -= 1
    possible: Counter[int] = Counter()
    if changes:
        running = 0
        for day in range(min(changes), last_day + 1):
            running += changes[day]
            possible[day] = running
    return possible


def _with_baseline(days: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ranges of days (end not included), without overlap, on which a baseline is there."""
    reached: int | None = None
    for last in range(BASELINE_DAYS_MIN - 1, len(days)):
        # The ten days that end with this one are all in the baseline of `begin` up to `end`.
        begin = days[last] + 1
        end = days[last - BASELINE_DAYS_MIN + 1] + BASELINE_DAYS + 1
        begin = begin if reached is None else max(begin, reached)
        if begin < end:
            yield begin, end
            reached = end


def _judged(
    series: Series, possible: Mapping[int, int], false_alarms_per_year: float
) -> Iterator[tuple[int, bool, Excess | None]]:
    """Each day with something to count: whether it has a baseline, and how it stands out."""
    history: list[Day] = []
    for position, day in enumerate(series.days):
        since = bisect_left(series.days, day - BASELINE_DAYS, 0, position)
        baseline, today = history[since:], Day(weekday_of(day), series.counts[position])
        excess = None
        if len(baseline) >= BASELINE_DAYS_MIN:
            allowed = SHARE_SPENT * false_alarms_per_year / DAYS_PER_YEAR / possible[day]
            excess = _excess(series.what, baseline, today, allowed)
        history.append(today if excess is None else _tamed(today, excess))
        yield day, len(baseline) >= BASELINE_DAYS_MIN, excess


def _tamed(today: Day, excess: Excess) -> Day:
    """What an alarm's day teaches about later ones."""
    return Day(today.weekday, min(today.count, excess.highest_before * 3 // 2 + 1))


def _excess(what: str, baseline: Sequence[Day], today: Day, allowed: float) -> Excess | None:
    highest = max(day.count for day in baseline)
    if today.count <= highest:
        return None
    ordinary = usual(baseline, today.weekday)
    if today.count < TIMES_USUAL_MIN * ordinary:
        return None
    chance = probability(baseline, today)
    return (
        None if chance >= allowed else Excess(what, today.count, ordinary, highest, chance, allowed)
    )
