"""A simulated year of an organisation's log: who does how much on which day and in which hour.

Fifty people who differ: in how busy they are (2 to 40 events on a usual day), in how much their days
differ beyond chance, in their weekdays (some are in on three days, some work at weekends, some have a
busy Friday), in when they begin (some come during the year) and in what they do. Everybody drifts, has
four weeks of leave, and stays away on ten common holidays. Counts are drawn per day from a gamma or a
log-normal mixture of Poisson laws, and spread over the hours of a working day in clumps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from assay.audit_log.report.days import weekday_of
from assay.audit_log.report.tally import ActorDay, ActorHour

FIRST_DAY = 20_454  # 2026-01-01
DAYS = 365
PEOPLE = 50
_TYPES = ("data_access", "model_access", "user_login", "configuration_change")


@dataclass(frozen=True)
class Person:
    """Somebody's habits."""

    name: str
    usual: float
    shape: float
    weekdays: np.ndarray
    types: np.ndarray
    begins: int
    drift: float
    leave: frozenset[int]
    log_normal: bool


@dataclass(frozen=True)
class Year:
    """The counts of a year, as a tally holds them."""

    people: tuple[Person, ...]
    actor_days: Counter[ActorDay]
    actor_hours: Counter[ActorHour]


def simulate(seed: int, *, log_normal: bool = False) -> Year:
    """The year of this seed."""
    rng = np.random.default_rng(seed)
    holidays = frozenset(int(d) for d in rng.choice(DAYS, 10, replace=False))
    people = tuple(_person(n, rng, log_normal=log_normal) for n in range(PEOPLE))
    year = Year(people, Counter(), Counter())
    for person in people:
        for day in range(person.begins, DAYS):
            if day not in holidays and day not in person.leave:
                _day(year, person, FIRST_DAY + day, _draw(person, day, rng), rng)
    return year


def with_burst(
    year: Year, actor: str, day: int, events: int, hours: int, type_: str
) -> tuple[Mapping[ActorDay, int], Mapping[ActorHour, int]]:
    """The year's counts with so many more events of one actor on a day, in so many hours."""
    days, by_hour = Counter(year.actor_days), Counter(year.actor_hours)
    days[ActorDay(actor, day, type_)] += events
    for n in range(hours):
        share = events // hours + (n < events % hours)
        by_hour[ActorHour(actor, day, 24 * day + 10 + n)] += share
    return days, by_hour


def _person(n: int, rng: np.random.Generator, *, log_normal: bool) -> Person:
    kind = n % 5
    weekdays = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    if kind == 1:
        weekdays[rng.choice(5, 2, replace=False)] = 0.0
    if kind == 2:
        weekdays[5:] = 0.3
    if kind == 3:
        weekdays[4] = 1.8
    if kind == 4:
        weekdays[:5] *= rng.uniform(0.7, 1.3, 5)
    first_leave = int(rng.integers(0, DAYS - 14)), int(rng.integers(0, DAYS - 14))
    return Person(
        name=f"actor:{n:032x}",
        usual=float(np.exp(rng.uniform(np.log(2), np.log(40)))),
        shape=float(np.exp(rng.uniform(np.log(3), np.log(30)))),
        weekdays=weekdays,
        types=rng.dirichlet([3.0, 2.0, 1.0, 0.3]),
        begins=int(rng.integers(30, 300)) if n >= PEOPLE - 6 else 0,
        drift=float(rng.uniform(-0.25, 0.25)),
        leave=frozenset(day for start in first_leave for day in range(start, start + 14)),
        log_normal=log_normal,
    )


def _draw(person: Person, day: int, rng: np.random.Generator) -> int:
    drift = 1 + person.drift * day / DAYS
    mean = person.usual * drift * person.weekdays[weekday_of(FIRST_DAY + day)]
    if person.log_normal:
        spread = np.sqrt(np.log1p(1 / person.shape))
        mood = np.exp(rng.normal(-spread * spread / 2, spread))
    else:
        mood = rng.gamma(person.shape, 1 / person.shape)
    return int(rng.poisson(mean * mood))


def _day(year: Year, person: Person, day: int, events: int, rng: np.random.Generator) -> None:
    if events == 0:
        return
    for type_, n in zip(_TYPES, rng.multinomial(events, person.types), strict=True):
        if n:
            year.actor_days[ActorDay(person.name, day, type_)] += int(n)
    for hour, n in enumerate(rng.multinomial(events, rng.dirichlet([2.0] * 10))):
        if n:
            year.actor_hours[ActorHour(person.name, day, 24 * day + 8 + hour)] += int(n)
