"""What evidence means: findings, postures, validations, robustness, risks. Pure.

Everything comes from the arguments and from catalogues that ship with assay; nothing reads a clock,
a file or a random number. The same evidence gives the same assessment, today and in ten years with
the same version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assay import plugins
from assay.compliance.interface import Check, FrameworkMember, Threat
from assay.compliance.judge import DECLARATION, judge, spec_of, targets_of
from assay.compliance.posture import posture
from assay.compliance.principles import effective_level, validate_controls
from assay.compliance.risk import risks
from assay.law.catalogues import CheckSpec, check_specs
from assay.models.robustness import masking_warnings, planning_gaps, summarise
from assay.vocabulary import (
    Assessment,
    Checkpoint,
    ControlValidation,
    Evidence,
    Exhibit,
    Finding,
    SecurityLevel,
    Status,
    Target,
    TargetKind,
)

_STATUS_ORDER = (Status.FAIL, Status.UNKNOWN, Status.WAIVED, Status.PASS, Status.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Run:
    """What is said of an assessment beside its evidence; from the log entry that closes it."""

    id: str
    as_of: datetime
    depth: str
    seed: int
    outcome: str
    versions: Mapping[str, str]
    unmeasured: tuple[str, ...]
    checks: frozenset[str] | None
    verifier_key: str


def weigh(
    run: Run,
    evidence: tuple[Evidence, ...],
    exhibits: tuple[Exhibit, ...],
    checkpoint: Checkpoint,
) -> Assessment:
    """The assessment that this evidence amounts to."""
    declared = _declared(evidence)
    checks = [check for check in _all_checks() if run.checks is None or check.id in run.checks]
    findings = sorted(judge(checks, evidence, run.as_of), key=_gravest_first)
    specs = known_specs()
    models = [t for t in targets_of(evidence) if t.kind is TargetKind.MODEL]
    robustness = [summarise(model, evidence) for model in models]
    frameworks: list[FrameworkMember] = [m.use() for m in plugins.available("frameworks")]
    threats: list[Threat] = [m.use() for m in plugins.available("threats")]
    gaps = [gap for model in models for gap in planning_gaps(model, evidence)]
    masked = [warning for model in models for warning in masking_warnings(model, evidence)]
    return Assessment(
        id=run.id,
        organisation=str(declared.get("organisation", "")),
        as_of=run.as_of,
        depth=run.depth,
        seed=run.seed,
        outcome=run.outcome,
        versions=run.versions,
        checkpoint=checkpoint,
        verifier_key=run.verifier_key,
        evidence=evidence,
        exhibits=exhibits,
        findings=tuple(findings),
        validations=_validations(declared, evidence, findings),
        postures=tuple(
            posture(member, findings, specs, declared.get("facts", {}), run.as_of)
            for member in frameworks
        ),
        robustness=tuple(summary for summary in robustness if summary is not None),
        risks=risks(models, _impacts(declared, evidence), evidence, threats),
        unmeasured=(*gaps, *masked, *run.unmeasured),
    )


def three_gravest(findings: Sequence[Finding]) -> list[Finding]:
    """The failing findings of the highest severity, at most three."""
    failing = [finding for finding in findings if finding.status is Status.FAIL]
    return sorted(failing, key=_gravest_first)[:3]


def known_specs() -> Mapping[str, CheckSpec]:
    """The specification of every check of the crosswalk and of every member."""
    return {**check_specs(), **_specs(_all_checks())}


def _all_checks() -> list[Check]:
    return [member.use() for member in plugins.available("checks")]


def _specs(checks: Sequence[Check]) -> Mapping[str, CheckSpec]:
    return {check.id: spec_of(check) for check in checks}


def _gravest_first(finding: Finding) -> tuple[int, int, str, Target]:
    order = _STATUS_ORDER.index(finding.status)
    return order, -int(finding.severity), finding.check, _sortable(finding.target)


def _sortable(target: Target) -> Target:
    return Target(target.kind, target.name, target.digest or "")


def _declared(evidence: Sequence[Evidence]) -> Mapping[str, Any]:
    found = [e.observation.facts for e in evidence if e.observation.kind == DECLARATION]
    return found[-1] if found else {}


def _level(
    dataset: str, declared: Mapping[str, Any], evidence: Sequence[Evidence]
) -> SecurityLevel | None:
    labels = [
        e.observation.facts
        for e in evidence
        if e.observation.kind == "classification_labels"
        and e.observation.target.name == dataset
        and e.observation.measured
    ]
    said = declared.get("datasets", {}).get(dataset, {}).get("level")
    return effective_level(said, labels[-1] if labels else None)


def _validations(
    declared: Mapping[str, Any], evidence: Sequence[Evidence], findings: Sequence[Finding]
) -> tuple[ControlValidation, ...]:
    rows: list[ControlValidation] = []
    for dataset in declared.get("datasets", {}):
        level = _level(dataset, declared, evidence)
        if level is not None:
            said = declared["datasets"][dataset]
            files = said.get("files", ())
            rows += validate_controls(dataset, level, findings, files=files)
    return tuple(rows)


def _impacts(
    declared: Mapping[str, Any], evidence: Sequence[Evidence]
) -> Mapping[str, SecurityLevel | None]:
    """For each model, the highest level among the data that it was trained on."""
    impacts: dict[str, SecurityLevel | None] = {}
    for name, model in declared.get("models", {}).items():
        levels = [_level(dataset, declared, evidence) for dataset in model["trained_on"]]
        impacts[name] = max((level for level in levels if level is not None), default=None)
    return impacts
