"""Three numbers, never one, and the properties that they keep whatever was found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay import plugins
from assay.compliance.interface import FrameworkMember
from assay.compliance.posture import posture
from assay.law.catalogues import check_specs
from assay.vocabulary import Basis, Finding, Posture, Status, Target, TargetKind
from tests.compliance.scenes import NOW

FRAMEWORKS: list[FrameworkMember] = [member.use() for member in plugins.available("frameworks")]
FACTS = {
    "org.roles": ("controller", "covered_entity"),
    "org.establishments": ("DE",),
    "org.commitments": ("soc2_report", "iso27001_certificate"),
    "data.kinds": ("personal", "phi"),
}
SPECS = check_specs()
RUNNABLE = sorted(SPECS)


def finding(check: str, status: Status) -> Finding:
    """A finding of a check of the crosswalk."""
    spec = SPECS[check]
    target = Target(TargetKind.SYSTEM, "Clinic")
    return Finding(
        check, spec.title, spec.theme, target, status, spec.severity, Basis.MEASURED, "Said."
    )


findings = st.lists(
    st.builds(
        finding,
        st.sampled_from(RUNNABLE),
        st.sampled_from([s for s in Status if s is not Status.NOT_ASSESSED]),
    ),
    max_size=12,
)


def of(framework: FrameworkMember, found: list[Finding]) -> Posture:
    """The posture after these findings."""
    return posture(framework, found, SPECS, FACTS, NOW)


@pytest.fixture(params=FRAMEWORKS, ids=lambda member: member.id)
def framework(request: pytest.FixtureRequest) -> FrameworkMember:
    """Each framework."""
    member: FrameworkMember = request.param
    return member


def test_nothing_judged_gives_no_number(framework: FrameworkMember) -> None:
    nothing = of(framework, [])
    assert nothing.conformance is None
    assert nothing.coverage == 0.0
    assert (nothing.assessed, nothing.open_criticals) == (0, 0)
    assert {state.status for state in nothing.controls} == {Status.NOT_ASSESSED}


@given(found=findings)
def test_the_same_findings_twice_change_nothing(found: list[Finding]) -> None:
    for member in FRAMEWORKS:
        assert of(member, found) == of(member, found + found)


@given(found=findings, check=st.sampled_from(RUNNABLE))
def test_one_failure_more_never_raises_conformance(found: list[Finding], check: str) -> None:
    for member in FRAMEWORKS:
        before, after = of(member, found), of(member, [*found, finding(check, Status.FAIL)])
        if before.conformance is not None:
            assert after.conformance is not None
            assert after.conformance <= before.conformance
        assert after.open_criticals >= before.open_criticals


@given(found=findings, check=st.sampled_from(RUNNABLE))
def test_not_knowing_never_helps(found: list[Finding], check: str) -> None:
    for member in FRAMEWORKS:
        before, after = of(member, found), of(member, [*found, finding(check, Status.UNKNOWN)])
        assert (after.coverage or 0) <= (before.coverage or 0)
        assert (after.conformance or 0) <= (before.conformance or 0)


@given(found=findings)
def test_a_waiver_is_no_pass(found: list[Finding]) -> None:
    passed = [replace(f, status=Status.PASS) for f in found]
    waived = [replace(f, status=Status.WAIVED) for f in found]
    for member in FRAMEWORKS:
        if of(member, passed).conformance is not None:
            assert of(member, passed).conformance == 1.0
            assert of(member, waived).conformance == 0.0


def test_not_applicable_leaves_both_sides() -> None:
    gdpr = next(member for member in FRAMEWORKS if member.id == "gdpr")
    nothing = of(gdpr, [])
    scoped = of(gdpr, [finding("CHK-RETENTION", Status.NOT_APPLICABLE)])
    assert scoped.applicable < nothing.applicable
    assert scoped.conformance is None


def test_a_control_takes_the_worst_of_its_checks() -> None:
    gdpr = next(member for member in FRAMEWORKS if member.id == "gdpr")
    found = [finding("CHK-RETENTION", Status.PASS), finding("CHK-DELETION-PROOF", Status.FAIL)]
    states = {state.control.id: state.status for state in of(gdpr, found).controls}
    assert states["Art.17"] is Status.FAIL


def test_a_framework_that_does_not_apply_has_no_numbers() -> None:
    gdpr = next(member for member in FRAMEWORKS if member.id == "gdpr")
    found = posture(
        gdpr, [finding("CHK-ENC-REST", Status.FAIL)], SPECS, {"data.kinds": ("none",)}, NOW
    )
    assert found.applicability.answer == "no"
    assert (found.coverage, found.conformance, found.open_criticals) == (None, None, 0)


def test_open_criticals_are_checks_and_not_occurrences() -> None:
    gdpr = next(member for member in FRAMEWORKS if member.id == "gdpr")
    one = finding("CHK-ENC-REST", Status.FAIL)
    other = replace(one, target=Target(TargetKind.DATASET, "another"))
    assert of(gdpr, [one, other]).open_criticals == 1
