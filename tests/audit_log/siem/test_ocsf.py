"""OCSF: every line is what the schema of version 1.6.0 allows, and says what a SIEM filters by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay.audit_log.entry import entry_bytes
from assay.audit_log.siem.interface import lines
from assay.audit_log.siem.ocsf import MEMBER
from tests.audit_log.siem.events import ORIGIN, examples

SCHEMA = json.loads((Path(__file__).parent / "ocsf_1_6_0.json").read_text("utf-8"))
EXAMPLES = examples()
LINES: list[dict[str, Any]] = [
    json.loads(line) for line in lines(MEMBER, enumerate(map(entry_bytes, EXAMPLES)), ORIGIN)
]
PYTHON = {"string_t": str, "integer_t": int, "long_t": int, "timestamp_t": int, "boolean_t": bool}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["metadata"]["event_code"])
def test_a_line_is_what_the_schema_allows(line: dict[str, Any]) -> None:
    used = SCHEMA["classes"][str(line["class_uid"])]
    assert_fits(line, used, frozenset(line["metadata"]["profiles"]))
    assert line["class_name"] == used["caption"]
    assert line["category_name"] == used["category"]
    assert line["category_uid"] == line["class_uid"] // 1000
    assert line["type_uid"] == 100 * line["class_uid"] + line["activity_id"]
    assert line["type_name"] == f"{line['class_name']}: {line['activity_name']}"
    if line["activity_id"] != 99:
        assert line["activity_name"] == used["activities"][str(line["activity_id"])]


def test_the_schema_would_refuse() -> None:
    used = SCHEMA["classes"]["0"]
    host = frozenset({"host"})
    fits = next(line for line in LINES if line["class_uid"] == 0)
    assert_fits(fits, used, host)
    without_time = {name: value for name, value in fits.items() if name != "time"}
    for wrong in (
        without_time,
        {**fits, "more": 1},
        {**fits, "time": "noon"},
        {**fits, "actor": {}},
    ):
        with pytest.raises(AssertionError):
            assert_fits(wrong, used, host)
    with pytest.raises(AssertionError):
        assert_fits(fits, used, frozenset())


@pytest.mark.parametrize(
    ("type_", "type_uid"),
    [
        ("assessment", 99),
        ("compliance_violation", 200301),
        ("configuration_change", 600303),
        ("data_access", 600302),
        ("error_event", 600801),
        ("model_access", 600302),
        ("model_deployment", 600399),
        ("model_update", 600303),
        ("note", 99),
        ("retention_applied", 600304),
        ("security_alert", 200401),
        ("subject_key_destroyed", 600304),
        ("user_login", 300201),
    ],
)
def test_a_type_has_its_class_and_activity(type_: str, type_uid: int) -> None:
    found = {line["type_uid"] for line in LINES if line["metadata"]["event_code"] == type_}
    assert found == {type_uid}


def test_severity_and_status_are_what_a_siem_filters_by() -> None:
    for line, event in zip(LINES, EXAMPLES, strict=True):
        assert line["severity_id"] == event.severity + 1
        assert line["severity"] == event.severity.name.capitalize()
        expected = {"success": 1, "failure": 2, "denied": 2, "partly": 99}[event.outcome]
        assert line["status_id"] == expected


def test_time_is_in_milliseconds_and_loses_none_of_the_instant() -> None:
    for line, event in zip(LINES, EXAMPLES, strict=True):
        assert line["time"] == int(event.occurred_at.timestamp() * 1000)
        assert line["metadata"]["original_time"].endswith(f"{event.occurred_at.microsecond:06}Z")


def test_addresses_are_addresses_and_names_are_names() -> None:
    endpoints = {
        event.client_address: line["src_endpoint"]
        for line, event in zip(LINES, EXAMPLES, strict=True)
        if "src_endpoint" in line
    }
    assert endpoints == {
        None: {"name": "not recorded"},
        "192.0.2.7": {"ip": "192.0.2.7"},
        "unix socket": {"name": "unix socket"},
        "2001:DB8::1": {"ip": "2001:db8::1"},
    }


def assert_fits(value: Any, described: dict[str, Any], profiles: frozenset[str]) -> None:
    attributes = described["attributes"]
    for name, words in attributes.items():
        assert name in value or "required" not in words.split(), f"{name} is missing"
    assert not described["at_least_one"] or set(described["at_least_one"]) & set(value)
    for name, item in value.items():
        assert name in attributes, f"{name} is not in the schema"
        type_, *words = attributes[name].split()
        needed = {word.partition(":")[2] for word in words if word.startswith("profile:")}
        assert needed <= profiles, f"{name} needs a profile"
        for each in item if type_.endswith("[]") else [item]:
            assert_is(each, type_.removesuffix("[]"), profiles)


def assert_is(value: Any, type_: str, profiles: frozenset[str]) -> None:
    if type_ in SCHEMA["objects"]:
        assert_fits(value, SCHEMA["objects"][type_], profiles)
    elif type_ == "object":
        assert isinstance(value, dict)
    elif type_ in PYTHON:
        assert type(value) is PYTHON[type_]
    else:
        assert isinstance(value, str), f"nothing here says what a {type_} is"
