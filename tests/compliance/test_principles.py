"""Levels join by the highest, and required controls are there only when measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay.compliance.principles import effective_level, policy_of, validate_controls
from assay.errors import BadInput
from assay.vocabulary import Facts, Finding, Location, SecurityLevel, Status, Target, TargetKind
from tests.compliance.test_posture import finding

NOTHING: Facts = {"columns": {"a": {"level": "internal", "category": "none"}}}
SECRET: Facts = {
    "columns": {
        "a": {"level": "internal", "category": "none"},
        "b": {"level": "restricted", "category": "health_data"},
    }
}
LOWERED: Facts = {"columns": {"b": {"level": "public", "category": "personal_identifiable"}}}


@pytest.mark.parametrize(
    ("declared", "label", "level"),
    [
        (None, None, None),
        ("confidential", None, SecurityLevel.CONFIDENTIAL),
        (None, NOTHING, SecurityLevel.INTERNAL),
        ("public", NOTHING, SecurityLevel.PUBLIC),
        ("public", SECRET, SecurityLevel.RESTRICTED),
        ("public", LOWERED, SecurityLevel.INTERNAL),
        ("restricted", NOTHING, SecurityLevel.RESTRICTED),
        ("internal", SECRET, SecurityLevel.RESTRICTED),
        (None, {"columns": {}}, SecurityLevel.INTERNAL),
    ],
)
def test_the_higher_of_said_and_found_holds(
    declared: str | None, label: Facts | None, level: SecurityLevel | None
) -> None:
    assert effective_level(declared, label) is level


@pytest.mark.parametrize("word", ["secret", "", "PUBLIC!"])
def test_an_unknown_level_is_refused(word: str) -> None:
    with pytest.raises(BadInput, match="no security level"):
        effective_level(word, None)
    with pytest.raises(BadInput, match="no security level"):
        policy_of(word)


def test_a_policy_says_what_its_level_asks_for() -> None:
    assert policy_of("restricted").default_masking == "full"
    assert policy_of(SecurityLevel.PUBLIC).encryption_required is False


def test_controls_that_were_not_measured_are_not_assessed() -> None:
    validations = validate_controls("people", SecurityLevel.RESTRICTED, [])
    assert {v.status for v in validations} == {Status.NOT_ASSESSED}
    assert all(v.required for v in validations)


def test_a_control_has_the_status_of_its_check() -> None:
    encrypted = replace(
        finding("CHK-ENC-REST", Status.PASS),
        target=Target(TargetKind.DATASET, "people"),
    )
    log = finding("CHK-AUDIT-INTEGRITY", Status.FAIL)
    by_control = {
        v.control: v.status
        for v in validate_controls("people", SecurityLevel.RESTRICTED, [encrypted, log])
    }
    assert by_control == {
        "encryption": Status.PASS,
        "access": Status.NOT_ASSESSED,
        "audit": Status.FAIL,
        "retention": Status.NOT_ASSESSED,
    }


def test_a_finding_of_a_model_says_nothing_of_a_dataset_of_that_name() -> None:
    encrypted = finding("CHK-ENC-REST", Status.PASS)
    retained = finding("CHK-RETENTION", Status.FAIL)
    of_model = [
        replace(found, target=Target(TargetKind.MODEL, "people")) for found in (encrypted, retained)
    ]
    by_control = {
        v.control: v for v in validate_controls("people", SecurityLevel.RESTRICTED, of_model)
    }
    assert by_control["encryption"].status is Status.NOT_ASSESSED
    assert by_control["retention"].status is Status.NOT_ASSESSED
    assert by_control["encryption"].evidence == ()


def test_a_fault_of_access_elsewhere_does_not_fail_a_dataset() -> None:
    fault = replace(
        finding("CHK-FILE-ACCESS", Status.FAIL), locations=(Location("a.parquet", "is open"),)
    )

    def access(*files: str, found: Finding = fault) -> Status:
        rows = validate_controls("people", SecurityLevel.RESTRICTED, [found], files=files)
        return next(v.status for v in rows if v.control == "access")

    assert access("a.parquet") is Status.FAIL
    assert access("b.parquet") is Status.PASS
    assert access("b.parquet", "a.parquet") is Status.FAIL
    assert access() is Status.FAIL
    above = replace(fault, locations=(Location("/", "is a folder above in which ..."),))
    assert access("b.parquet", found=above) is Status.FAIL


def test_public_data_need_no_encryption_and_no_access_control() -> None:
    by_control = {v.control: v for v in validate_controls("news", SecurityLevel.PUBLIC, [])}
    assert by_control["encryption"].status is Status.NOT_APPLICABLE
    assert not by_control["access"].required
