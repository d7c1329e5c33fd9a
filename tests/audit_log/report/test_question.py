"""What can be asked, and what cannot."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from assay.audit_log.report.question import Question, parse_hours, zone_named
from assay.errors import BadInput
from tests.audit_log.report.logs import MONDAY, WEEK


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [
        ("Mon-Fri 07:00-19:00", {0, 1, 2, 3, 4}, 420, 1140),
        ("mon-fri 07:00-19:00", {0, 1, 2, 3, 4}, 420, 1140),
        ("Sat 00:00-24:00", {5}, 0, 1440),
        ("Sun-Thu 08:30-17:15", {6, 0, 1, 2, 3}, 510, 1035),
    ],
)
def test_hours_are_read(text: str, days: set[int], start: int, end: int) -> None:
    hours = parse_hours(text)

    assert (hours.weekdays, hours.start_minute, hours.end_minute) == (days, start, end)
    assert parse_hours(hours.text) == hours


@pytest.mark.parametrize(
    "text",
    ["", "always", "Mon-Fri", "Mon-Fri 19:00-07:00", "Mon-Fri 07:00-24:01", "Mon-Fri 07:60-19:00",
     "Xyz 07:00-19:00", "Mon-Fri 7-19", "Mon-Fri 07:00-07:00"],
)  # fmt: skip
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="no working hours"):
        parse_hours(text)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "", "UTC\x00", "europe"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="no time zone"):
        zone_named(name)


@pytest.mark.parametrize(
    "change",
    [
        {"until": MONDAY},
        {"until": MONDAY - timedelta(days=1)},
        {"until": MONDAY + timedelta(days=366 * 21)},
        {"since": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"false_alarms_per_year": 0},
        {"false_alarms_per_year": float("nan")},
        {"false_alarms_per_year": 1e9},
        {"clock_slack_seconds": -1},
        {"heartbeat_seconds": -5},
        {"heartbeat_seconds": 0},
        {"zone": "Nowhere"},
    ],
    ids=lambda change: "-".join(f"{k}={v}" for k, v in change.items()),
)
def test_what_cannot_be_asked_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        replace(WEEK, **change)


def test_a_question_is_a_value() -> None:
    assert Question(WEEK.since, WEEK.until) == WEEK
