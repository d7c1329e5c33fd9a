"""What a report of the log is asked: which period, whose clock and working hours, which rates.

All of it stands in the report, so that whoever reads it can ask the same again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from assay.errors import BadInput

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""In the order of `datetime.weekday`."""

ACCESS_TYPES = frozenset({"data_access", "model_access", "user_login"})
"""The event types that count as an access when somebody asks what happened out of hours."""

ALERT_TYPE = "security_alert"
ERROR_TYPE = "error_event"
REVIEW_TYPE = "log_review"
ERROR_OUTCOMES = frozenset({"denied", "error", "failed", "failure"})
"""Outcomes that count as an error, beside every event of type `error_event`."""

FALSE_ALARMS_PER_YEAR = 12.0
CLOCK_SLACK_SECONDS = 60
_YEARS_MAX = 20
_HOURS = re.compile(
    r"(?P<first>[A-Za-z]{3})(?:-(?P<last>[A-Za-z]{3}))? (?P<from>\d\d:\d\d)-(?P<to>\d\d:\d\d)"
)


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """The hours of a week in which people work; `weekdays` are 0 (Monday) to 6."""

    weekdays: frozenset[int] = frozenset(range(5))
    start_minute: int = 7 * 60
    """Minutes after local midnight, included."""
    end_minute: int = 19 * 60
    """Minutes after local midnight, not included."""
    text: str = "Mon-Fri 07:00-19:00"

    def holds(self, weekday: int, minute: int) -> bool:
        """Whether people work at this minute of this weekday."""
        return weekday in self.weekdays and self.start_minute <= minute < self.end_minute


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is about. `since` is included, `until` is not; both are aware.

    Raises:
        BadInput: the period is empty, too long or without a zone, or a rate cannot be.
    """

    since: datetime
    until: datetime
    zone: str = "UTC"
    hours: WorkingHours = WorkingHours()
    false_alarms_per_year: float = FALSE_ALARMS_PER_YEAR
    """How many alarms of unusual activity may be false, all actors together."""
    clock_slack_seconds: int = CLOCK_SLACK_SECONDS
    """How far back an entry's instant may go against the order of the log before it is told."""
    heartbeat_seconds: int | None = None
    """How often at least something is to be written; None expects nothing."""

    def __post_init__(self) -> None:
        if self.since.tzinfo is None or self.until.tzinfo is None:
            raise BadInput("A period needs instants with a zone.", next_step="Add Z for UTC.")
        if not self.since < self.until:
            raise BadInput(
                f"The period from {self.since.isoformat()} to {self.until.isoformat()} is empty.",
                next_step="Give an end that is after the beginning.",
            )
        if self.until - self.since > timedelta(days=366 * _YEARS_MAX):
            raise BadInput(
                f"The period is longer than {_YEARS_MAX} years.", next_step="Ask for a shorter one."
            )
        if not 0 < self.false_alarms_per_year <= 10_000:
            raise BadInput(
                f"{self.false_alarms_per_year:g} false alarms a year cannot be asked for.",
                next_step="Give a number above 0 and up to 10,000.",
            )
        beat = 1 if self.heartbeat_seconds is None else self.heartbeat_seconds
        if self.clock_slack_seconds < 0 or beat < 1:
            raise BadInput("Seconds are counted from zero, those of heartbeats from one.")
        zone_named(self.zone)


def zone_named(name: str) -> tzinfo:
    """The time zone with this name of the IANA database.

    Raises:
        BadInput: there is none here.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(
            f"There is no time zone {name[:64]!r} here.",
            next_step="Write it like Europe/Berlin. Systems without time zones need `tzdata`.",
        ) from error


def parse_hours(text: str) -> WorkingHours:
    """The working hours that `Mon-Fri 07:00-19:00` says.

    Raises:
        BadInput: it does not say any.
    """
    seen = _HOURS.fullmatch(text.strip())
    try:
        if seen is None:
            raise ValueError(text)
        first = WEEKDAYS.index(seen["first"].capitalize())
        last = first if seen["last"] is None else WEEKDAYS.index(seen["last"].capitalize())
        start, end = _minute(seen["from"]), _minute(seen["to"])
        if start >= end:
            raise ValueError(text)
    except ValueError as error:
        raise BadInput(
            f"{text[:64]!r} are no working hours.",
            next_step="Write them like `Mon-Fri 07:00-19:00`; the end is at most 24:00.",
        ) from error
    count = (last - first) % 7 + 1
    days = frozenset((first + n) % 7 for n in range(count))
    return WorkingHours(days, start, end, _words(first, last, start, end))


def _minute(clock: str) -> int:
    hours, minutes = int(clock[:2]), int(clock[3:])
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise ValueError(clock)
    return hours * 60 + minutes


def _words(first: int, last: int, start: int, end: int) -> str:
    days = WEEKDAYS[first] if first == last else f"{WEEKDAYS[first]}-{WEEKDAYS[last]}"
    return f"{days} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
