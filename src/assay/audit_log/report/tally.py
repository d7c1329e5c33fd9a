"""What a report counts, as a value that adds up.

A `Tally` covers any set of entries; two of them that share none are added by `merge`, in any order
and any grouping, with the same result. So a log can be counted in one pass or in parts. Memory grows
with the number of types, actors, days and hours that occur, not with the number of entries: only
alerts are kept one by one, the first 10,000 of them, and beyond that they are counted.

Counted is what `occurred_at` puts into the period, with two exceptions: clocks and silences are
judged between neighbours in the log (`order.py`), and what each actor did on a day and in an hour is
also counted for the eight weeks before the period, to compare with (`unusual.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from heapq import nsmallest
from typing import Any, NamedTuple

from assay.audit_log.report import order
from assay.audit_log.report.days import Days
from assay.audit_log.report.question import (
    ACCESS_TYPES,
    ALERT_TYPE,
    ERROR_OUTCOMES,
    ERROR_TYPE,
    Question,
)
from assay.canonical import microseconds
from assay.vocabulary import Event

BASELINE_DAYS = 56
LISTED_ALERTS = 10_000
_SECOND = 1_000_000
_HOUR = 3_600 * _SECOND


class ActorDay(NamedTuple):
    """An actor's events of a type on a local day, days counted since 1970-01-01."""

    actor: str
    day: int
    type: str


class ActorHour(NamedTuple):
    """An actor's events in an hour (counted since 1970 in UTC) of a local day."""

    actor: str
    day: int
    hour: int


@dataclass(frozen=True, slots=True, order=True)
class Alert:
    """An alert in the period, by its place in the log."""

    index: int
    occurred_at: datetime
    type: str
    severity: str
    actor: str
    action: str
    target: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over some entries; every mapping counts events of the period unless it says otherwise."""

    question: Question
    entries: int = 0
    """All entries that were looked at, in the period or not."""
    events: int = 0
    errors: int = 0
    unwitnessed: int = 0
    """Events of the period that no witnessed checkpoint covers."""
    first_us: int | None = None
    last_us: int | None = None
    by_type: Mapping[str, int] = field(default_factory=dict)
    by_severity: Mapping[str, int] = field(default_factory=dict)
    by_outcome: Mapping[str, int] = field(default_factory=dict)
    by_actor: Mapping[str, int] = field(default_factory=dict)
    by_day: Mapping[tuple[int, str], int] = field(default_factory=dict)
    """By local day since 1970-01-01, and severity."""
    by_hour: Mapping[int, int] = field(default_factory=dict)
    """By hour since 1970 in UTC."""
    by_hour_of_week: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """By local weekday (0 is Monday) and local hour."""
    accesses: int = 0
    out_of_hours: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Accesses outside working hours, by actor and type."""
    actor_days: Mapping[ActorDay, int] = field(default_factory=dict)
    """Also of the eight weeks before the period."""
    actor_hours: Mapping[ActorHour, int] = field(default_factory=dict)
    """Also of the eight weeks before the period."""
    alerts: tuple[Alert, ...] = ()
    """The first 10,000 by index."""
    alert_count: int = 0
    order: order.Order = field(default_factory=order.Order)


def merge(left: Tally, right: Tally) -> Tally:
    """Both together; commutative and associative for tallies that share no entry.

    Raises:
        ValueError: they answer different questions or share entries.
    """
    if left.question != right.question:
        raise ValueError("tallies of different questions do not add up")
    apart = {"question", "first_us", "last_us", "alerts", "order"}
    sums = {
        part.name: _sum(getattr(left, part.name), getattr(right, part.name))
        for part in fields(Tally)
        if part.name not in apart
    }
    firsts = [t.first_us for t in (left, right) if t.first_us is not None]
    lasts = [t.last_us for t in (left, right) if t.last_us is not None]
    return Tally(
        question=left.question,
        first_us=min(firsts, default=None),
        last_us=max(lasts, default=None),
        alerts=tuple(nsmallest(LISTED_ALERTS, (*left.alerts, *right.alerts))),
        order=order.add(left.order, right.order, order.limits_of(left.question)),
        **sums,
    )


