"""That a person looked: the event that says so, and what it acknowledges, read back from the log.

A review is an event of type `log_review`. Its actor is whoever signs; its detail says which report was
looked at, by digest, for which period, how many findings it had, and which alerts are acknowledged, by
their index in the log:

    {"review": {"schema": 1, "since": ..., "until": ..., "report": "sha256:...", "findings": 3,
                "acknowledges": [17, 40]}}

An alert is acknowledged by the first review that comes after it in the log and names its index.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assay.audit_log.entry import new_event
from assay.audit_log.report.question import REVIEW_TYPE
from assay.canonical import parse_instant
from assay.errors import BadInput
from assay.vocabulary import Event, Target

ACKNOWLEDGED_MAX = 4_000
LISTED_REVIEWS = 1_000


@dataclass(frozen=True, slots=True)
class Review:
    """A review as the log keeps it; `report` is the digest of what was looked at."""

    index: int
    occurred_at: datetime
    actor: str
    since: datetime
    until: datetime
    report: str
    findings: int
    acknowledges: tuple[int, ...]


def review_event(
    report: Mapping[str, Any],
    report_digest: str,
    acknowledges: Collection[int],
    *,
    actor: str,
    target: Target,
    occurred_at: datetime,
    event_id: str | None = None,
) -> Event:
    """The event that records a review of a report.

    Raises:
        BadInput: an index is not one of the report's alerts, or there are more than 4,000.
    """
    listed = {alert["index"] for alert in report["alerts"]["listed"]}
    strange = sorted(set(acknowledges) - listed)
    if strange:
        raise BadInput(
            f"Entry {strange[0]} is not an alert that this report lists.",
            next_step="Acknowledge alerts by the index that the report shows.",
        )
    if len(set(acknowledges)) > ACKNOWLEDGED_MAX:
        raise BadInput(
            f"One review acknowledges at most {ACKNOWLEDGED_MAX:,} alerts.",
            next_step="Review shorter periods.",
        )
    return new_event(
        REVIEW_TYPE,
        occurred_at=occurred_at,
        actor=actor,
        action="review the log",
        target=target,
        event_id=event_id,
        detail={
            "review": {
                "schema": 1,
                "since": report["query"]["since"],
                "until": report["query"]["until"],
                "report": report_digest,
                "findings": len(report["recommendations"]),
                "acknowledges": sorted(set(acknowledges)),
            }
        },
    )


def review_of(index: int, event: Event) -> Review | None:
    """The review that an event records; None for any other event, also a `log_review` in other words."""
    said = event.detail.get("review")
    if event.type != REVIEW_TYPE or not isinstance(said, Mapping) or said.get("schema") != 1:
        return None
    acknowledges, findings, report = (said.get(k) for k in ("acknowledges", "findings", "report"))
    if not isinstance(acknowledges, list) or not all(type(n) is int for n in acknowledges):
        return None
    if type(findings) is not int or not isinstance(report, str):
        return None
    try:
        since, until = parse_instant(str(said.get("since"))), parse_instant(str(said.get("until")))
    except ValueError:
        return None
    return Review(
        index,
        event.occurred_at,
        event.actor,
        since,
        until,
        report,
        findings,
        tuple(n for n in acknowledges if 0 <= n < index),
    )


class Reviews:
    """The reviews of a log, in its order: which concern a period, and who acknowledged what."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self._since, self._until = since, until
        self.of_the_period: list[Review] = []
        """Those whose period overlaps, the first thousand."""
        self.count = 0
        self.acknowledged: dict[int, Review] = {}
        """Index of an entry to the first review that acknowledges it."""

    def add(self, index: int, event: Event) -> None:
        """Take note of an event, if it is a review."""
        if event.type != REVIEW_TYPE:
            return
        review = review_of(index, event)
        if review is None:
            return
        for alert in review.acknowledges:
            self.acknowledged.setdefault(alert, review)
        if review.since < self._until and self._since < review.until:
            self.count += 1
            if len(self.of_the_period) < LISTED_REVIEWS:
                self.of_the_period.append(review)
