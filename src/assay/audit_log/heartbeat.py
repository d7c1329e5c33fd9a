"""Heartbeats: that nothing happened is said, signed, and missed when it is not said.

A log that is silent may be quiet or cut off. So an event of type `heartbeat` is appended where nothing
else was, and its `detail.interval_seconds` promises how soon the next entry comes, of whatever type. A
silence of more than twice that is a gap: one interval was promised, the other is slack for a busy
machine and for a program that looks once in an interval. An interval of 0 ends the promise.

Rules of time, for the clocks of those who append are not the log's:

- an entry moves the time forward only, as one that was delivered late belongs before the others;
- a heartbeat, which the log's own clock stamped, sets the time, so that an entry from the future
  hides a silence for no longer than one interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from assay.audit_log.entry import new_event
from assay.errors import BadInput
from assay.vocabulary import Event, Facts, Target

TYPE = "heartbeat"
INTERVAL = "interval_seconds"
TOLERATED_INTERVALS = 2
_SECONDS_MAX = 366 * 24 * 3600

LoggedAt = tuple[int, datetime, str, Facts]
"""Index, instant, type and detail of an entry."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence in which heartbeats were promised and are missing."""

    after_index: int
    """The entry before the silence."""
    began_at: datetime
    ended_at: datetime
    interval_seconds: int
    """What the last heartbeat had promised."""
    before_index: int | None = None
    """The entry after the silence; None where it lasts."""

    @property
    def missing(self) -> int:
        """How many heartbeats are missing."""
        intervals = (self.ended_at - self.began_at) / timedelta(seconds=self.interval_seconds)
        # The entry after the silence stands for one heartbeat itself.
        return math.floor(intervals) if self.before_index is None else math.ceil(intervals) - 1


def heartbeat(now: datetime, every: timedelta, *, actor: str, target: Target) -> Event:
    """The event that says that nothing happened, and that the next entry comes within `every`.

    Whole seconds, rounded up; zero says that no more heartbeats are promised.

    Raises:
        BadInput: the interval is negative or longer than 366 days.
    """
    seconds = math.ceil(every.total_seconds())
    if not 0 <= seconds <= _SECONDS_MAX:
        raise BadInput(
            "The interval of heartbeats is negative or longer than a year.",
            next_step="Choose one between a second and 366 days.",
        )
    return new_event(
        TYPE,
        occurred_at=now,
        actor=actor,
        action="say that nothing happened" if seconds else "end the heartbeats",
        target=target,
        detail={INTERVAL: seconds},
    )


def interval_seconds(detail: Facts) -> int | None:
    """What a heartbeat promises; None where it promises nothing that can be understood."""
    found = detail.get(INTERVAL)
    good = isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= _SECONDS_MAX
    return found if good and isinstance(found, int) else None


def is_due(newest: tuple[datetime, int | None] | None, now: datetime, every: timedelta) -> bool:
    """Whether a program that looks once in an interval should append a heartbeat now.

    `newest` is the instant of the newest entry and the interval that is promised. A heartbeat is due
    when half an interval has passed, for the next look may come a little late; also when nothing is
    promised yet, when another interval was, and when the newest entry is from the future. To end the
    promise, with an interval of zero, is due while there is one.
    """
    promised = None if newest is None else newest[1]
    if not every:
        return bool(promised)
    if newest is None or promised != math.ceil(every.total_seconds()):
        return True
    return not timedelta(0) <= now - newest[0] < every / 2


def missing_heartbeats(entries: Iterable[LoggedAt], until: datetime) -> Iterator[Gap]:
    """The silences, in order, in which heartbeats are missing.

    `entries` in the order of the log, `until` the instant at which it was read. Constant memory.
    """
    interval, last, last_index = 0, until, -1
    for index, at, type_, detail in entries:
        if interval and at - last > _tolerated(interval):
            yield Gap(last_index, last, at, interval, index)
        beats = type_ == TYPE
        if last_index < 0 or beats or at > last:
            last = at
        last_index = index
        promised = interval_seconds(detail) if beats else None
        interval = interval if promised is None else promised
    if interval and until - last > _tolerated(interval):
        yield Gap(last_index, last, until, interval)


def _tolerated(interval: int) -> timedelta:
    return timedelta(seconds=TOLERATED_INTERVALS * interval)
