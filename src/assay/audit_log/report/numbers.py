"""A tally as the JSON of a report: everything sorted, so that the same counts give the same bytes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from math import floor, log10
from typing import Any

from assay.audit_log.report import order, unusual
from assay.audit_log.report.days import date_of
from assay.audit_log.report.question import ACCESS_TYPES, ERROR_OUTCOMES, Question
from assay.audit_log.report.recommendations import recommendations
from assay.audit_log.report.review import Review, Reviews
from assay.audit_log.report.tally import BASELINE_DAYS, Alert, Tally
from assay.canonical import instant, instant_of, to_json
from assay.versions import versions
from assay.vocabulary import Severity

SCHEMA = 1
KIND = "assay log report"
LISTED_ACTORS = 1_000
_HOUR = 3_600_000_000
_SECOND = 1_000_000
_SEVERITIES = tuple(severity.word for severity in sorted(Severity, reverse=True))


def numbers(
    tally: Tally,
    whole_order: order.Order,
    reviews: Reviews,
    days: tuple[int, int],
    log: Mapping[str, Any],
) -> dict[str, Any]:
    """The report; `days` are the first and the last local day of the period."""
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": KIND,
        "made_by": f"assay {versions().get('assay', 'unknown')}",
        "log": log,
        "query": _query(tally.question),
        "totals": _totals(tally),
        "by_type": _sorted(tally.by_type),
        "by_severity": {word: tally.by_severity.get(word, 0) for word in _SEVERITIES},
        "by_outcome": _sorted(tally.by_outcome),
        "by_actor": _actors(tally.by_actor),
        "timeline": _timeline(tally, days),
        "alerts": _alerts(tally, reviews),
        "reviews": {
            "count": reviews.count,
            "listed": [_review(review) for review in reviews.of_the_period],
        },
        "clock_regressions": {
            "count": whole_order.regressions,
            "largest_seconds": whole_order.largest_us / _SECOND,
            "listed": [
                {"index": one.index, "seconds": one.back_us / _SECOND} for one in whole_order.listed
            ],
        },
        "gaps": [_gap(silence) for silence in whole_order.silences],
        "heartbeats": {"missed": whole_order.missed_heartbeats},
        "out_of_hours": _out_of_hours(tally),
        "unusual": _unusual(tally, days),
    }
    report["recommendations"] = to_json(recommendations(report))
    return report


def _query(question: Question) -> dict[str, Any]:
    return {
        "since": instant(question.since),
        "until": instant(question.until),
        "zone": question.zone,
        "working_hours": question.hours.text,
        "false_alarms_per_year": question.false_alarms_per_year,
        "clock_slack_seconds": question.clock_slack_seconds,
        "heartbeat_seconds": question.heartbeat_seconds,
        "access_types": sorted(ACCESS_TYPES),
        "error_outcomes": sorted(ERROR_OUTCOMES),
    }


def _totals(tally: Tally) -> dict[str, Any]:
    return {
        "events": tally.events,
        "actors": len(tally.by_actor),
        "errors": tally.errors,
        "unwitnessed": tally.unwitnessed,
        "first_at": _instant(tally.first_us),
        "last_at": _instant(tally.last_us),
    }


def _timeline(tally: Tally, days: tuple[int, int]) -> dict[str, Any]:
    by_day: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for (day, severity), n in tally.by_day.items():
        by_day[day][severity] += n
    return {
        "first_day": date_of(days[0]),
        "last_day": date_of(days[1]),
        "by_day": [
            {"day": date_of(day)} | {word: by_day[day][word] for word in _SEVERITIES}
            for day in sorted(by_day)
        ],
        "by_hour": [
            [instant(instant_of(hour * _HOUR)), n] for hour, n in sorted(tally.by_hour.items())
        ],
        "by_hour_of_week": [
            [tally.by_hour_of_week.get((weekday, hour), 0) for hour in range(24)]
            for weekday in range(7)
        ],
    }


def _actors(counts: Mapping[str, int]) -> dict[str, Any]:
    ranked = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    rest = ranked[LISTED_ACTORS:]
    return {
        "listed": [{"actor": actor, "events": n} for actor, n in ranked[:LISTED_ACTORS]],
        "others": {"actors": len(rest), "events": sum(n for _, n in rest)},
    }


def _alerts(tally: Tally, reviews: Reviews) -> dict[str, Any]:
    known = reviews.acknowledged
    acknowledged = sum(alert.index in known for alert in tally.alerts)
    return {
        "count": tally.alert_count,
        "acknowledged": acknowledged,
        "not_acknowledged": tally.alert_count - acknowledged,
        "listed": [_alert(alert, known.get(alert.index)) for alert in tally.alerts],
    }


def _alert(alert: Alert, review: Review | None) -> dict[str, Any]:
    by = None if review is None else {"index": review.index, "actor": review.actor}
    fields = to_json(alert)
    assert isinstance(fields, dict)  # noqa: S101 - a dataclass becomes an object
    return {**fields, "acknowledged_by": by}


def _review(review: Review) -> dict[str, Any]:
    return {
        "index": review.index,
        "occurred_at": instant(review.occurred_at),
        "actor": review.actor,
        "since": instant(review.since),
        "until": instant(review.until),
        "report": review.report,
        "findings": review.findings,
        "acknowledges": len(review.acknowledges),
    }


def _gap(silence: order.Silence) -> dict[str, Any]:
    return {
        "since": _instant(silence.begin_us),
        "until": _instant(silence.end_us),
        "seconds": silence.length_us / _SECOND,
        "next_index": silence.index,
    }


def _out_of_hours(tally: Tally) -> dict[str, Any]:
    by_actor: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (actor, type_), n in tally.out_of_hours.items():
        by_actor[actor][type_] += n
    ranked = _actors({actor: types.total() for actor, types in by_actor.items()})
    return {
        "accesses": tally.accesses,
        "events": sum(tally.out_of_hours.values()),
        "by_actor": [
            {**row, "by_type": _sorted(by_actor[row["actor"]])} for row in ranked["listed"]
        ],
        "others": ranked["others"],
    }


def _unusual(tally: Tally, days: tuple[int, int]) -> dict[str, Any]:
    rate = tally.question.false_alarms_per_year
    seen = unusual.activity(tally.actor_days, tally.actor_hours, *days, rate)
    return {
        "baseline_days": BASELINE_DAYS,
        "baseline_days_min": unusual.BASELINE_DAYS_MIN,
        "comparisons": seen.comparisons,
        "judged_days": seen.judged_days,
        "false_alarms_expected_max": _rounded(seen.false_alarms_expected_max),
        "alarms": [
            {
                "day": date_of(alarm.day),
                "actor": alarm.actor,
                "because": [_excess(excess) for excess in alarm.excesses],
            }
            for alarm in seen.alarms
        ],
        "not_judged": [{"actor": actor, "days": n} for actor, n in seen.not_judged.items()],
    }


def _excess(excess: unusual.Excess) -> dict[str, Any]:
    return {
        "what": excess.what,
        "count": excess.count,
        "usual": round(excess.usual, 1),
        "highest_before": excess.highest_before,
        "probability": _rounded(excess.probability),
        "allowed": _rounded(excess.allowed),
    }


def _rounded(value: float) -> float:
    """Two significant digits: machines differ in the last of sixteen."""
    return 0.0 if value == 0 else round(value, 1 - floor(log10(abs(value))))


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda row: (-row[1], row[0])))


def _instant(at_us: int | None) -> str | None:
    return None if at_us is None else instant(instant_of(at_us))
