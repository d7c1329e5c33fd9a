"""What a report recommends, in words, from its numbers alone.

Each recommendation has a code that stays the same from report to report, a severity, a statement with
the numbers behind it, and what to do. The limits are constants here and stand in the statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assay.vocabulary import Severity

ERROR_RATE_MAX = 0.05
SILENCE_HOURS_MAX = 24


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Something to do, and why."""

    code: str
    severity: Severity
    statement: str
    next_step: str


def recommendations(report: Mapping[str, Any]) -> tuple[Recommendation, ...]:
    """What follows from a report's numbers, worst first."""
    found = [one for rule in _RULES for one in rule(report)]
    return tuple(sorted(found, key=lambda one: -one.severity))


def _unreadable(report: Mapping[str, Any]) -> Iterator[Recommendation]:
    n = report["log"]["unreadable"]
    if n:
        yield Recommendation(
            "entries_not_here",
            Severity.HIGH,
            f"{_count(n, 'entry', 'entries')} of the log could not be read, only their hashes: what "
            "they say is UNKNOWN and in none of these numbers.",
            "Fetch the archive that holds them, and write the report again.",
        )


def _nothing(report: Mapping[str, Any]) -> Iterator[Recommendation]:
    if not report["totals"]["events"]:
        yield Recommendation(
            "no_events",
            Severity.MEDIUM,
            "Nothing was written in the whole period. That is not a good sign by itself.",
            "Find out whether what should write to this log was running.",
        )


def _alerts(report: Mapping[str, Any]) -> Iterator[Recommendation]:
    alerts = report["alerts"]
    if alerts["not_acknowledged"]:
        yield Recommendation(
            "alerts_not_acknowledged",
            Severity.CRITICAL,
            f"{alerts['not_acknowledged']} of {_count(alerts['count'], 'security alert')} "
            "were not acknowledged by any review.",
            "Look at each of them, then record it with `assay log review`.",
        )
    own = sum(
        alert["acknowledged_by"] is not None and alert["acknowledged_by"]["actor"] == alert["actor"]
        for alert in alerts["listed"]
    )
    if own:
        yield Recommendation(
            "alerts_acknowledged_by_their_actor",
            Severity.HIGH,
            f"{_count(own, 'security alert was', 'security alerts were')} acknowledged by the same "
            "actor that they name.",
            "Let somebody else look at them.",
        )


def _unusual(report: Mapping[str, Any]) -> Iterator[Recommendation]:
    unusual = report["unusual"]
    if unusual["alarms"]:
        actors = len({alarm["actor"] for alarm in unusual["alarms"]})
        yield Recommendation(
            "unusual_activity",
            Severity.HIGH,
            f"On {_count(len(unusual['alarms']), 'day of an actor', 'days of an actor')} "
            f"({_count(actors, 'actor')}) activity was unusual for that actor. In a period this long "
            f"at most {unusual['false_alarms_expected_max']:.2g} such alarms are expected by chance.",
            "Ask what the actor did on that day; `assay log query --actor` shows it.",
        )
    if unusual["not_judged"]:
        days = sum(row["days"] for row in unusual["not_judged"])
        yield Recommendation(
            "no_baseline",
            Severity.LOW,
            f"{_count(days, 'day')} of {_count(len(unusual['not_judged']), 'actor')} could not be "
            "judged, because there are fewer than ten days of the actor to compare with: UNKNOWN.",
            "Look at new actors yourself until they have a baseline.",
        )


def _out_of_hours(report: Mapping[str, Any]) -> Iterator[Recommendation]:
    outside = report["out_of_hours"]
    if outside["events"]:
        yield Recommendation(
            "access_out_of_hours",
            Severity.MEDIUM,
            f"{outside['events']} of {_count(outside['accesses'], 'access', 'accesses')} fell outside "
            f"{report['query']['working_hours']} ({report['query']['zone']}), by "
            f"{_count(len(outside['by_actor']) + outside['others']['actors'], 'actor')}.",
            "Check that each of these actors works at those hours; services do, people seldom.",
        )


