"""The main job, read top to bottom: observe, keep, weigh.

    observe   step -> observations and exhibits; a step seen before under the same key is used again
    keep      observations -> canonical bytes -> one durable batch of the log -> evidence (`kept.py`)
    weigh     evidence -> findings -> postures, validations, risks -> assessment (`weigh.py`, pure)

Whatever ends the work early, the steps that are done are kept. Every step of one assessment saw the
same state of each file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from assay.audit_log.entry import event_of, new_event
from assay.canonical import instant
from assay.compliance.principles import effective_level
from assay.errors import AssayError, CouldNotFinish, Interrupted
from assay.kept import Done, keep, kept_before, numbered, reopen, system
from assay.parts import Parts
from assay.step import Moment, Seen, Step
from assay.steps import Plan
from assay.vocabulary import Assessment, Depth, Facts, Observation, Status, Target, TargetKind

EVIDENCE_VALIDITY = timedelta(days=90)
"""How long evidence counts in a posture at a point in time, unless the look itself says otherwise."""


_CLOCK_SLACK = timedelta(minutes=5)


class Listener(Protocol):
    """Is told how the work goes; must not raise."""

    def began(self, step: Step, number: int, total: int) -> None:
        """A step begins; numbers start at 1."""

    def progressed(self, share: float) -> None:
        """The share (0..1) of the step that is done."""

    def ended(self, step: Step, *, reused: bool) -> None:
        """The step is done, or its kept result is used."""


def assess(
    parts: Parts,
    plan: Plan,
    *,
    depth: Depth,
    seed: int,
    listener: Listener,
    checks: Sequence[str] | None = None,
) -> Assessment:
    """Carry out a plan, keep what it saw, and say what it means.

    `checks` limits which checks judge, by id; None judges by all of them. Ctrl-C keeps the steps
    that are done and raises, as does a step that fails; the next assessment uses them.

    Raises:
        Interrupted: somebody pressed Ctrl-C.
        DiskFull: the log has no room; nothing of this assessment was kept.
        CouldNotFinish: a step failed, or what it looks at changed meanwhile.
        BadInput: a step found that its input is wrong.
    """
    _begin(parts)
    done: list[Done] = []
    try:
        for step in observe(parts, plan, listener):
            done.append(step)
    except KeyboardInterrupt as interrupt:
        keep(parts, done, plan, depth=depth, seed=seed, outcome="interrupted", checks=checks)
        raise Interrupted(
            f"Stopped after {len(done)} of {len(plan.steps)} steps, which are kept.",
            next_step="Run it again to go on from there.",
        ) from interrupt
    except AssayError as error:
        keep(parts, done, plan, depth=depth, seed=seed, outcome="failed", checks=checks)
        _report_error(parts, error)
        raise
    index = keep(parts, done, plan, depth=depth, seed=seed, outcome="finished", checks=checks)
    assessment = reopen(parts.log.reader, index)
    _report_violations(parts, assessment)
    return assessment


def observe(parts: Parts, plan: Plan, listener: Listener) -> Iterator[Done]:
    """What each step saw, in order.

    Raises:
        CouldNotFinish: a step failed, or a target has another digest than an earlier step saw.
        BadInput: a step found that its input is wrong.
    """
    labels: dict[str, Facts] = {}
    digests: dict[tuple[TargetKind, str], str] = {}
    for number, step in enumerate(plan.steps, 1):
        listener.began(step, number, len(plan.steps))
        seen = kept_before(parts, step)
        reused = seen is not None
        if seen is None:
            seen = _dated(_look(step, Moment(parts.clock(), labels, listener.progressed)))
        for observation in seen.observations:
            _expect_same(observation.target, digests)
            if observation.kind == "classification_labels" and observation.measured:
                labels[observation.target.name] = _with_level(parts, observation)
        listener.ended(step, reused=reused)
        yield Done(step, seen, reused)


def _look(step: Step, moment: Moment) -> Seen:
    """What the step sees; a stranger's code in it may raise anything, or even end Python."""
    try:
        return step.look(moment)
    except AssayError:
        raise
    except (Exception, SystemExit) as error:
        raise CouldNotFinish(
            f"The step {step.name!r} failed ({type(error).__name__}).",
            next_step="The steps before it are kept; ASSAY_DEBUG=1 shows where it failed.",
        ) from error


def _dated(seen: Seen) -> Seen:
    """What was seen, with the end of its validity where the step gave none."""
    return replace(
        seen,
        observations=tuple(
            o if o.expires_at else replace(o, expires_at=o.observed_at + EVIDENCE_VALIDITY)
            for o in seen.observations
        ),
    )


def _expect_same(target: Target, digests: dict[tuple[TargetKind, str], str]) -> None:
    """One assessment speaks of one state of each file."""
    if target.digest is None:
        return
    if digests.setdefault((target.kind, target.name), target.digest) != target.digest:
        raise CouldNotFinish(
            f"The {target.kind.value} {target.name} was changed while it was assessed.",
            next_step="Run it again when nothing writes to it.",
        )


def _with_level(parts: Parts, observation: Observation) -> Facts:
    declared = parts.settings.datasets[observation.target.name].level
    level = effective_level(declared, observation.facts)
    return {**observation.facts, "level": None if level is None else level.word}


def _begin(parts: Parts) -> None:
    """So that the log exists, and has a checkpoint, before anything looks at it.

    Raises:
        CouldNotFinish: the clock stands before the newest entry; nothing that depends on the day
            could be believed.
    """
    _expect_later(parts)
    begun = new_event(
        "assessment",
        occurred_at=parts.clock(),
        actor=parts.actor,
        action="begin",
        target=system(parts),
        outcome="begun",
    )
    parts.log.keep(numbered(parts, parts.log.size, [begun]))


def _expect_later(parts: Parts) -> None:
    if parts.log.size:
        newest = event_of(parts.log.reader.entry(parts.log.size - 1))
        if parts.clock() < newest.occurred_at - _CLOCK_SLACK:
            raise CouldNotFinish(
                f"The clock says {instant(parts.clock())}, but the log's newest entry is of "
                f"{instant(newest.occurred_at)}.",
                next_step="Set the clock right; retention and consent cannot be judged by this one.",
            )


def _report_error(parts: Parts, error: AssayError) -> None:
    """An event for an assessment that could not be finished: the error's type, not its words."""
    failed = new_event(
        "error_event",
        occurred_at=parts.clock(),
        actor=parts.actor,
        action="assess",
        target=system(parts),
        outcome=type(error).__name__,
    )
    parts.log.keep(numbered(parts, parts.log.size, [failed]))


def _report_violations(parts: Parts, assessment: Assessment) -> None:
    """An event for every finding that fails, after the assessment that found it."""
    events = [
        new_event(
            "compliance_violation",
            occurred_at=assessment.as_of,
            actor=parts.actor,
            action=finding.check,
            target=finding.target,
            outcome="fail",
            severity=finding.severity,
            detail={"assessment": assessment.id, "evidence": list(finding.evidence)},
        )
        for finding in assessment.findings
        if finding.status is Status.FAIL
    ]
    if events:
        parts.log.keep(numbered(parts, parts.log.size, events))
