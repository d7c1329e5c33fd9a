"""The JSON report against its published schema, and verified as a stranger would."""

from __future__ import annotations

import base64
import copy
import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from assay.canonical import canonical_bytes, digest
from assay.reports.json import JsonReport
from assay.vocabulary import Assessment

from . import example


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    text = files("assay").joinpath("schemas/assessment-1.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture(scope="module")
def rendered(full: Assessment) -> bytes:
    return JsonReport().render(full)


@pytest.fixture
def value(rendered: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(rendered)
    return loaded


def test_the_schema_is_a_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


def test_the_example_is_valid(schema: dict[str, Any], value: dict[str, Any]) -> None:
    assert list(Draft202012Validator(schema).iter_errors(value)) == []


def test_an_empty_assessment_is_valid(schema: dict[str, Any]) -> None:
    value = json.loads(JsonReport().render(example.empty()))
    assert list(Draft202012Validator(schema).iter_errors(value)) == []


def test_every_object_of_ours_is_closed(schema: dict[str, Any]) -> None:
    open_ones = [
        name
        for name, part in schema["$defs"].items()
        if part.get("type") == "object" and part.get("additionalProperties") is not False
    ]
    assert open_ones == ["facts", "parameters"]


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("checkpoint",),
        ("findings", 0),
        ("evidence", 0, "observation"),
        ("robustness", 0, "curves", 0, "points", 0, "robust"),
        ("postures", 0, "controls", 0, "control"),
    ],
)
def test_an_unknown_key_is_refused(
    schema: dict[str, Any], value: dict[str, Any], path: tuple[str | int, ...]
) -> None:
    changed = copy.deepcopy(value)
    part: Any = changed
    for step in path:
        part = part[step]
    part["surprise"] = 1
    assert not Draft202012Validator(schema).is_valid(changed)


@pytest.mark.parametrize("key", sorted(["schema", "findings", "evidence", "checkpoint", "as_of"]))
def test_a_missing_key_is_refused(schema: dict[str, Any], value: dict[str, Any], key: str) -> None:
    del value[key]
    assert not Draft202012Validator(schema).is_valid(value)


def test_evidence_digests_recompute(value: dict[str, Any]) -> None:
    stated = [kept["digest"] for kept in value["evidence"]]
    computed = [digest(canonical_bytes(kept["observation"])) for kept in value["evidence"]]
    assert computed == stated


def test_observations_stand_in_the_file_as_they_were_hashed(
    full: Assessment, rendered: bytes
) -> None:
    assert all(canonical_bytes(kept.observation) in rendered for kept in full.evidence)


def test_every_cited_digest_is_there(value: dict[str, Any]) -> None:
    there = {kept["digest"] for kept in value["evidence"]}
    sections = ("findings", "validations", "risks")
    cited = {d for section in sections for row in value[section] for d in row["evidence"]}
    cited |= {curve["evidence"] for result in value["robustness"] for curve in result["curves"]}
    assert cited
    assert cited <= there


def test_exhibit_digests_recompute(value: dict[str, Any]) -> None:
    stated = [exhibit["digest"] for exhibit in value["exhibits"]]
    assert [digest(base64.b64decode(e["base64"])) for e in value["exhibits"]] == stated


def test_the_bytes_are_canonical(rendered: bytes, value: dict[str, Any]) -> None:
    assert rendered == canonical_bytes(value) + b"\n"