def _errors(report: Mapping[str, Any]) -> Iterator[Recommendation]:
    totals = report["totals"]
    if totals["events"] and totals["errors"] / totals["events"] > ERROR_RATE_MAX:
        rate = totals["errors"] / totals["events"]
        yield Recommendation(
            "error_rate",
            Severity.MEDIUM,
            f"{totals['errors']} of {_count(totals['events'], 'event')} ({100 * rate:.1f} %) are "
            f"errors, more than {100 * ERROR_RATE_MAX:.0f} %.",
            "Look for the most frequent kind; `assay log query --type error_event` lists them.",
        )


def _clock(report: Mapping[str, Any]) -> Iterator[Recommendation]:
    clock = report["clock_regressions"]
    if clock["count"]:
        yield Recommendation(
            "clock_regressions",
            Severity.MEDIUM,
            f"The clock went back {_count(clock['count'], 'time')} by more than "
            f"{_count(report['query']['clock_slack_seconds'], 'second')}, at most by "
            f"{_seconds(clock['largest_seconds'])}. Times around it cannot be trusted; the order can.",
            "Find the machine whose clock is wrong, and synchronise it.",
        )


def _silences(report: Mapping[str, Any]) -> Iterator[Recommendation]:
    missed, expected = report["heartbeats"]["missed"], report["query"]["heartbeat_seconds"]
    longest = max((gap["seconds"] for gap in report["gaps"]), default=0)
    if expected is None and longest > SILENCE_HOURS_MAX * 3600:
        yield Recommendation(
            "silence",
            Severity.LOW,
            f"The longest silence lasted {_seconds(longest)}, and nothing says whether that is right: "
            "no heartbeat is expected.",
            "Let the log write heartbeats, and give their distance with `--heartbeat`.",
        )
    if missed:
        yield Recommendation(
            "heartbeats_missing",
            Severity.HIGH,
            f"{_count(missed, 'heartbeat')} are missing: something should have been written every "
            f"{_seconds(expected)}, and the longest silence lasted {_seconds(longest)}.",
            "Find out what ran in the silences, and who could have stopped the log.",
        )


def _witness(report: Mapping[str, Any]) -> Iterator[Recommendation]:
    totals, witnessed = report["totals"], report["log"]["witnessed"]
    if not totals["unwitnessed"]:
        return
    share = 100 * totals["unwitnessed"] / totals["events"]
    covered = (
        "no checkpoint was cosigned by as many witnesses as are needed"
        if report["log"]["witnesses_needed"] and witnessed is None
        else "no witness is named"
        if witnessed is None
        else f"the newest witnessed checkpoint is of size {witnessed['size']}"
    )
    yield Recommendation(
        "not_witnessed",
        Severity.MEDIUM,
        f"{totals['unwitnessed']} of {_count(totals['events'], 'event')} ({share:.1f} %) rest on the "
        f"log's own key alone: {covered}. Whoever has that key could have rewritten them.",
        "Let a witness cosign checkpoints, or keep checkpoints where the log's writer cannot write.",
    )


def _review(report: Mapping[str, Any]) -> Iterator[Recommendation]:
    if not report["reviews"]["count"]:
        yield Recommendation(
            "not_reviewed",
            Severity.LOW,
            "No review of this period, or of a part of it, is recorded in the log.",
            "Read this report, then record that you did with `assay log review`.",
        )


_RULES: tuple[Callable[[Mapping[str, Any]], Iterator[Recommendation]], ...] = (
    _alerts,
    _unusual,
    _silences,
    _unreadable,
    _out_of_hours,
    _errors,
    _clock,
    _witness,
    _nothing,
    _review,
)


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _seconds(seconds: float) -> str:
    """A length of time for people, in the largest unit that fits twice."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}s"
    return "1 second" if seconds == 1 else f"{seconds:g} seconds"
