"""The report of a log: rests on a checkpoint, holds what the entries say, and is always the same."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from assay.audit_log.checkpoint import sign_checkpoint
from assay.audit_log.entry import entry_bytes
from assay.audit_log.merkle import leaf_hash, root_of
from assay.audit_log.notes import VerifierKey
from assay.audit_log.report.make import make_report, newest_anchor
from assay.audit_log.report.render import json_bytes
from assay.audit_log.report.review import review_event
from assay.audit_log.trust import Trust
from assay.crypto.signing import SigningKey
from assay.errors import BadInput, BadNote, LogDamaged, LogError, NotTrusted
from assay.vocabulary import Event, Target, TargetKind
from tests.audit_log.report.logs import (
    ALONE,
    KEY,
    MONDAY,
    ORIGIN,
    WEEK,
    WITNESSED,
    MemoryLog,
    event,
    report_of,
)

CLINIC = Target(TargetKind.SYSTEM, "clinic")
ALERTS = [event(n, "security_alert", "eve") for n in (10, 11, 12)]


def codes(report: Any) -> list[str]:
    return [one["code"] for one in report["recommendations"]]


def reviewed(report: Any, *indices: int, actor: str = "actor:dpo", hours: float = 50) -> Event:
    when = MONDAY + timedelta(hours=hours)
    return review_event(
        report, "sha256:0", indices, actor=actor, target=CLINIC, occurred_at=when,
        event_id=f"review {hours}",
    )  # fmt: skip


def test_a_report_says_what_it_rests_on() -> None:
    log = MemoryLog([event(1), event(2)])
    report: Any = report_of(log)

    assert report["log"]["size"] == 2
    assert report["log"]["checkpoint"] == log.newest_note()
    assert report["log"]["origin"] == ORIGIN
    assert report["log"]["verifier_keys"] == [str(ALONE.log_keys[0])]
    assert report["query"]["since"] == "2026-03-02T00:00:00.000000Z"
    assert report["totals"]["events"] == 2


def test_the_same_log_and_question_give_the_same_bytes() -> None:
    events = [event(n, actor=str(n % 7)) for n in range(100)]
    first, second = (json_bytes(report_of(MemoryLog(events))) for _ in range(2))

    assert first == second
    assert json.loads(first)["schema"] == 1


def test_entries_after_the_checkpoint_are_not_in_it() -> None:
    log = MemoryLog([event(1)])
    before = report_of(log)
    data = entry_bytes(event(2))
    log.data[1], log.leaves = data, [*log.leaves, leaf_hash(data)]

    assert report_of(log) == before


def test_alerts_are_open_until_a_review_acknowledges_them() -> None:
    before: Any = report_of(MemoryLog(ALERTS))
    after: Any = report_of(MemoryLog([*ALERTS, reviewed(before, 0, 2)]))

    assert before["alerts"]["not_acknowledged"] == 3
    assert "alerts_not_acknowledged" in codes(before)
    assert [a["acknowledged_by"] for a in after["alerts"]["listed"]] == [
        {"index": 3, "actor": "actor:dpo"}, None, {"index": 3, "actor": "actor:dpo"},
    ]  # fmt: skip
    assert after["alerts"]["not_acknowledged"] == 1
    assert after["reviews"]["listed"][0]["acknowledges"] == 2
    assert "not_reviewed" in codes(before)
    assert "not_reviewed" not in codes(after)


def test_the_first_review_that_acknowledges_counts() -> None:
    before: Any = report_of(MemoryLog(ALERTS))
    log = MemoryLog([*ALERTS, reviewed(before, 0), reviewed(before, 0, actor="actor:b", hours=60)])
    after: Any = report_of(log)

    assert after["alerts"]["listed"][0]["acknowledged_by"] == {"index": 3, "actor": "actor:dpo"}


def test_who_acknowledges_an_alert_about_itself_is_told() -> None:
    before: Any = report_of(MemoryLog(ALERTS))
    after: Any = report_of(MemoryLog([*ALERTS, reviewed(before, 0, 1, 2, actor="actor:eve")]))

    assert "alerts_acknowledged_by_their_actor" in codes(after)
    assert "alerts_not_acknowledged" not in codes(after)


def test_a_review_acknowledges_nothing_that_comes_after_it() -> None:
    before: Any = report_of(MemoryLog(ALERTS))
    review = reviewed(before, 0, 2)
    after: Any = report_of(MemoryLog([ALERTS[0], review, ALERTS[1], ALERTS[2]]))

    assert [a["acknowledged_by"] is not None for a in after["alerts"]["listed"]] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"review": None},
        {"review": {"schema": 2, "acknowledges": [0]}},
        {"review": {"schema": 1, "acknowledges": "all"}},
        {"review": {"schema": 1, "acknowledges": [True], "findings": 0, "report": "x"}},
        {"review": {"schema": 1, "acknowledges": [0], "findings": 0, "report": "x", "since": "now",
                    "until": "then"}},
    ],
)  # fmt: skip
def test_a_review_in_other_words_acknowledges_nothing(detail: Any) -> None:
    log = MemoryLog([*ALERTS, event(20, "log_review", detail=detail)])
    report: Any = report_of(log)

    assert report["alerts"]["acknowledged"] == 0
    assert report["reviews"]["count"] == 0


def test_only_alerts_of_the_report_can_be_acknowledged() -> None:
    before: Any = report_of(MemoryLog([*ALERTS, event(20)]))
    with pytest.raises(BadInput, match="Entry 3 is not an alert"):
        reviewed(before, 0, 3)


def test_what_no_witness_covers_is_counted() -> None:
    log = MemoryLog([event(n) for n in range(10)], witnessed_at=6)
    report: Any = report_of(log, trust=WITNESSED)

    assert report["log"]["witnessed"]["size"] == 6
    assert report["totals"]["unwitnessed"] == 4
    assert "not_witnessed" in codes(report)
    assert "not_witnessed" not in codes(
        report_of(MemoryLog([event(1)], witnessed_at=1), trust=WITNESSED)
    )


def test_an_old_witnessed_checkpoint_is_found_behind_many_others() -> None:
    log = MemoryLog([event(n) for n in range(300)], witnessed_at=6)
    log.published[1:] = [
        sign_checkpoint(ORIGIN, size, root_of(log.leaves[:size]), KEY).note
        for size in range(7, 301)
    ]

    assert newest_anchor(log, WITNESSED).checkpoint.size == 300
    witnessed = newest_anchor(log, WITNESSED).witnessed
    assert witnessed is not None
    assert witnessed.size == 6


def test_memory_does_not_grow_with_the_log() -> None:
    peaks = []
    for events in (1_000, 8_000):
        log = MemoryLog([event(n % 168, actor=str(n % 5)) for n in range(events)])
        anchor = newest_anchor(log, ALONE)
        tracemalloc.start()
        make_report(log, anchor, WEEK)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.5 * peaks[0]


def test_a_log_without_a_witness_says_so() -> None:
    report: Any = report_of(MemoryLog([event(1)], witnessed_at=1), trust=ALONE)

    assert report["log"]["witnessed"] is None
    assert report["totals"]["unwitnessed"] == 1


def test_silences_without_heartbeats_are_told() -> None:
    events = [event(1), event(100)]
    expecting: Any = report_of(MemoryLog(events), replace(WEEK, heartbeat_seconds=3_600))
    expecting_nothing: Any = report_of(MemoryLog(events))

    assert "heartbeats_missing" in codes(expecting)
    assert expecting["heartbeats"]["missed"] == 99 + 68
    assert "silence" in codes(expecting_nothing)


def test_each_finding_has_its_recommendation() -> None:
    errors = [event(n, "error_event") for n in range(10)]
    report: Any = report_of(MemoryLog([event(20), event(3), event(100, "data_access"), *errors]))

    assert {"error_rate", "clock_regressions", "access_out_of_hours", "no_baseline"} <= set(
        codes(report)
    )
    ranks = ["critical", "high", "medium", "low"]
    severities = [ranks.index(one["severity"]) for one in report["recommendations"]]
    assert severities == sorted(severities)


def test_a_period_without_events_says_so() -> None:
    report: Any = report_of(MemoryLog([event(-1_000)]))

    assert report["totals"]["events"] == 0
    assert "no_events" in codes(report)


def test_entries_that_are_archived_are_unknown() -> None:
    log = MemoryLog([event(n) for n in range(600)])
    for index in range(300):
        del log.data[index]
    report: Any = report_of(log, replace(WEEK, until=MONDAY + timedelta(days=60)))

    assert report["log"]["unreadable"] == 300
    assert report["totals"]["events"] == 300
    assert "entries_not_here" in codes(report)


def test_an_archived_entry_whose_hash_was_changed_is_found() -> None:
    log = MemoryLog([event(n) for n in range(600)])
    del log.data[17]
    log.leaves[17] = leaf_hash(b"something else")
    with pytest.raises(LogDamaged, match="do not have the root"):
        report_of(log)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 511, 599])
def test_a_changed_entry_is_named(index: int) -> None:
    log = MemoryLog([event(n) for n in range(600)])
    log.data[index] = entry_bytes(event(2_000))
    with pytest.raises(LogDamaged, match=f"entry {index} is not what was hashed"):
        report_of(log)


def test_an_entry_rewritten_with_its_hash_is_still_found() -> None:
    log = MemoryLog([event(n) for n in range(600)])
    log.data[5] = entry_bytes(event(2_000))
    log.leaves[5] = leaf_hash(log.data[5])
    with pytest.raises(LogDamaged, match="both were rewritten"):
        report_of(log)


def test_what_is_no_event_is_named() -> None:
    log = MemoryLog([event(n) for n in range(3)])
    log.data[1] = b"{}"
    with pytest.raises(LogDamaged, match="Entry 1: "):
        report_of(log)


def test_a_log_that_was_cut_is_found() -> None:
    log = MemoryLog([event(n) for n in range(3)])
    del log.leaves[2]
    with pytest.raises(LogDamaged, match="2 entries, but its checkpoint promises 3"):
        report_of(log)


def test_an_empty_log_has_nothing_to_report() -> None:
    with pytest.raises(LogError, match="no checkpoint yet"):
        newest_anchor(MemoryLog(), ALONE)


def test_a_strange_key_is_refused() -> None:
    strange = Trust((VerifierKey(ORIGIN, SigningKey(bytes(32)).public_bytes),))
    with pytest.raises((BadNote, NotTrusted)):
        newest_anchor(MemoryLog([event(1)]), strange)


def test_progress_is_told() -> None:
    log = MemoryLog([event(n / 100) for n in range(3_000)])
    told: list[int] = []
    make_report(log, newest_anchor(log, ALONE), WEEK, told.append)

    assert told == [0, 1024, 2048]
