"""Calendar periods: month ends, leap years, and the boundary that retention rests on."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import BadInput
from assay.law.periods import Period, end_of, latest_start_ended_by, parse_period


@pytest.mark.parametrize(
    ("start", "period", "end"),
    [
        (date(2027, 1, 31), "P1M", date(2027, 2, 28)),
        (date(2028, 1, 31), "P1M", date(2028, 2, 29)),
        (date(2024, 2, 29), "P1Y", date(2025, 2, 28)),
        (date(2024, 2, 29), "P4Y", date(2028, 2, 29)),
        (date(2026, 12, 31), "P1D", date(2027, 1, 1)),
        (date(2026, 1, 1), "P1Y2M1W3D", date(2027, 3, 11)),
    ],
)
def test_a_period_ends_on_the_same_day_or_the_months_last(
    start: date, period: str, end: date
) -> None:
    assert end_of(start, parse_period(period)) == end


@pytest.mark.parametrize("text", ["", "P", "10Y", "P1H", "P-1Y", "P1.5Y", "p1y", "P1D1Y"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="is not a period"):
        parse_period(text)


def test_a_period_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(BadInput, match="beyond the year 9999"):
        end_of(date(2026, 1, 1), Period(12 * 9000, 0))


@given(
    st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    st.builds(Period, st.integers(0, 400), st.integers(0, 400)),
)
def test_the_latest_start_that_ended_is_the_boundary(day: date, period: Period) -> None:
    start = latest_start_ended_by(day, period)
    assert end_of(start, period) <= day < end_of(start + timedelta(days=1), period) or (
        end_of(start, period) <= day and start == day
    )
