"""Judges evidence by every check there is, and holds what no check may break.

1. Without an observation of a check's first kind there is no verdict: UNKNOWN, and the finding says
   what is missing. So it is when the look failed, or when the evidence is past its expiry.
2. A finding's basis is the weakest of its evidence. A declaration leads to FAIL or UNKNOWN; a PASS
   that would rest on one becomes UNKNOWN.
3. A check that raises is UNKNOWN, visibly; it takes no other check down with it.

Pure: the same evidence gives the same findings, whenever it is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from assay.canonical import instant
from assay.compliance.interface import Check, Verdict
from assay.law.catalogues import CheckSpec, check_specs
from assay.vocabulary import Basis, Evidence, Finding, Status, Target, TargetKind

DECLARATION = "asset_inventory"
"""The evidence kind under which assay.toml's own words are kept: it names what there is to judge."""


def judge(checks: Sequence[Check], evidence: Sequence[Evidence], as_of: datetime) -> list[Finding]:
    """A finding for every check and every target that it looks at, in the order of the checks."""
    targets = targets_of(evidence)
    return [
        _finding(check, target, evidence, as_of)
        for check in checks
        for target in targets
        if target.kind is check.looks_at
    ]


def spec_of(check: Check) -> CheckSpec:
    """Title, theme, severity and controls of a check.

    Raises:
        KeyError: its id is not in the crosswalk and it brings no specification.
    """
    own: CheckSpec | None = getattr(check, "spec", None)
    return own if own is not None else check_specs()[check.id]


def targets_of(evidence: Sequence[Evidence]) -> list[Target]:
    """Every dataset and model that was declared, and the system they are part of.

    A target that was looked at has the digest it had then.
    """
    digests = {
        (e.observation.target.kind, e.observation.target.name): e.observation.target.digest
        for e in evidence
        if e.observation.target.digest
    }
    declared = [e.observation for e in evidence if e.observation.kind == DECLARATION]
    targets: list[Target] = []
    for observation in declared:
        targets.append(observation.target)
        for kind, key in ((TargetKind.DATASET, "datasets"), (TargetKind.MODEL, "models")):
            names = observation.facts.get(key, {})
            assert isinstance(names, dict)  # noqa: S101 - as `readers/declarations.py` writes it
            targets += [Target(kind, name, digests.get((kind, name))) for name in names]
    return targets


def _finding(
    check: Check, target: Target, evidence: Sequence[Evidence], as_of: datetime
) -> Finding:
    spec = spec_of(check)
    cited = [e for e in evidence if e.observation.kind in check.kinds and _is_of(target, e)]
    verdict = _verdict(check, cited, as_of)
    basis = min((e.observation.basis for e in cited), default=None)
    if verdict.status is Status.PASS and basis is Basis.DECLARED:
        verdict = Verdict(
            Status.UNKNOWN,
            f"{verdict.statement} But this rests on a declaration, which is no evidence.",
            verdict.locations,
        )
    settled = verdict.status in (Status.PASS, Status.NOT_APPLICABLE)
    return Finding(
        check=spec.id,
        title=spec.title,
        theme=spec.theme,
        target=target,
        status=verdict.status,
        severity=spec.severity,
        basis=basis,
        statement=verdict.statement,
        evidence=tuple(e.digest for e in cited),
        locations=verdict.locations,
        remediation="" if settled else verdict.remediation or check.remediation,
    )


def _is_of(target: Target, evidence: Evidence) -> bool:
    seen = evidence.observation.target
    return (seen.kind, seen.name) == (target.kind, target.name)


def _verdict(check: Check, cited: Sequence[Evidence], as_of: datetime) -> Verdict:
    observations = [e.observation for e in cited]
    leading = [o for o in observations if o.kind == check.kinds[0]]
    if not leading:
        return Verdict(Status.UNKNOWN, f"Nothing looked: there is no {_words(check.kinds[0])}.")
    for observation in leading:
        if not observation.measured:
            why = observation.facts["not_measured"]
            assert isinstance(why, dict)  # noqa: S101 - as `not_measured` writes it
            return Verdict(
                Status.UNKNOWN,
                f"Could not be measured: {why['reason']}",
                remediation=str(why["next_step"]),
            )
        if observation.expires_at is not None and observation.expires_at <= as_of:
            return Verdict(
                Status.UNKNOWN,
                f"The evidence is past its expiry of {instant(observation.expires_at)}.",
                remediation="Assess again.",
            )
    fresh = [o for o in observations if o.measured]
    try:
        return check.judge(fresh)
    except Exception as error:  # noqa: BLE001 - a check from elsewhere may raise anything
        return Verdict(Status.UNKNOWN, f"The check itself failed ({type(error).__name__}).")


def _words(kind: str) -> str:
    return kind.replace("_", " ")
