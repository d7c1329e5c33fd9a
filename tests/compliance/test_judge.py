"""What no check may break, whatever it says: the rules of judging, over every check there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from assay import plugins
from assay.compliance.interface import Check, Verdict
from assay.compliance.judge import judge, spec_of, targets_of
from assay.law.catalogues import CheckSpec, check_specs
from assay.vocabulary import (
    Basis,
    Evidence,
    Method,
    Observation,
    Severity,
    Status,
    Target,
    TargetKind,
    not_measured,
)
from tests.compliance.scenes import NOW

SYSTEM = Target(TargetKind.SYSTEM, "Clinic")
CHECKS: list[Check] = [member.use() for member in plugins.available("checks")]


def observation(kind: str, target: Target = SYSTEM, **changes: object) -> Observation:
    """An observation of a kind."""
    seen = Observation(kind, "test", 1, Method.TEST, target, {"fine": True}, NOW)
    return replace(seen, **changes)  # type: ignore[arg-type]


def declared(*datasets: str) -> Observation:
    """The declaration that names these datasets and one model."""
    facts = {"datasets": {name: {} for name in datasets}, "models": {"digits": {}}}
    return observation("asset_inventory", facts=facts, basis=Basis.DECLARED)


def kept(*observations: Observation) -> list[Evidence]:
    """Observations as evidence."""
    return [Evidence(f"sha256:{n:064x}", seen, n) for n, seen in enumerate(observations)]


class Content:
    """A check that is content with everything."""

    id = "CHK-CONTENT"
    looks_at = TargetKind.SYSTEM
    kinds = ("some_kind",)
    remediation = "Look."
    spec = CheckSpec("CHK-CONTENT", "Fine", "governance", Severity.LOW, "daily", "", "", "", {})

    def judge(self, observations: Sequence[Observation]) -> Verdict:
        """Always a pass."""
        assert observations
        return Verdict(Status.PASS, "Fine.")


class Broken(Content):
    """A check that fails itself."""

    def judge(self, observations: Sequence[Observation]) -> Verdict:
        """Never a verdict."""
        raise RuntimeError("secret value 42")


def status_of(check: Check, *observations: Observation) -> Status:
    """The status of the one finding."""
    (finding,) = judge([check], kept(declared(), *observations), NOW)
    return finding.status


def test_measured_evidence_can_pass() -> None:
    assert status_of(Content(), observation("some_kind")) is Status.PASS


def test_no_evidence_is_unknown() -> None:
    assert status_of(Content()) is Status.UNKNOWN
    assert status_of(Content(), observation("another_kind")) is Status.UNKNOWN


def test_evidence_of_another_target_is_no_evidence() -> None:
    other = Target(TargetKind.SYSTEM, "Another clinic")
    assert status_of(Content(), observation("some_kind", other)) is Status.UNKNOWN


def test_a_failed_look_is_unknown_and_says_why() -> None:
    failed = observation("some_kind", facts=not_measured("the disk is gone.", "Bring it back."))
    (finding,) = judge([Content()], kept(declared(), failed), NOW)
    assert finding.status is Status.UNKNOWN
    assert "the disk is gone." in finding.statement
    assert finding.remediation == "Bring it back."
    assert finding.evidence == (f"sha256:{1:064x}",)


@pytest.mark.parametrize(
    ("age", "status"), [(timedelta(seconds=1), Status.PASS), (timedelta(0), Status.UNKNOWN)]
)
def test_evidence_past_its_expiry_is_unknown(age: timedelta, status: Status) -> None:
    assert status_of(Content(), observation("some_kind", expires_at=NOW + age)) is status


def test_a_declaration_is_never_a_pass() -> None:
    said = observation("some_kind", basis=Basis.DECLARED)
    (finding,) = judge([Content()], kept(declared(), said), NOW)
    assert (finding.status, finding.basis) == (Status.UNKNOWN, Basis.DECLARED)


def test_an_attested_pass_carries_its_mark() -> None:
    said = observation("some_kind", basis=Basis.ATTESTED)
    (finding,) = judge([Content()], kept(declared(), observation("some_kind"), said), NOW)
    assert (finding.status, finding.basis) == (Status.PASS, Basis.ATTESTED)


def test_a_check_that_raises_is_unknown_and_takes_no_other_down() -> None:
    broken, content = judge([Broken(), Content()], kept(declared(), observation("some_kind")), NOW)
    assert broken.status is Status.UNKNOWN
    assert "RuntimeError" in broken.statement
    assert "42" not in broken.statement
    assert content.status is Status.PASS


def test_targets_are_what_was_declared_with_the_digest_that_was_seen() -> None:
    seen = Target(TargetKind.DATASET, "people", "sha256:1")
    evidence = kept(declared("people", "news"), observation("retention_scan", seen))
    assert targets_of(evidence) == [
        SYSTEM,
        seen,
        Target(TargetKind.DATASET, "news"),
        Target(TargetKind.MODEL, "digits"),
    ]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_keeps_the_contract(check: Check) -> None:
    spec = spec_of(check)
    assert spec.id == check.id
    assert check_specs().get(check.id, spec) == spec
    assert check.remediation
    assert (check.__doc__ or "").strip()
    for observations in ([], [observation(k, facts=not_measured("x", "y")) for k in check.kinds]):
        for finding in judge([check], kept(declared("people"), *observations), NOW):
            assert finding.status is Status.UNKNOWN
            assert finding.remediation


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_judging_twice_says_the_same(check: Check) -> None:
    evidence = kept(declared("people"), *[observation(kind) for kind in check.kinds])
    assert judge([check], evidence, NOW) == judge([check], evidence, NOW)


def test_the_first_five_checks_are_one_for_each_of_the_first_five_themes() -> None:
    assert {(spec_of(check).id, spec_of(check).theme) for check in CHECKS} >= {
        ("CHK-RETENTION", "data_retention"),
        ("CHK-FILE-ACCESS", "access_control"),
        ("CHK-ENC-REST", "encryption"),
        ("CHK-AUDIT-INTEGRITY", "audit_logging"),
        ("CHK-BASIS", "consent_management"),
    }
