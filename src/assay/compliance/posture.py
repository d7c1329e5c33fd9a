"""Where an organisation stands in a framework: three numbers, never one.

The rules, from `law/crosswalk.yaml`:

1. A control's state is the worst of the checks that bear on it and ran: fail > unknown > waived >
   pass. A check that is not applicable leaves both sides of every sum. A control that no check bears
   on, or none of whose checks ran, is not assessed. How many of its checks ran stands beside a pass.
2. Coverage = measured controls / applicable controls, where measured is pass, fail or waived:
   a control that is only unknown was not measured, so not knowing never helps.
3. Conformance = sum of weights of passes / sum of weights of pass, fail, unknown and waived. A
   control weighs what the gravest check of the crosswalk that bears on it weighs, run or not
   (critical 10, high 5, medium 2, low 1). Nothing assessed: None, never 0 or 1.
4. Open criticals = distinct failing checks of severity critical that bear on the framework.
5. A framework that does not apply, or of which it is not known, still shows its controls: the answer
   and its reason stand beside the numbers, and the numbers are None where it does not apply.

Properties that hold: nothing judged gives no conformance; the same failure twice changes nothing; a
failure more never raises conformance (coverage it may: a failure was measured).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from assay.compliance.interface import FrameworkMember
from assay.law.applicability import applicability
from assay.law.catalogues import CheckSpec, catalogue, controls, severity_weights
from assay.vocabulary import Control, ControlState, Finding, Posture, Severity, Status

_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.WAIVED, Status.PASS, Status.NOT_APPLICABLE)
_MEASURED = (Status.PASS, Status.FAIL, Status.WAIVED)
_COUNTED = (Status.PASS, Status.FAIL, Status.UNKNOWN, Status.WAIVED)


def posture(
    member: FrameworkMember,
    findings: Sequence[Finding],
    specs: Mapping[str, CheckSpec],
    declared_facts: Mapping[str, Any],
    as_of: datetime,
) -> Posture:
    """The posture at an instant, from findings judged on evidence up to then (point in time)."""
    head = catalogue(member.catalogue)
    applies = applicability(member.catalogue, declared_facts)
    states = tuple(
        _state(control, findings, specs, member.id) for control in controls(member.catalogue)
    )
    weights = {
        state.control.id: _weight(state, specs) for state in states if state.status in _COUNTED
    }
    applicable = 0 if applies.answer == "no" else _count(states, *_COUNTED, Status.NOT_ASSESSED)
    assessed = _count(states, *_MEASURED) if applicable else 0
    total = sum(weights.values()) if applicable else 0
    passed = sum(weights[s.control.id] for s in states if s.status is Status.PASS)
    return Posture(
        framework=member.id,
        title=head["title"],
        version=str(head["version"]),
        applicability=applies,
        mode="point in time",
        as_of=as_of,
        applicable=applicable,
        assessed=assessed,
        coverage=assessed / applicable if applicable else None,
        conformance=passed / total if total else None,
        open_criticals=len(_open_criticals(findings, specs, member.id)) if applicable else 0,
        controls=states,
    )


def _state(
    control: Control,
    findings: Sequence[Finding],
    specs: Mapping[str, CheckSpec],
    framework: str,
) -> ControlState:
    bearing = [id_ for id_, spec in specs.items() if control.id in spec.controls.get(framework, ())]
    found = [finding for finding in findings if finding.check in bearing]
    seen = {finding.status for finding in found}
    worst = next((status for status in _WORST_FIRST if status in seen), Status.NOT_ASSESSED)
    ran = tuple(sorted({finding.check for finding in found}))
    return ControlState(control, worst, tuple(bearing), ran)


def _weight(state: ControlState, specs: Mapping[str, CheckSpec]) -> int:
    weights = severity_weights()
    return max(weights[specs[check].severity] for check in state.checks)


def _count(states: Sequence[ControlState], *wanted: Status) -> int:
    return sum(state.status in wanted for state in states)


def _open_criticals(
    findings: Sequence[Finding], specs: Mapping[str, CheckSpec], framework: str
) -> set[str]:
    return {
        finding.check
        for finding in findings
        if finding.status is Status.FAIL
        and finding.severity is Severity.CRITICAL
        and finding.check in specs
        and specs[finding.check].controls.get(framework)
    }
