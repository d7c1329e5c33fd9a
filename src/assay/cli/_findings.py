"""An assessment on a terminal: what was found, the three gravest in words, and where it all is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from assay.cli._shared import say, show_table
from assay.vocabulary import Assessment, Finding, Robustness, Status
from assay.weigh import three_gravest


def show_assessment(
    assessment: Assessment, paths: Mapping[str, Path], afterwards: Sequence[str]
) -> None:
    """Everything that a person wants to see first."""
    show_findings(assessment.findings)
    _show_models(assessment)
    show_postures(assessment)
    gravest = three_gravest(assessment.findings)
    if gravest:
        click.echo("The gravest findings:")
    for number, finding in enumerate(gravest, 1):
        say(f"  {number}. {finding.target.name}: {finding.statement}")
        say(f"     To do: {finding.remediation}")
    click.echo()
    for line in afterwards:
        say(line)
    for what, path in paths.items():
        say(f"{what + ':':<12}{path}")


def show_findings(findings: Sequence[Finding]) -> None:
    """One line a finding, the gravest first."""
    rows = [
        (
            finding.status.name,
            finding.severity.word,
            finding.check,
            finding.target.name,
            "-" if finding.basis is None else finding.basis.word,
            finding.statement,
        )
        for finding in findings
    ]
    columns = ("Status", "Severity", "Check", "Target", "Basis", "Statement")
    show_table("Findings", columns, rows)
    unknown = sum(finding.status is Status.UNKNOWN for finding in findings)
    if unknown:
        click.echo(f"{unknown} UNKNOWN: could not be measured, and is no pass.\n")


def _show_models(assessment: Assessment) -> None:
    rows = [
        (
            model.model.name,
            str(model.examples),
            str(model.clean),
            _worst_case(model),
            ", ".join(sorted({curve.member for curve in model.curves})),
        )
        for model in assessment.robustness
    ]
    if rows:
        columns = ("Model", "Examples", "Clean accuracy", "Worst-case accuracy", "Under")
        show_table("Models (95 % intervals)", columns, rows)


def _worst_case(model: Robustness) -> str:
    """The share that survives everything, and the change of every feature that it survives."""
    if model.worst_case is None:
        return "UNMEASURED"
    epsilon = model.worst_case_epsilon
    return str(model.worst_case) if epsilon is None else f"{model.worst_case} at {epsilon:g}"


def show_postures(assessment: Assessment) -> None:
    """Three numbers a framework."""
    rows = [
        (
            posture.framework,
            posture.applicability.answer,
            _percent(posture.coverage),
            _percent(posture.conformance),
            str(posture.open_criticals),
        )
        for posture in assessment.postures
    ]
    columns = ("Framework", "Applies", "Coverage", "Conformance", "Open criticals")
    show_table("Posture (point in time)", columns, rows)


def _percent(share: float | None) -> str:
    return "not assessed" if share is None else f"{100 * share:.0f} %"
