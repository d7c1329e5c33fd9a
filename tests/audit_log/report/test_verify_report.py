"""One row of the log or one number of the report changed: verification fails and says which."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from assay.audit_log.entry import entry_bytes
from assay.audit_log.notes import VerifierKey
from assay.audit_log.report.render import html, json_bytes
from assay.audit_log.report.verify_report import (
    ReportVerification,
    read_report,
    report_digest,
    verify_report,
)
from assay.audit_log.trust import Trust
from assay.crypto.signing import SigningKey
from assay.errors import BadInput
from assay.vocabulary import Event
from tests.audit_log.report.logs import (
    ALONE,
    ORIGIN,
    WEEK,
    WITNESSED,
    MemoryLog,
    event,
    report_of,
)

QUESTION = replace(WEEK, heartbeat_seconds=3_600)


def _events() -> Iterator[Event]:
    """A month before the week, and a week with something for every part of a report."""
    for day in range(-40, 7):
        for n in range(5 if day < 3 else 60):
            yield event(24 * day + 10 + n / 60, "data_access", "ann")
    yield event(30, "security_alert", "eve", action="five failed <logins> & more")
    yield event(29, "error_event", "bob")
    yield event(3, "user_login", "bob", outcome="denied")


@pytest.fixture(scope="module")
def whole() -> list[Event]:
    return list(_events())


@pytest.fixture
def log(whole: list[Event]) -> MemoryLog:
    return MemoryLog(whole, witnessed_at=300)


@pytest.fixture
def report(log: MemoryLog) -> dict[str, Any]:
    return json.loads(json_bytes(report_of(log, QUESTION, WITNESSED)))  # type: ignore[no-any-return]


def check(data: bytes, log: MemoryLog) -> ReportVerification:
    return verify_report(data, log, WITNESSED)


def test_both_forms_verify(report: dict[str, Any], log: MemoryLog) -> None:
    as_json, as_page = check(json_bytes(report), log), check(html(report), log)

    assert as_json.clean
    assert as_page.clean
    assert as_json.report == as_page.report == report_digest(report)
    assert as_json.size == log.size


def test_a_report_still_verifies_when_the_log_has_grown(
    report: dict[str, Any], whole: list[Event]
) -> None:
    later = [event(900, "log_review"), event(50, "security_alert")]

    assert check(html(report), MemoryLog([*whole, *later], witnessed_at=300)).clean


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every number, text and truth in a report."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(inner, (*place, key))
    else:
        yield place


def _changed(report: dict[str, Any], place: tuple[Any, ...]) -> dict[str, Any]:
    spoilt = copy.deepcopy(report)
    inner: Any = spoilt
    for key in place[:-1]:
        inner = inner[key]
    old = inner[place[-1]]
    inner[place[-1]] = old + 1 if isinstance(old, int | float) else f"{old}x"
    return spoilt


def test_any_one_value_changed_is_found_and_named(report: dict[str, Any], log: MemoryLog) -> None:
    places = list(_places(report))
    skipped = {"made_by", "kind", "schema"}
    # A few of each list are enough: an hour of the week is like another.
    chosen = [
        p for p in places if p[0] not in skipped and all(k in (0, 1) or type(k) is str for k in p)
    ]
    assert len(chosen) > 80
    unseen = []
    for place in chosen:
        seen = check(json_bytes(_changed(report, place)), log)
        if seen.clean or not _named(place, seen.differences[0].place):
            unseen.append((place, seen.differences[:1]))
    assert unseen == []


def _named(place: tuple[Any, ...], said: str) -> bool:
    """Whether the first difference is at the changed place, or where the change makes itself felt."""
    if place[0] in ("log", "query"):
        return True
    dotted = ""
    for key in place:
        dotted += f"[{key}]" if type(key) is int else f".{key}" if dotted else key
    return said == dotted


def test_a_row_or_a_key_more_or_less_is_named(report: dict[str, Any], log: MemoryLog) -> None:
    less = copy.deepcopy(report)
    del less["alerts"]["listed"][0]
    more = copy.deepcopy(report)
    more["by_actor"]["listed"].append({"actor": "actor:mallory", "events": 1})
    missing = copy.deepcopy(report)
    del missing["unusual"]
    extra = {**report, "verdict": "all is well"}

    for spoilt, place in (
        (less, "alerts.listed[0]"),
        (more, "by_actor.listed[3]"),
        (missing, "unusual"),
        (extra, "verdict"),
    ):
        [difference] = check(json_bytes(spoilt), log).differences
        assert difference.place == place


def test_a_truth_is_not_a_number(report: dict[str, Any], log: MemoryLog) -> None:
    spoilt = copy.deepcopy(report)
    assert spoilt["alerts"]["count"] == 1
    spoilt["alerts"]["count"] = True

    assert check(json_bytes(spoilt), log).differences[0].place == "alerts.count"


def test_a_changed_row_of_the_log_is_named(report: dict[str, Any], log: MemoryLog) -> None:
    log.data[77] = entry_bytes(event(5, "note"))
    [difference] = check(html(report), log).differences

    assert difference.place == "the log itself"
    assert "entry 77 is not what was hashed" in difference.what


def test_every_row_that_is_removed_is_found(report: dict[str, Any], log: MemoryLog) -> None:
    del log.leaves[-1]

    assert not check(json_bytes(report), log).clean


def test_a_number_changed_in_the_page_alone_is_found(
    report: dict[str, Any], log: MemoryLog
) -> None:
    page = html(report)
    shown = f'<span class="how-many">{report["totals"]["events"]:,}</span>'.encode()
    assert page.count(shown) == 1
    [difference] = check(page.replace(shown, b'<span class="how-many">7</span>'), log).differences

    assert difference.place.startswith("line ")
    assert "of the page" in difference.place


def test_something_added_to_the_page_is_found(report: dict[str, Any], log: MemoryLog) -> None:
    page = html(report) + b"<p>and all is well</p>"

    assert not check(page, log).clean


def test_a_forged_checkpoint_is_found(report: dict[str, Any], log: MemoryLog) -> None:
    forged = MemoryLog([event(1)])
    spoilt = copy.deepcopy(report)
    spoilt["log"]["checkpoint"] = str(forged.newest_note()).replace(
        "example.com/log 5", "example.com/log 6"
    )
    text, _, signature = spoilt["log"]["checkpoint"].partition("\n\n")
    spoilt["log"]["checkpoint"] = f"{text.replace('1', '2', 1)}\n\n{signature}"
    [difference] = check(json_bytes(spoilt), log).differences

    assert difference.place == "log.checkpoint"


def test_another_logs_report_is_found(log: MemoryLog) -> None:
    other = json_bytes(report_of(MemoryLog([event(1)]), WEEK, WITNESSED))
    seen = check(other, log)

    assert not seen.clean
    assert seen.differences[0].place == "the log itself"


def test_keys_that_the_verifier_does_not_bring_are_not_believed(
    report: dict[str, Any], log: MemoryLog
) -> None:
    strange = Trust((VerifierKey(ORIGIN, SigningKey(bytes(32)).public_bytes),))
    [difference] = verify_report(json_bytes(report), log, strange).differences

    assert difference.place == "log.verifier_keys"


def test_a_claim_of_witnesses_is_not_believed_without_their_keys(
    report: dict[str, Any], log: MemoryLog
) -> None:
    [difference] = verify_report(json_bytes(report), log, ALONE).differences

    assert difference.place == "log.witnessed"
    assert "cannot be checked" in difference.what


def test_a_checkpoint_that_no_witness_signed_is_no_witnessed_one(
    report: dict[str, Any], log: MemoryLog
) -> None:
    spoilt = copy.deepcopy(report)
    spoilt["log"]["witnessed"]["checkpoint"] = spoilt["log"]["checkpoint"]
    [difference] = check(json_bytes(spoilt), log).differences

    assert difference.place == "log.witnessed"


def test_an_easier_policy_is_found(report: dict[str, Any], log: MemoryLog) -> None:
    spoilt = copy.deepcopy(report)
    spoilt["log"]["witnesses_needed"] = 0
    [difference] = check(json_bytes(spoilt), log).differences

    assert difference.place == "log.witnesses_needed"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("since", None),
        ("since", "yesterday"),
        ("until", "2000-01-01T00:00:00.000000Z"),
        ("zone", "Nowhere/City"),
        ("working_hours", "always"),
        ("false_alarms_per_year", "many"),
        ("clock_slack_seconds", -1),
        ("heartbeat_seconds", []),
    ],
)
def test_a_question_that_cannot_be_asked_is_a_difference(
    report: dict[str, Any], log: MemoryLog, key: str, value: Any
) -> None:
    spoilt = copy.deepcopy(report)
    spoilt["query"][key] = value
    [difference] = check(json.dumps(spoilt).encode(), log).differences

    assert difference.place == "query"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a report",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"kind": "assay log report"}',
        b'{"kind": "assay log report", "schema": 2}',
        b"<html><script>{}</script></html>",
        b'<script type="application/json" id="report">{}</script>',
        b'{"kind": "assay log report", "schema": 1, "n": 1e400}',
        b'{"kind": "assay log report", "schema": 1, "n": 9007199254740993}',
        b'{"kind": "assay log report", "schema": 1, "n": NaN}',
        b'{"kind": "assay log report", "schema": 1, "n": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda data: str(data[:40]),
)
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        read_report(data)


@pytest.mark.parametrize("part", ["log", "query", "totals", "by_actor", "alerts", "unusual"])
@pytest.mark.parametrize("value", [None, 3, "x", [], {}])
def test_a_part_of_another_shape_is_a_difference(
    report: dict[str, Any], log: MemoryLog, part: str, value: Any
) -> None:
    spoilt = {**report, part: value}

    assert not check(json_bytes(spoilt), log).clean


def test_at_most_a_hundred_differences_are_told(report: dict[str, Any], log: MemoryLog) -> None:
    spoilt = copy.deepcopy(report)
    spoilt["timeline"]["by_hour_of_week"] = [[-1] * 24] * 7

    assert len(check(json_bytes(spoilt), log).differences) == 100
