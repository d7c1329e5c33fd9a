"""The assessment in a screen of plain text, for a terminal, a log or an e-mail.

Findings that did not pass by severity, the models, the postures. It leaves out evidence, columns
and controls: those are in the HTML and JSON reports. No colours, and nothing that a terminal obeys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assay.reports import _words as words
from assay.reports.interface import Told, nobody
from assay.vocabulary import Assessment, Basis, Finding, Posture, Robustness, Status

_QUIET = (Status.PASS, Status.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class TextReport:
    """The assessment as plain text."""

    name: str = "text"
    suffix: str = ".txt"
    media_type: str = "text/plain; charset=utf-8"

    def render(self, assessment: Assessment, told: Told = nobody) -> bytes:
        """UTF-8 lines, none of which a name from outside can break or forge."""
        blocks = (
            _head(assessment),
            _findings(assessment),
            _models(assessment),
            _postures(assessment),
            _left_out(assessment),
            _foot(assessment),
        )
        texts = ["\n".join(lines) for block in blocks if (lines := list(block))]
        return ("\n\n".join(texts) + "\n").encode()


def _head(assessment: Assessment) -> Iterator[str]:
    yield f"assay: assessment of {words.one_line(assessment.organisation)}"
    yield (
        f"as of {words.moment(assessment.as_of)}, depth {words.one_line(assessment.depth)}, "
        f"seed {assessment.seed}: {words.one_line(assessment.outcome)}"
    )
    if not assessment.findings:
        yield "NOTHING WAS ASSESSED. That is not a pass."
        return
    counts = words.by_status(assessment.findings)
    yield "   ".join(f"{words.label(status)} {count}" for status, count in counts.items() if count)
    if counts[Status.UNKNOWN]:
        yield f"UNKNOWN is not a pass: {counts[Status.UNKNOWN]} could not be judged."


def _findings(assessment: Assessment) -> Iterator[str]:
    open_findings = [f for f in assessment.findings if f.status not in _QUIET]
    for severity in words.severities():
        chosen = [f for f in words.worst_first(open_findings) if f.severity is severity]
        if chosen:
            yield severity.name
            yield from map(_finding, chosen)


def _finding(finding: Finding) -> str:
    attested = finding.basis in (Basis.ATTESTED, Basis.DECLARED)
    mark = f" ({finding.basis.word})" if attested and finding.basis is not None else ""
    where = f"{finding.target.kind.value} {words.one_line(finding.target.name)}"
    check, statement = words.one_line(finding.check), words.one_line(finding.statement)
    return f"  {words.label(finding.status):<13} {check}  {where}: {statement}{mark}"


def _models(assessment: Assessment) -> Iterator[str]:
    if assessment.robustness:
        yield "MODELS"
        yield from map(_model, assessment.robustness)


def _model(result: Robustness) -> str:
    name = words.one_line(result.model.name)
    if result.worst_case is None or result.worst_case.trials == 0:
        worst = f"worst case {words.UNMEASURED}"
    else:
        at = result.worst_case_epsilon
        epsilon = "" if at is None else f" at epsilon {words.number(at)}"
        shares = f"{words.share(result.worst_case)} ({words.interval(result.worst_case)})"
        worst = f"worst case {shares}{epsilon}"
    return f"  {name}: {worst}, clean {words.share(result.clean)}"


def _postures(assessment: Assessment) -> Iterator[str]:
    if assessment.postures:
        yield "POSTURES"
        yield from map(_posture, assessment.postures)


def _posture(posture: Posture) -> str:
    applies = words.answer(posture.applicability.answer)
    coverage, conformance = (
        words.UNMEASURED if value is None else words.percent(value)
        for value in (posture.coverage, posture.conformance)
    )
    return (
        f"  {words.one_line(posture.title)}: applies: {applies}; "
        f"coverage {coverage} ({posture.assessed} of {posture.applicable} controls), "
        f"conformance {conformance}, open criticals {posture.open_criticals} ({posture.mode})"
    )


def _left_out(assessment: Assessment) -> Iterator[str]:
    if assessment.unmeasured:
        yield f"{words.UNMEASURED} AT THIS DEPTH"
        yield from (f"  {words.one_line(line)}" for line in assessment.unmeasured)


def _foot(assessment: Assessment) -> Iterator[str]:
    checkpoint = assessment.checkpoint
    yield (
        f"log {words.one_line(checkpoint.origin)}, {checkpoint.size} entries, "
        f"root {checkpoint.root.hex()}"
    )
    yield f"cosigned by {words.one_line(words.cosigners(checkpoint))}"
    yield "verify with: assay log verify"


MEMBER = TextReport()
