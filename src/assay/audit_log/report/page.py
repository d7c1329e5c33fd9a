"""A report arranged for a page: charts with coordinates, rows in order, nothing counted anew.

Pure: the same report gives the same value. Coordinates are whole numbers in the units of the SVG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from assay.audit_log.report.question import WEEKDAYS

LISTED_ON_PAGE = 25
CHART_WIDTH, CHART_HEIGHT = 960, 240
_LEFT, _BOTTOM, _TOP = 56, 28, 12
_BINS_MAX = 120
_CELL_WIDTH, _CELL_HEIGHT, _WEEK_LEFT, _WEEK_TOP = 36, 24, 48, 24
_SHADES = 8
_SEVERITIES = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Block:
    """A rectangle of a chart; `kind` is a class of the style sheet."""

    x: int
    y: int
    width: int
    height: int
    kind: str


@dataclass(frozen=True, slots=True)
class Label:
    """A word of a chart, at the left (start), middle or end of its place."""

    x: int
    y: int
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart; `words` tell it to whoever does not see it."""

    width: int
    height: int
    words: str
    blocks: tuple[Block, ...]
    lines: tuple[int, ...]
    """Heights of horizontal lines."""
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What the template shows beside the report itself."""

    report: Mapping[str, Any]
    by_day: Chart | None
    by_hour_of_week: Chart | None
    types: tuple[tuple[str, int], ...]
    outcomes: tuple[tuple[str, int], ...]
    severities: tuple[tuple[str, int], ...]
    actors: tuple[Mapping[str, Any], ...]
    actors_more: int
    out_of_hours: tuple[Mapping[str, Any], ...]
    out_of_hours_more: int
    alerts: tuple[Mapping[str, Any], ...]
    alerts_more: int


def page_of(report: Mapping[str, Any]) -> Page:
    """The page of a report."""
    actors, outside = report["by_actor"], report["out_of_hours"]
    alerts = sorted(
        report["alerts"]["listed"], key=lambda a: (a["acknowledged_by"] is not None, a["index"])
    )
    return Page(
        report,
        _by_day(report["timeline"]),
        _by_hour_of_week(report["timeline"]["by_hour_of_week"]),
        _ranked(report["by_type"]),
        _ranked(report["by_outcome"]),
        tuple((word, report["by_severity"][word]) for word in _SEVERITIES),
        tuple(actors["listed"][:LISTED_ON_PAGE]),
        actors["others"]["actors"] + len(actors["listed"][LISTED_ON_PAGE:]),
        tuple(outside["by_actor"][:LISTED_ON_PAGE]),
        outside["others"]["actors"] + len(outside["by_actor"][LISTED_ON_PAGE:]),
        tuple(alerts[:LISTED_ON_PAGE]),
        report["alerts"]["count"] - len(alerts[:LISTED_ON_PAGE]),
    )


def _ranked(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda row: (-row[1], row[0])))


def _by_day(timeline: Mapping[str, Any]) -> Chart | None:
    """Bars of days, or of equal numbers of days where there are more than fit."""
    rows = timeline["by_day"]
    if not rows:
        return None
    first = date.fromisoformat(timeline["first_day"])
    days = (date.fromisoformat(timeline["last_day"]) - first).days + 1
    per_bin = -(-days // _BINS_MAX)
    bins = [dict.fromkeys(_SEVERITIES, 0) for _ in range(-(-days // per_bin))]
    for row in rows:
        into = bins[(date.fromisoformat(row["day"]) - first).days // per_bin]
        for word in _SEVERITIES:
            into[word] += row[word]
    top = max(sum(one.values()) for one in bins)
    whole = CHART_WIDTH - _LEFT
    blocks = [
        block
        for n, one in enumerate(bins)
        for block in _stack(
            one, _LEFT + whole * n // len(bins), _LEFT + whole * (n + 1) // len(bins), top
        )
    ]
    each = "day" if per_bin == 1 else f"{per_bin} days"
    last = first + timedelta(days=days - 1)
    words = (
        f"Events for each {each} from {first} to {last}, by severity. "
        f"The highest bar is {top:,} events."
    )
    return Chart(
        CHART_WIDTH,
        CHART_HEIGHT,
        words,
        tuple(blocks),
        (_TOP, CHART_HEIGHT - _BOTTOM),
        (*_day_labels(first, days), *_scale_labels(top)),
    )


def _stack(counts: Mapping[str, int], left: int, right: int, top: int) -> list[Block]:
    """The parts of a bar, low severities at the bottom; what is there at all is at least one high."""
    room = CHART_HEIGHT - _BOTTOM - _TOP
    gap = 1 if right - left > 3 else 0
    blocks, bottom, seen = [], CHART_HEIGHT - _BOTTOM, 0
    for word in reversed(_SEVERITIES):
        if counts[word]:
            seen += counts[word]
            upper = min(bottom - 1, CHART_HEIGHT - _BOTTOM - room * seen // top)
            blocks.append(Block(left, upper, right - left - gap, bottom - upper, word))
            bottom = upper
    return blocks


def _day_labels(first: date, days: int) -> tuple[Label, ...]:
    y = CHART_HEIGHT - 8
    begin = Label(_LEFT, y, str(first), "start")
    if days == 1:
        return (begin,)
    end = Label(CHART_WIDTH, y, str(first + timedelta(days=days - 1)), "end")
    if days < 8:
        return begin, end
    middle = first + timedelta(days=days // 2)
    x = _LEFT + (CHART_WIDTH - _LEFT) * (2 * (days // 2) + 1) // (2 * days)
    return begin, Label(x, y, str(middle)), end


def _scale_labels(top: int) -> tuple[Label, ...]:
    return (
        Label(_LEFT - 8, _TOP + 6, f"{top:,}", "end"),
        Label(_LEFT - 8, CHART_HEIGHT - _BOTTOM, "0", "end"),
    )


def _by_hour_of_week(rows: Sequence[Sequence[int]]) -> Chart | None:
    """A cell for each hour of the week, darker where more happened."""
    top = max(max(row) for row in rows)
    if not top:
        return None
    blocks = tuple(
        Block(
            _WEEK_LEFT + hour * _CELL_WIDTH,
            _WEEK_TOP + weekday * _CELL_HEIGHT,
            _CELL_WIDTH - 2,
            _CELL_HEIGHT - 2,
            f"shade{-(-_SHADES * n // top)}",
        )
        for weekday, row in enumerate(rows)
        for hour, n in enumerate(row)
    )
    labels = [
        Label(_WEEK_LEFT - 8, _WEEK_TOP + n * _CELL_HEIGHT + 16, word, "end")
        for n, word in enumerate(WEEKDAYS)
    ]
    labels += [
        Label(_WEEK_LEFT + hour * _CELL_WIDTH + _CELL_WIDTH // 2 - 1, 16, f"{hour:02}")
        for hour in range(24)
    ]
    busiest = max(
        (n, -weekday, -hour) for weekday, row in enumerate(rows) for hour, n in enumerate(row)
    )
    words = (
        f"Events for each hour of the week, darker where there were more. The busiest hour is "
        f"{WEEKDAYS[-busiest[1]]} {-busiest[2]:02}:00 with {top:,} events."
    )
    return Chart(
        _WEEK_LEFT + 24 * _CELL_WIDTH,
        _WEEK_TOP + 7 * _CELL_HEIGHT,
        words,
        blocks,
        (),
        tuple(labels),
    )