class Tallying:
    """Counts events as they come, by ascending index; `tally` is what was counted so far."""

    def __init__(self, question: Question, witnessed_size: int = 0) -> None:
        """`witnessed_size` is the size of the newest witnessed checkpoint."""
        self._question = question
        self._witnessed = witnessed_size
        self._limits = order.limits_of(question)
        self._days = Days(question.zone)
        first_day = self._days.local(self._limits.since)[0]
        self.first_day, self.last_day = first_day, self._days.local(self._limits.until - 1)[0]
        self._order = order.Order()
        self._span: order.Span | None = None
        self._alerts: list[Alert] = []
        self._n: Counter[str] = Counter()
        self._first: int | None = None
        self._last: int | None = None
        self._type: Counter[str] = Counter()
        self._severity: Counter[str] = Counter()
        self._outcome: Counter[str] = Counter()
        self._actor: Counter[str] = Counter()
        self._day: Counter[tuple[int, str]] = Counter()
        self._hour: Counter[int] = Counter()
        self._week: Counter[tuple[int, int]] = Counter()
        self._out: Counter[tuple[str, str]] = Counter()
        self._actor_day: Counter[ActorDay] = Counter()
        self._actor_hour: Counter[ActorHour] = Counter()

    def add(self, index: int, event: Event) -> None:
        """Count one event."""
        at = microseconds(event.occurred_at)
        self._n["entries"] += 1
        self._follow(index, at)
        if at >= self._limits.until:
            return
        day, weekday, minute = self._days.local(at)
        if day < self.first_day - BASELINE_DAYS:
            return
        self._actor_day[ActorDay(event.actor, day, event.type)] += 1
        self._actor_hour[ActorHour(event.actor, day, at // _HOUR)] += 1
        if at >= self._limits.since:
            self._count(index, event, at, day)
            self._week[weekday, minute // 60] += 1
            self._look_for_access(event, weekday, minute)

    def tally(self) -> Tally:
        """What was counted."""
        spans = () if self._span is None else (self._span,)
        whole = order.add(self._order, order.Order(spans), self._limits)
        return Tally(
            question=self._question,
            entries=self._n["entries"],
            events=self._n["events"],
            errors=self._n["errors"],
            unwitnessed=self._n["unwitnessed"],
            first_us=self._first,
            last_us=self._last,
            by_type=Counter(self._type),
            by_severity=Counter(self._severity),
            by_outcome=Counter(self._outcome),
            by_actor=Counter(self._actor),
            by_day=Counter(self._day),
            by_hour=Counter(self._hour),
            by_hour_of_week=Counter(self._week),
            accesses=self._n["accesses"],
            out_of_hours=Counter(self._out),
            actor_days=Counter(self._actor_day),
            actor_hours=Counter(self._actor_hour),
            alerts=tuple(self._alerts),
            alert_count=self._n["alerts"],
            order=whole,
        )

    def _count(self, index: int, event: Event, at: int, day: int) -> None:
        severity = event.severity.word
        self._n["events"] += 1
        self._type[event.type] += 1
        self._severity[severity] += 1
        self._outcome[event.outcome] += 1
        self._actor[event.actor] += 1
        self._day[day, severity] += 1
        self._hour[at // _HOUR] += 1
        self._first = at if self._first is None else min(self._first, at)
        self._last = at if self._last is None else max(self._last, at)
        if event.type == ERROR_TYPE or event.outcome in ERROR_OUTCOMES:
            self._n["errors"] += 1
        if index >= self._witnessed:
            self._n["unwitnessed"] += 1
        if event.type == ALERT_TYPE:
            self._n["alerts"] += 1
            if len(self._alerts) < LISTED_ALERTS:
                self._alerts.append(alert_of(index, event))

    def _look_for_access(self, event: Event, weekday: int, minute: int) -> None:
        if event.type in ACCESS_TYPES:
            self._n["accesses"] += 1
            if not self._question.hours.holds(weekday, minute):
                self._out[event.actor, event.type] += 1

    def _follow(self, index: int, at: int) -> None:
        """Look at the pair of this entry and the one before; most pairs show nothing."""
        before = self._span
        if before is None:
            self._span = order.Span(index, at, index, at)
            return
        if index != before.last + 1:
            done = order.Order((before,))
            self._order = order.add(self._order, done, self._limits)
            self._span = order.Span(index, at, index, at)
            return
        step = at - before.last_at
        if max(at, before.last_at) >= self._limits.since and self._tells(step, before.last_at):
            seen = order.pair(before.last_at, index, at, self._limits)
            self._order = order.add(self._order, seen, self._limits)
        self._span = order.Span(before.first, before.first_at, index, at)

    def _tells(self, step: int, before_us: int) -> bool:
        """Whether a step of so many microseconds can change what is told."""
        silences, beat = self._order.silences, self._limits.heartbeat
        if step < 0 or len(silences) < order.LISTED_SILENCES or (beat is not None and step > beat):
            return True
        last = silences[-1]
        # Among silences of one length the earlier ones are listed.
        earlier = max(before_us, self._limits.since) < last.begin_us
        return step > last.length_us or (step == last.length_us and earlier)


def alert_of(index: int, event: Event) -> Alert:
    """An alert as the report lists it."""
    return Alert(
        index,
        event.occurred_at.astimezone(UTC),
        event.type,
        event.severity.word,
        event.actor,
        event.action,
        f"{event.target.kind.value}:{event.target.name}",
        event.outcome,
    )


def _sum(left: Any, right: Any) -> Any:
    """Numbers added, or mappings added key by key."""
    return left + right if isinstance(left, int) else Counter(left) + Counter(right)
