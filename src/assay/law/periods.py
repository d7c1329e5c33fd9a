"""Periods of calendar time (ISO 8601: `P10Y`, `P6M`, `P30D`) and what they lead to.

Years and months are calendar years and months: the same day of the later month, or that month's
last day (Regulation 1182/71, Art. 3(2)(c)). 29 February and a year lead to 28 February.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from assay.errors import BadInput

_PERIOD = re.compile(r"^P(?=\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?$")


@dataclass(frozen=True, slots=True)
class Period:
    """Whole months and days; a year is twelve months, a week seven days."""

    months: int
    days: int


def parse_period(text: str) -> Period:
    """The period in a text.

    Raises:
        BadInput: it is not a period of years, months, weeks and days.
    """
    match = _PERIOD.match(text)
    if match is None:
        raise BadInput(
            f"{text!r} is not a period.", next_step="Write it like P10Y, P6M, P2W or P30D."
        )
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    return Period(years * 12 + months, weeks * 7 + days)


def end_of(start: date, period: Period) -> date:
    """The day a period from `start` ends on: months first, then days.

    Raises:
        BadInput: the day lies beyond the year 9999.
    """
    month = start.year * 12 + start.month - 1 + period.months
    year, month = divmod(month, 12)
    try:
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(start.day, last)) + timedelta(days=period.days)
    except (OverflowError, ValueError, calendar.IllegalMonthError) as error:
        raise BadInput("The period ends beyond the year 9999.") from error


def latest_start_ended_by(day: date, period: Period) -> date:
    """The latest start whose period has ended by `day`; every later start ends after it.

    `end_of` never runs backwards, so the boundary is found by halving.
    """
    low, high = date.min, day
    while low < high:
        middle = low + (high - low + timedelta(days=1)) // 2
        if end_of(middle, period) <= day:
            low = middle
        else:
            high = middle - timedelta(days=1)
    return low
