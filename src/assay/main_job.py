"""The main job, read top to bottom: observe, keep, weigh.

    observe   step -> observations and exhibits; a step seen before under the same key is used again
    keep      observations -> canonical bytes -> one durable batch of the log -> evidence
    weigh     evidence -> findings -> postures, validations, risks -> assessment (`weigh.py`, pure)

What `keep` writes is all that `weigh` reads, so that `reopen` gives the same assessment from the log
alone, and the same report bytes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from assay.audit_log.entry import citation, event_of, new_event
from assay.audit_log.interface import EventQuery
from assay.audit_log.log import SqliteLogReader
from assay.canonical import canonical_bytes, digest, observation_from_bytes
from assay.compliance.principles import effective_level
from assay.errors import Interrupted, LogDamaged, LogError
from assay.parts import Parts
from assay.step import Moment, Seen, Step
from assay.steps import Plan
from assay.stores.interface import AssessmentRecord, KeptStep
from assay.versions import versions
from assay.vocabulary import (
    Assessment,
    Depth,
    Event,
    Evidence,
    Exhibit,
    Facts,
    Observation,
    Status,
    Target,
    TargetKind,
)
from assay.weigh import Run, weigh

OBSERVATION_TYPE = "application/vnd.assay.observation+json"
CLIENT_AGENT = f"assay/{versions()['assay']}"


class Listener(Protocol):
    """Is told how the work goes; must not raise."""

    def began(self, step: Step, number: int, total: int) -> None:
        """A step begins; numbers start at 1."""

    def progressed(self, share: float) -> None:
        """The share (0..1) of the step that is done."""

    def ended(self, step: Step, *, reused: bool) -> None:
        """The step is done, or its kept result is used."""


@dataclass(frozen=True, slots=True)
class Done:
    """A step, what it saw, and whether that was kept before."""

    step: Step
    seen: Seen
    reused: bool


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
    that are done and raises; the next assessment uses them.

    Raises:
        Interrupted: somebody pressed Ctrl-C.
        DiskFull: the log has no room; nothing of this assessment was kept.
        AssayError: a step failed.
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
    index = keep(parts, done, plan, depth=depth, seed=seed, outcome="finished", checks=checks)
    assessment = reopen(parts.log, index)
    _report_violations(parts, assessment)
    return assessment


def observe(parts: Parts, plan: Plan, listener: Listener) -> Iterator[Done]:
    """What each step saw, in order."""
    labels: dict[str, Facts] = {}
    for number, step in enumerate(plan.steps, 1):
        listener.began(step, number, len(plan.steps))
        seen = _kept_before(parts, step)
        reused = seen is not None
        if seen is None:
            seen = step.look(Moment(parts.clock(), labels, listener.progressed))
        for observation in seen.observations:
            if observation.kind == "classification_labels" and observation.measured:
                labels[observation.target.name] = _with_level(parts, observation)
        listener.ended(step, reused=reused)
        yield Done(step, seen, reused)


def keep(
    parts: Parts,
    done: Sequence[Done],
    plan: Plan,
    *,
    depth: Depth,
    seed: int,
    outcome: str,
    checks: Sequence[str] | None,
) -> int:
    """Put everything that was seen into the log in one durable batch; the closing entry's index.

    Raises:
        DiskFull, LogError: nothing of it was kept.
    """
    now = parts.clock()
    assessment_id = str(uuid.uuid4())
    base = parts.log.size
    events: list[Event] = []
    exhibits: list[Exhibit] = []
    listed: list[dict[str, Any]] = []
    kept: list[KeptStep] = []
    for one in done:
        digests = []
        for observation in one.seen.observations:
            evidence = _evidence_exhibit(observation)
            cited = [evidence, *_cited_by(observation, one.seen.exhibits)]
            digests.append(evidence.digest)
            listed.append({"digest": evidence.digest, "index": base + len(events)})
            events.append(_observation_event(parts, observation, cited, reused=one.reused))
            exhibits += cited
            if not one.reused:
                events += _access_events(parts, observation)
        if one.step.key is not None and not one.reused:
            kept.append(KeptStep(one.step.key, now, tuple(digests)))
    detail: Facts = {
        "id": assessment_id,
        "depth": depth.value,
        "seed": seed,
        "outcome": outcome,
        "versions": dict(versions()),
        "unmeasured": list(plan.unmeasured),
        "checks": None if checks is None else list(checks),
        "evidence": listed,
    }
    events.append(
        new_event(
            "assessment",
            occurred_at=now,
            actor=parts.actor,
            action="assess",
            target=_system(parts),
            outcome=outcome,
            client_agent=CLIENT_AGENT,
            detail=detail,
        )
    )
    index = parts.log.append_many(events, exhibits)[-1]
    parts.store.keep_steps(tuple(kept))
    record = AssessmentRecord(assessment_id, now, depth.value, seed, outcome, index)
    parts.store.add_assessment(record)
    return index


def reopen(log: SqliteLogReader, index: int) -> Assessment:
    """The assessment that the entry `index` closes, weighed again from what the log keeps.

    Raises:
        LogError: the entry is no assessment, or evidence is missing.
        LogDamaged: evidence does not have its digest.
    """
    event = event_of(log.entry(index))
    if event.type != "assessment":
        raise LogError(f"Entry {index} is not an assessment.")
    detail: Any = event.detail
    evidence = tuple(
        Evidence(
            row["digest"], observation_from_bytes(log.cited_bytes(row["digest"])), row["index"]
        )
        for row in detail["evidence"]
    )
    checkpoint = log.checkpoint_covering(index)
    if checkpoint is None:
        raise LogDamaged(
            f"No checkpoint covers entry {index}.", next_step="Run `assay log verify`."
        )
    run = Run(
        id=detail["id"],
        as_of=event.occurred_at,
        depth=detail["depth"],
        seed=detail["seed"],
        outcome=detail["outcome"],
        versions=detail["versions"],
        unmeasured=tuple(detail["unmeasured"]),
        checks=None if detail["checks"] is None else frozenset(detail["checks"]),
        verifier_key=str(log.verifier),
    )
    return weigh(run, evidence, _exhibits(log, evidence), checkpoint)


def latest(log: SqliteLogReader) -> int:
    """The index of the entry that closes the newest finished assessment by all checks.

    Raises:
        LogError: there is none.
    """
    for index, data in log.query(EventQuery(type="assessment", limit=1_000)):
        event = event_of(data)
        if event.outcome == "finished" and event.detail["checks"] is None:
            return index
    raise LogError("No assessment is in the log yet.", next_step="Run `assay assess`.")


def _begin(parts: Parts) -> None:
    """So that the log exists, and has a checkpoint, before anything looks at it."""
    parts.log.append(
        new_event(
            "assessment",
            occurred_at=parts.clock(),
            actor=parts.actor,
            action="begin",
            target=_system(parts),
            outcome="begun",
            client_agent=CLIENT_AGENT,
        )
    )


def _kept_before(parts: Parts, step: Step) -> Seen | None:
    """What the step saw when it was taken before, read back from the log by its digests.

    Evidence that is gone or damaged is no reason to stop: the step is taken again.
    """
    kept = parts.store.kept_step(step.key) if step.key is not None else None
    if kept is None:
        return None
    try:
        observations = tuple(
            observation_from_bytes(parts.log.cited_bytes(d)) for d in kept.evidence
        )
        exhibits = [
            Exhibit(d, parts.log.media_type(d), parts.log.cited_bytes(d))
            for observation in observations
            for d in _shown(observation)
        ]
    except LogError:
        return None
    return Seen(observations, tuple(exhibits))


def _with_level(parts: Parts, observation: Observation) -> Facts:
    declared = parts.settings.datasets[observation.target.name].level
    level = effective_level(declared, observation.facts)
    return {**observation.facts, "level": None if level is None else level.word}


def _evidence_exhibit(observation: Observation) -> Exhibit:
    data = canonical_bytes(observation)
    return Exhibit(digest(data), OBSERVATION_TYPE, data)


def _cited_by(observation: Observation, exhibits: Sequence[Exhibit]) -> list[Exhibit]:
    shown = set(_shown(observation))
    return [exhibit for exhibit in exhibits if exhibit.digest in shown]


def _shown(observation: Observation) -> list[str]:
    """The digests of the pictures that an observation shows, each once."""
    shown: Any = observation.facts.get("shown", [])
    return list(dict.fromkeys(d for row in shown for d in (row["original"], row["adversarial"])))


def _exhibits(log: SqliteLogReader, evidence: Sequence[Evidence]) -> tuple[Exhibit, ...]:
    wanted = dict.fromkeys(d for e in evidence for d in _shown(e.observation))
    return tuple(Exhibit(d, log.media_type(d), log.cited_bytes(d)) for d in wanted)


def _observation_event(
    parts: Parts, observation: Observation, cited: Sequence[Exhibit], *, reused: bool
) -> Event:
    return new_event(
        "observation",
        occurred_at=observation.observed_at,
        actor=parts.actor,
        action=f"observe {observation.kind}",
        target=observation.target,
        outcome="measured" if observation.measured else "not measured",
        client_agent=CLIENT_AGENT,
        detail={
            "source": observation.source,
            "reused": reused,
            "cites": [citation(exhibit) for exhibit in cited],
        },
    )


def _access_events(parts: Parts, observation: Observation) -> list[Event]:
    """That data were read, or a model was asked, and how often: every access is accounted for."""
    reads = {"classification_labels", "retention_scan", "lawful_basis_register"}
    if observation.kind in reads and observation.target.digest:
        type_, action = "data_access", f"read all rows: {observation.kind}"
        detail: Mapping[str, Any] = {"rows": observation.facts.get("rows")}
    elif observation.kind == "robustness_run" and observation.measured:
        type_, action = "model_access", f"test: {observation.facts['member']}"
        detail = {"budget": observation.facts["budget"]}
    else:
        return []
    return [
        new_event(
            type_,
            occurred_at=observation.observed_at,
            actor=parts.actor,
            action=action,
            target=observation.target,
            client_agent=CLIENT_AGENT,
            detail=detail,
        )
    ]


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
            client_agent=CLIENT_AGENT,
            detail={"assessment": assessment.id, "evidence": list(finding.evidence)},
        )
        for finding in assessment.findings
        if finding.status is Status.FAIL
    ]
    if events:
        parts.log.append_many(events)


def _system(parts: Parts) -> Target:
    return Target(TargetKind.SYSTEM, parts.settings.organisation.name)
