"""`--fail-on EXPR`: when an assessment is to stop a pipeline.

    high, severity>=high              a failing finding of at least this severity
    unknown                           anything that could not be measured
    new                               a failing finding that the baseline does not have
    robust_accuracy<0.7@linf:0.03     worst case over all attacks at this norm and epsilon
    clean_accuracy<0.9

A metric is judged at the worse end of its interval. What was not measured meets the condition: a gap
is never a pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.errors import BadInput, UnreadableFile
from assay.models.robustness import attack_outcome
from assay.vocabulary import Assessment, Finding, Severity, Status

_SEVERITY = re.compile(r"^(?:severity\s*>=\s*)?(low|medium|high|critical)$")
_METRIC = re.compile(
    r"^(robust_accuracy|clean_accuracy)\s*<\s*(0(?:\.\d+)?|1(?:\.0+)?)(?:@(linf):(\d*\.?\d+))?$"
)
_BASELINE_BYTES_MAX = 500_000_000


@dataclass(frozen=True, slots=True)
class Condition:
    """One parsed expression."""

    text: str
    severity: Severity | None = None
    metric: str = ""
    limit: float = 0.0
    norm: str = ""
    epsilon: float | None = None


def parse_conditions(texts: Sequence[str]) -> tuple[Condition, ...]:
    """The conditions in these expressions.

    Raises:
        BadInput: an expression is none of the known forms.
    """
    return tuple(_parse(text.strip()) for text in texts)


def read_baseline(path: Path) -> frozenset[tuple[str, str]]:
    """Check and target of every failing finding in an earlier assessment.json.

    Raises:
        UnreadableFile: missing, not permitted, or not an assessment.
    """
    try:
        with path.open("rb") as stream:
            rows = json.loads(stream.read(_BASELINE_BYTES_MAX))["findings"]
        return frozenset(
            (row["check"], row["target"]["name"]) for row in rows if row["status"] == "fail"
        )
    except OSError as error:
        raise UnreadableFile(
            f"The baseline {path} cannot be read ({error.strerror}).",
            next_step="Give the assessment.json of an earlier run.",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(
            f"The baseline {path} is not an assessment.",
            next_step="Give the assessment.json of an earlier run.",
        ) from error


def reasons(
    conditions: Sequence[Condition],
    assessment: Assessment,
    baseline: frozenset[tuple[str, str]] | None,
) -> list[str]:
    """A sentence for each condition that is met.

    Raises:
        BadInput: `new` is asked for without a baseline.
    """
    return [why for condition in conditions for why in _met(condition, assessment, baseline)]


def _parse(text: str) -> Condition:
    if text in ("unknown", "new"):
        return Condition(text)
    if match := _SEVERITY.match(text):
        return Condition(text, severity=Severity[match[1].upper()])
    match = _METRIC.match(text)
    if match is None or (match[1] == "robust_accuracy") != (match[3] is not None):
        raise BadInput(
            f"--fail-on does not know {text!r}.",
            next_step="Use a severity, unknown, new, or robust_accuracy<0.7@linf:0.03.",
        )
    epsilon = None if match[4] is None else float(match[4])
    return Condition(text, None, match[1], float(match[2]), match[3] or "", epsilon)


def _met(
    condition: Condition, assessment: Assessment, baseline: frozenset[tuple[str, str]] | None
) -> list[str]:
    failing = [finding for finding in assessment.findings if finding.status is Status.FAIL]
    if condition.severity is not None:
        return [_said(f, condition) for f in failing if f.severity >= condition.severity]
    if condition.text == "unknown":
        unknown = [f for f in assessment.findings if f.status is Status.UNKNOWN]
        return [_said(finding, condition) for finding in unknown]
    if condition.text == "new":
        if baseline is None:
            raise BadInput(
                "--fail-on new needs something to compare with.", next_step="Add --baseline."
            )
        fresh = [f for f in failing if (f.check, f.target.name) not in baseline]
        return [_said(finding, condition) for finding in fresh]
    return _metric_reasons(condition, assessment)


def _said(finding: Finding, condition: Condition) -> str:
    return (
        f"{condition.text}: {finding.check} of {finding.target.name} is "
        f"{finding.status.value} ({finding.severity.word})"
    )


def _metric_reasons(condition: Condition, assessment: Assessment) -> list[str]:
    found: list[str] = []
    if not assessment.robustness:
        found.append(f"{condition.text}: no model was measured")
    for model in assessment.robustness:
        name = model.model.name
        if condition.metric == "clean_accuracy":
            low: float | None = model.clean.low
        else:
            outcome = attack_outcome(model.model, assessment.evidence, condition.epsilon)
            low = None if outcome is None else outcome.robust.low
        if low is None:
            found.append(f"{condition.text}: {name} was not measured at that epsilon")
        elif low < condition.limit:
            found.append(f"{condition.text}: {name} may be as low as {low:.3f}")
    return found
