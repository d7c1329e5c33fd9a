"""An assessment arranged for a page: sorted, grouped and linked, with nothing judged anew.

Pure: the same assessment and the same drawing function give the same value. Numbers, instants and
names stay as they are; `templates/` writes them with the words of `_words.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.reports import _facts as facts
from assay.reports import _words as words
from assay.reports._links import Link, Links
from assay.reports._view_datasets import DatasetView, dataset_views
from assay.reports._view_models import Draw, ModelView, model_views
from assay.vocabulary import Assessment, Evidence, Finding, Posture, Risk, Status

_SEVERE_MAX = 3
_ALWAYS_COUNTED = (Status.FAIL, Status.UNKNOWN, Status.PASS)


@dataclass(frozen=True, slots=True)
class Count:
    """How many findings have a status."""

    status: Status
    findings: int


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding with its anchor and links to its evidence."""

    anchor: str
    finding: Finding
    evidence: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class RiskRow:
    """A risk; `measured` is False where no likelihood was measured."""

    risk: Risk
    measured: bool
    evidence: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class PostureView:
    """A framework's posture, and how many controls are in each state, worst first."""

    anchor: str
    posture: Posture
    states: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A line of the evidence section; `why_not` is empty when it was measured."""

    anchor: str
    evidence: Evidence
    why_not: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page shows, in its order."""

    assessment: Assessment
    counts: tuple[Count, ...]
    unknown: int
    severe: tuple[FindingRow, ...]
    findings: tuple[FindingRow, ...]
    datasets: tuple[DatasetView, ...]
    models: tuple[ModelView, ...]
    risks: tuple[RiskRow, ...]
    postures: tuple[PostureView, ...]
    evidence: tuple[EvidenceRow, ...]
    plotted: bool
    """False when the library that draws is not installed."""

    @property
    def failed(self) -> int:
        """How many findings are FAIL."""
        return sum(row.finding.status is Status.FAIL for row in self.findings)


def page(assessment: Assessment, draw: Draw | None) -> Page:
    """The assessment arranged; without `draw` there are numbers and no figures."""
    links = Links(assessment.evidence)
    findings = _findings(assessment, links)
    counts = words.by_status(assessment.findings)
    return Page(
        assessment=assessment,
        counts=_counts(counts),
        unknown=counts[Status.UNKNOWN],
        severe=tuple(r for r in findings if r.finding.status is Status.FAIL)[:_SEVERE_MAX],
        findings=findings,
        datasets=dataset_views(assessment, links),
        models=model_views(assessment, links, draw or _draw_nothing),
        risks=tuple(_risk(risk, links) for risk in assessment.risks),
        postures=tuple(_posture(n, p) for n, p in enumerate(assessment.postures, start=1)),
        evidence=tuple(_evidence(n, e) for n, e in enumerate(assessment.evidence, start=1)),
        plotted=draw is not None,
    )


def _findings(assessment: Assessment, links: Links) -> tuple[FindingRow, ...]:
    return tuple(
        FindingRow(f"finding-{position}", finding, links.all(finding.evidence))
        for position, finding in enumerate(words.worst_first(assessment.findings), start=1)
    )


def _counts(counts: dict[Status, int]) -> tuple[Count, ...]:
    return tuple(
        Count(status, count)
        for status, count in counts.items()
        if count or status in _ALWAYS_COUNTED
    )


def _risk(risk: Risk, links: Links) -> RiskRow:
    measured = risk.likelihood is not None and risk.likelihood.trials > 0
    return RiskRow(risk, measured, links.all(risk.evidence))


def _posture(position: int, posture: Posture) -> PostureView:
    states = [state.status for state in posture.controls]
    counted = tuple(Count(s, states.count(s)) for s in words.STATUSES if s in states)
    return PostureView(f"framework-{position}", posture, counted)


def _evidence(position: int, evidence: Evidence) -> EvidenceRow:
    why_not = facts.why_not_measured(evidence.observation)
    return EvidenceRow(f"evidence-{position}", evidence, why_not)


def _draw_nothing(_: object) -> tuple[()]:
    return ()
