"""What the order of the log says about clocks and silences, as a value that adds up.

The log's order is the truth; instants are what producers claimed. Between one entry and the next

- a *clock regression* is an instant that goes back by more than the stated slack: a clock was set
  back, or returned from a wrong time. A clock that stays behind is told once, at the step;
- a *silence* is the time in which nothing was written, cut to the period;
- a silence of more than two heartbeats lacks the heartbeats that should lie in it.

An `Order` covers any set of entries. Where the last entry of one and the first of another follow
each other, adding them looks at that pair too, so that the sum does not depend on how the log was
divided or in which order the parts are added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest

from assay.audit_log.heartbeat import TOLERATED_INTERVALS
from assay.audit_log.report.question import Question
from assay.canonical import microseconds

LISTED_REGRESSIONS = 100
LISTED_SILENCES = 10
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Entries without a gap in their numbers; instants in microseconds since 1970."""

    first: int
    first_at: int
    last: int
    last_at: int


@dataclass(frozen=True, slots=True, order=True)
class Regression:
    """An entry whose instant lies `back_us` microseconds before that of the entry before it."""

    index: int
    back_us: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing from `begin_us` until the entry `index`, or until the period's end where it is None."""

    begin_us: int
    end_us: int
    index: int | None

    @property
    def length_us(self) -> int:
        """How long it was, in microseconds."""
        return self.end_us - self.begin_us


@dataclass(frozen=True, slots=True)
class Limits:
    """The question's limits in microseconds."""

    since: int
    until: int
    slack: int
    heartbeat: int | None


@dataclass(frozen=True, slots=True)
class Order:
    """What the pairs of neighbours among some entries show."""

    spans: tuple[Span, ...] = ()
    regressions: int = 0
    largest_us: int = 0
    listed: tuple[Regression, ...] = ()
    """The first of them."""
    silences: tuple[Silence, ...] = ()
    """The longest, longest first."""
    missed_heartbeats: int = 0


def limits_of(question: Question) -> Limits:
    """The limits that a question sets."""
    beat = question.heartbeat_seconds
    return Limits(
        microseconds(question.since),
        microseconds(question.until),
        question.clock_slack_seconds * _SECOND,
        None if beat is None else beat * _SECOND,
    )


def one(index: int, at_us: int) -> Order:
    """The order of a single entry."""
    return Order((Span(index, at_us, index, at_us),))


def pair(before_us: int, index: int, at_us: int, limits: Limits) -> Order:
    """What an entry shows beside the one before it; without spans."""
    if at_us < before_us:
        back = before_us - at_us
        touches = before_us >= limits.since and at_us < limits.until
        if back <= limits.slack or not touches:
            return Order()
        return Order((), 1, back, (Regression(index, back),))
    return _silent(before_us, at_us, index, limits)


def until_the_end(order: Order, limits: Limits) -> Order:
    """The order with the silence from the newest entry to the end of the period."""
    if not order.spans:
        return order
    tail = _silent(order.spans[-1].last_at, limits.until, None, limits)
    return add(order, tail, limits)


def add(left: Order, right: Order, limits: Limits) -> Order:
    """Both together; commutative and associative for parts that share no entry.

    Raises:
        ValueError: they share entries.
    """
    spans: list[Span] = []
    total = [left, right]
    for span in sorted((*left.spans, *right.spans)):
        if spans and span.first <= spans[-1].last:
            raise ValueError(f"entry {span.first} is counted twice")
        if spans and span.first == spans[-1].last + 1:
            before = spans.pop()
            total.append(pair(before.last_at, span.first, span.first_at, limits))
            span = Span(before.first, before.first_at, span.last, span.last_at)  # noqa: PLW2901
        spans.append(span)
    return Order(
        tuple(spans),
        sum(part.regressions for part in total),
        max(part.largest_us for part in total),
        tuple(nsmallest(LISTED_REGRESSIONS, (r for part in total for r in part.listed))),
        longest(s for part in total for s in part.silences),
        sum(part.missed_heartbeats for part in total),
    )


def longest(silences: Iterable[Silence]) -> tuple[Silence, ...]:
    """The longest silences, longest first, earlier ones first among equals."""
    return tuple(
        nsmallest(
            LISTED_SILENCES,
            silences,
            key=lambda s: (-s.length_us, s.begin_us, -1 if s.index is None else s.index),
        )
    )


def missing_in(length_us: int, heartbeat_us: int | None) -> int:
    """How many heartbeats are missing in a silence."""
    if heartbeat_us is None or length_us <= TOLERATED_INTERVALS * heartbeat_us:
        return 0
    return length_us // heartbeat_us


def _silent(begin_us: int, end_us: int, index: int | None, limits: Limits) -> Order:
    begin, end = max(begin_us, limits.since), min(end_us, limits.until)
    if end <= begin:
        return Order()
    missed = missing_in(end - begin, limits.heartbeat)
    return Order(silences=(Silence(begin, end, index),), missed_heartbeats=missed)
