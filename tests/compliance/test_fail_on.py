"""`--fail-on`: every form, at the worse end of an interval, and a gap is never a pass."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assay.compliance.fail_on import parse_conditions, read_baseline, reasons
from assay.errors import BadInput, UnreadableFile
from assay.vocabulary import Assessment, Status
from tests.compliance.test_posture import finding
from tests.reports import example

EMPTY = example.empty()


def met(
    expression: str, assessment: Assessment, known: frozenset[tuple[str, str]] | None = None
) -> int:
    """How many reasons an expression gives."""
    return len(reasons(parse_conditions([expression]), assessment, known))


def with_findings(*statuses: tuple[str, Status]) -> Assessment:
    """An assessment of these findings."""
    return replace(EMPTY, findings=tuple(finding(*row) for row in statuses))


@pytest.mark.parametrize(
    ("expression", "count"),
    [("low", 2), ("high", 2), ("severity>=high", 2), ("severity >= critical", 1), ("critical", 1)],
)
def test_a_severity_counts_failures_of_at_least_it(expression: str, count: int) -> None:
    assessment = with_findings(
        ("CHK-ENC-REST", Status.FAIL), ("CHK-RETENTION", Status.FAIL), ("CHK-BASIS", Status.UNKNOWN)
    )
    assert met(expression, assessment) == count


def test_unknown_is_met_by_what_could_not_be_measured() -> None:
    assert met("unknown", with_findings(("CHK-BASIS", Status.UNKNOWN))) == 1
    assert met("unknown", with_findings(("CHK-BASIS", Status.FAIL))) == 0


def test_new_compares_with_a_baseline() -> None:
    assessment = with_findings(("CHK-ENC-REST", Status.FAIL), ("CHK-RETENTION", Status.FAIL))
    known = frozenset({("CHK-ENC-REST", "Clinic")})
    assert met("new", assessment, known) == 1
    with pytest.raises(BadInput, match="something to compare with"):
        met("new", assessment)


def test_a_metric_without_a_measurement_is_met() -> None:
    assert met("robust_accuracy<0.1@linf:0.03", EMPTY) == 1
    assert met("clean_accuracy<0.1", EMPTY) == 1


def test_a_metric_is_judged_at_the_worse_end() -> None:
    full = example.assessment()
    model = full.robustness[0]
    one = replace(full, robustness=(model,))
    inside = (model.clean.low + model.clean.share) / 2
    assert met(f"clean_accuracy<{inside:.6f}", one) == 1
    assert met(f"clean_accuracy<{model.clean.low - 0.001:.6f}", one) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "severe",
        "severity>high",
        "robust_accuracy<0.7",
        "clean_accuracy<0.9@linf:0.1",
        "robust_accuracy<1.5@linf:0.1",
        "robust_accuracy<0.7@l2:0.1",
        "accuracy<0.9",
        "high;low",
    ],
)
def test_another_expression_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--fail-on does not know"):
        parse_conditions([text])


def test_a_baseline_is_read_from_an_assessment(tmp_path: Path) -> None:
    rows = [
        {"check": "CHK-A", "target": {"name": "t"}, "status": "fail"},
        {"check": "CHK-B", "target": {"name": "t"}, "status": "pass"},
    ]
    path = tmp_path / "assessment.json"
    path.write_text(json.dumps({"findings": rows}))
    assert read_baseline(path) == {("CHK-A", "t")}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"findings": 3}', b'{"findings": [{}]}', b"\xff"]
)
def test_a_baseline_that_is_no_assessment_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "assessment.json"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="is not an assessment"):
        read_baseline(path)
    with pytest.raises(UnreadableFile, match="cannot be read"):
        read_baseline(tmp_path / "nowhere.json")
