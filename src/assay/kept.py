"""What an assessment leaves in the log and the records, and how it is read from there again.

`keep` writes every observation, its exhibits and a closing entry in one durable batch; the closing
entry cites an inventory of the evidence. That is all that `weigh` reads, so that `reopen` gives the
same assessment from the log alone.

Ids of events come from the log's origin, the index and the instant, so that the same work under the
same clock and keys gives the same log, byte for byte.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from assay.audit_log.caller import from_client
from assay.audit_log.entry import citation, event_of, new_event
from assay.audit_log.interface import EventQuery, LogReader
from assay.canonical import canonical_bytes, digest, instant, observation_from_bytes
from assay.errors import LogDamaged, LogError
from assay.parts import Parts
from assay.step import Seen, Step
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
    Target,
    TargetKind,
)
from assay.weigh import Run, weigh

OBSERVATION_TYPE = "application/vnd.assay.observation+json"
INVENTORY_TYPE = "application/vnd.assay.inventory+json"
"""The evidence of an assessment, listed; cited, since an entry holds few digests."""
_READS = frozenset(
    {
        "classification_labels",
        "lawful_basis_register",
        "retention_scan",
        "storage_byte_inspection",
    }
)
"""Kinds of observation for which a dataset, and what is declared beside it, was read."""
_FIND_ONE = "`assay log query --type assessment` shows those that do."


@dataclass(frozen=True, slots=True)
class Done:
    """A step, what it saw, and whether that was kept before."""

    step: Step
    seen: Seen
    reused: bool


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
    base = parts.log.size
    events: list[Event] = []
    exhibits: list[Exhibit] = []
    listed: list[dict[str, Any]] = []
    kept: list[KeptStep] = []
    for one in done:
        entries = []
        for part, observation in enumerate(one.seen.observations):
            evidence = _evidence_exhibit(observation)
            cited = [evidence, *_cited_by(observation, one.seen.exhibits)]
            entries.append(base + len(events))
            listed.append({"digest": evidence.digest, "index": base + len(events)})
            events.append(_observation_event(parts, one, part, cited))
            exhibits += cited
            if not one.reused:
                events += _access_events(parts, observation)
        if one.step.key is not None and not one.reused:
            kept.append(KeptStep(one.step.key, now, tuple(entries)))
    inventory = canonical_bytes({"evidence": listed, "unmeasured": plan.unmeasured})
    exhibits.append(Exhibit(digest(inventory), INVENTORY_TYPE, inventory))
    assessment_id = _event_id(parts, base + len(events), now)
    detail: Facts = {
        "id": assessment_id,
        "depth": depth.value,
        "seed": seed,
        "outcome": outcome,
        "versions": dict(versions()),
        "checks": None if checks is None else list(checks),
        "cites": [citation(exhibits[-1])],
    }
    events.append(_closing_event(parts, now, outcome, detail))
    index = parts.log.keep(numbered(parts, base, events), exhibits)[-1]
    parts.store.keep_steps(tuple(kept))
    record = AssessmentRecord(assessment_id, now, depth.value, seed, outcome, index)
    parts.store.add_assessment(record)
    return index


def reopen(log: LogReader, index: int) -> Assessment:
    """The assessment that the entry `index` closes, weighed again from what the log keeps.

    Raises:
        LogError: the entry is no assessment, or evidence is missing.
        LogDamaged: evidence does not have its digest.
    """
    event = event_of(log.entry(index))
    if event.type != "assessment" or not event.detail.get("cites"):
        raise LogError(f"Entry {index} does not close an assessment.", next_step=_FIND_ONE)
    detail: Any = event.detail
    inventory = json.loads(log.cited_bytes(detail["cites"][0]["digest"]))
    evidence = tuple(
        Evidence(
            row["digest"], observation_from_bytes(log.cited_bytes(row["digest"])), row["index"]
        )
        for row in inventory["evidence"]
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
        unmeasured=tuple(inventory["unmeasured"]),
        checks=None if detail["checks"] is None else frozenset(detail["checks"]),
        verifier_key=str(log.verifier),
    )
    return weigh(run, evidence, _exhibits(log, evidence), checkpoint)


def latest(log: LogReader) -> int:
    """The index of the entry that closes the newest finished assessment by all checks.

    Raises:
        LogError: there is none.
    """
    for index, data in log.query(EventQuery(type="assessment", limit=1_000)):
        event = event_of(data)
        whole = event.detail.get("cites") and event.detail.get("checks") is None
        if event.outcome == "finished" and whole:
            return index
    raise LogError("No assessment is in the log yet.", next_step="Run `assay assess`.")


def kept_before(parts: Parts, step: Step) -> Seen | None:
    """What the step saw when it was taken before, read back from the log.

    The records only say where to look: every entry must itself name the step's key and how many
    parts it had, so that an edited record leads to another look and never to other evidence. The
    step is taken again, too, when evidence is gone, damaged or past its expiry.
    """
    kept = parts.store.kept_step(step.key) if step.key is not None else None
    if kept is None or not kept.entries:
        return None
    try:
        seen = _read_back(parts.log.reader, step, kept)
    except LogError:
        return None
    now = parts.clock()
    if seen is None or any(o.expires_at is None or o.expires_at <= now for o in seen.observations):
        return None
    return seen


def _read_back(log: LogReader, step: Step, kept: KeptStep) -> Seen | None:
    observations: list[Observation] = []
    for part, index in enumerate(kept.entries):
        event = event_of(log.entry(index))
        said = (event.type, event.detail.get("step"), event.detail.get("part"))
        if said != ("observation", step.key, [part, len(kept.entries)]):
            return None
        cites: Any = event.detail["cites"]
        observation = observation_from_bytes(log.cited_bytes(cites[0]["digest"]))
        if observation.target != step.target:
            return None
        observations.append(observation)
    shown = [d for observation in observations for d in _shown(observation)]
    exhibits = tuple(Exhibit(d, log.media_type(d), log.cited_bytes(d)) for d in shown)
    return Seen(tuple(observations), exhibits)


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


def _exhibits(log: LogReader, evidence: Sequence[Evidence]) -> tuple[Exhibit, ...]:
    wanted = dict.fromkeys(d for e in evidence for d in _shown(e.observation))
    return tuple(Exhibit(d, log.media_type(d), log.cited_bytes(d)) for d in wanted)


def _closing_event(parts: Parts, now: datetime, outcome: str, detail: Facts) -> Event:
    return new_event(
        "assessment",
        occurred_at=now,
        actor=parts.actor,
        action="assess",
        target=system(parts),
        outcome=outcome,
        detail=detail,
    )


def _observation_event(parts: Parts, one: Done, part: int, cited: Sequence[Exhibit]) -> Event:
    observation = one.seen.observations[part]
    return new_event(
        "observation",
        occurred_at=observation.observed_at,
        actor=parts.actor,
        action=f"observe {observation.kind}",
        target=observation.target,
        outcome="measured" if observation.measured else "not measured",
        detail={
            "source": observation.source,
            "reused": one.reused,
            "step": one.step.key,
            "part": [part, len(one.seen.observations)],
            "cites": [citation(exhibit) for exhibit in cited],
        },
    )


def _access_events(parts: Parts, observation: Observation) -> list[Event]:
    """That data were read, or a model was asked, and how often: every access is accounted for."""
    if observation.kind in _READS and observation.target.digest:
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
            detail=detail,
        )
    ]


def numbered(parts: Parts, first: int, events: Sequence[Event]) -> list[Event]:
    """The events with the ids of their places in the log, and with who called."""
    return [
        replace(from_client(e), id=_event_id(parts, index, e.occurred_at))
        for index, e in enumerate(events, first)
    ]


def _event_id(parts: Parts, index: int, at: datetime) -> str:
    """A UUID (RFC 9562, version 5) that no other entry of any log has."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{parts.log.signer.verifier}/{index}/{instant(at)}"))


def system(parts: Parts) -> Target:
    """The system as a whole, which carries the organisation's name."""
    return Target(TargetKind.SYSTEM, parts.settings.organisation.name)
