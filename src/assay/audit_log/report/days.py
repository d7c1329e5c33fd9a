"""Local days, weekdays and minutes, as whole numbers; days are counted since 1970-01-01."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from assay.audit_log.report.question import zone_named
from assay.canonical import instant_of

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_QUARTER = 900 * _SECOND
_THURSDAY = 3  # 1970-01-01 was one


class Days:
    """Local days, weekdays and minutes of instants in one zone."""

    def __init__(self, zone: str) -> None:
        named = zone_named(zone)

        # Offsets change only at whole quarters of an hour, so one look per quarter is enough.
        @lru_cache(maxsize=4096)
        def offset(quarter: int) -> int:
            at = instant_of(quarter * _QUARTER)
            shift = at.astimezone(named).utcoffset()
            assert shift is not None  # noqa: S101 - an aware instant has one
            return int(shift.total_seconds()) * _SECOND

        self._offset = offset

    def local(self, at_us: int) -> tuple[int, int, int]:
        """Day since 1970-01-01, weekday (0 is Monday) and minute of the day."""
        day, rest = divmod(at_us + self._offset(at_us // _QUARTER), _DAY)
        return day, (day + _THURSDAY) % 7, rest // (60 * _SECOND)


def date_of(day: int) -> str:
    """The date of a day since 1970-01-01: `2026-11-22`."""
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


def weekday_of(day: int) -> int:
    """0 for a Monday."""
    return (day + _THURSDAY) % 7
