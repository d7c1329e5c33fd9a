"""What the robustness runs of a model add up to. Pure: evidence in, values out.

A run's evidence holds one bit for each example, whether it survived, so that the worst case over
all attacks and corruptions is counted example by example and without the data. Runs on different
examples are never mixed: the newest run decides which examples count.

Each run names every attack and corruption that was planned with it. Where one of them has no run, the
worst case over the others would be too kind, so that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.intervals import wilson
from assay.vocabulary import Curve, CurvePoint, Evidence, Proportion, Robustness, Target

KIND = "robustness_run"


def summarise(model: Target, observations: Sequence[Evidence]) -> Robustness | None:
    """The curves and the worst case of a model; None where no run has measured it.

    Of several runs of one attack or corruption the newest counts. The worst case is taken at the
    declared epsilon of the newest attack, and is None until everything that was planned has run at it.
    """
    runs = _newest_runs(model, observations)
    if not runs:
        return None
    newest = _facts(runs[-1])
    epsilon = _declared_epsilon(runs)
    return Robustness(
        model=model,
        examples=newest["examples"],
        clean=_proportion(newest["clean"]),
        worst_case=None if epsilon is None or _lacks(runs, epsilon) else _worst_case(runs, epsilon),
        worst_case_epsilon=epsilon,
        curves=tuple(sorted((_curve(run) for run in runs), key=lambda c: (c.family, c.member))),
    )


@dataclass(frozen=True, slots=True)
class AttackOutcome:
    """What all attacks together did at one epsilon, example by example."""

    epsilon: float
    correct: int
    """Examples that the model gets right unattacked."""
    broken: int
    """Those of them that some attack broke."""
    robust: Proportion
    """Survivors of all examples, the wrong ones included."""


def attack_outcome(
    model: Target, observations: Sequence[Evidence], epsilon: float | None = None
) -> AttackOutcome | None:
    """The joint outcome of every attack that ran at an epsilon, the declared one unless said.

    None where no attack ran at it, or not every one that was planned. Corruptions have no adversary
    and are left out.
    """
    runs = _newest_runs(model, observations)
    attacks = [_facts(run) for run in runs if _attack(run)]
    if not attacks:
        return None
    at = float(attacks[-1]["declared"]) if epsilon is None else epsilon
    masks = [mask for facts in attacks if (mask := _mask_at(facts, at)) is not None]
    if not masks or _lacks(runs, at, families=("attacks",)):
        return None
    clean = attacks[-1]["clean"]
    surviving = _both(masks).bit_count()
    robust = wilson(surviving, attacks[-1]["examples"])
    return AttackOutcome(at, clean["successes"], clean["successes"] - surviving, robust)


def planning_gaps(model: Target, observations: Sequence[Evidence]) -> tuple[str, ...]:
    """One sentence for each planned attack and corruption that keeps the worst case from being known."""
    runs = _newest_runs(model, observations)
    epsilon = _declared_epsilon(runs)
    if not runs or epsilon is None:
        return ()
    return tuple(f"{model.name}: {what}" for what in _lacks(runs, epsilon))


def masking_warnings(model: Target, observations: Sequence[Evidence]) -> tuple[str, ...]:
    """One sentence for each epsilon at which an attack without gradients broke more examples.

    An attack that sees only scores knows less than one that sees gradients. Where it still breaks
    more than all of those together, the gradients mislead, and the gradient attacks overrate the
    model (Athalye, Carlini, Wagner 2018: Obfuscated Gradients Give a False Sense of Security, ICML,
    arXiv 1802.00420).
    """
    attacks = [_facts(run) for run in _newest_runs(model, observations) if _attack(run)]
    gradient = [facts for facts in attacks if facts["needs"] == "gradients"]
    warnings = []
    for facts in attacks:
        for amount in () if facts["needs"] == "gradients" else _amounts(facts):
            rivals = [mask for other in gradient if (mask := _mask_at(other, amount)) is not None]
            mask = _mask_at(facts, amount)
            if not rivals or mask is None or mask.bit_count() >= _both(rivals).bit_count():
                continue
            warnings.append(
                f"At epsilon {amount:g}, {facts['member']} sees only scores and left "
                f"{mask.bit_count()} of {facts['examples']} examples standing, the gradient "
                f"attacks together {_both(rivals).bit_count()}: the model hides its gradients, and "
                "what the gradient attacks say of it is too kind."
            )
    return tuple(warnings)


def _newest_runs(model: Target, observations: Sequence[Evidence]) -> list[Evidence]:
    """The newest run of each member on the examples of the newest run, oldest first."""
    measured = sorted(
        (
            evidence
            for evidence in observations
            if evidence.observation.kind == KIND
            and evidence.observation.target == model
            and evidence.observation.measured
        ),
        key=lambda evidence: (evidence.observation.observed_at, evidence.log_index),
    )
    if not measured:
        return []
    examples = measured[-1].observation.facts["examples_digest"]
    by_member = {
        evidence.observation.source: evidence
        for evidence in measured
        if evidence.observation.facts["examples_digest"] == examples
    }
    return [evidence for evidence in measured if evidence in by_member.values()]


def _declared_epsilon(runs: Sequence[Evidence]) -> float | None:
    attacks = [_facts(run) for run in runs if _attack(run)]
    return float(attacks[-1]["declared"]) if attacks else None


def _lacks(
    runs: Sequence[Evidence], epsilon: float, families: Sequence[str] = ("attacks", "corruptions")
) -> list[str]:
    """What was planned and has no run, or an attack none at this epsilon; in words.

    The newest run's plan counts: a run that was kept from before has the same one, or it would have
    been taken again.
    """
    plan = _facts(runs[-1]).get("planned")
    if plan is None:
        return ["the evidence does not say what was planned, so that the worst case is UNMEASURED."]
    ran = {
        _facts(run)["member"]
        for run in runs
        if not _attack(run) or _mask_at(_facts(run), epsilon) is not None
    }
    return [
        f"{name} was planned and no run of it is in the evidence, so that the worst case is UNMEASURED."
        for family in families
        for name in plan[family]
        if name not in ran
    ]


def _worst_case(runs: Sequence[Evidence], epsilon: float) -> Proportion:
    declared = [(_facts(run), epsilon if _attack(run) else _facts(run)["declared"]) for run in runs]
    masks = [_mask_at(facts, amount) for facts, amount in declared if amount is not None]
    surviving = _both([mask for mask in masks if mask is not None])
    return wilson(surviving.bit_count(), _facts(runs[-1])["examples"])


def _curve(run: Evidence) -> Curve:
    facts = _facts(run)
    return Curve(
        member=facts["member"],
        family=facts["family"],
        norm=facts["norm"],
        unit=facts["unit"],
        points=tuple(
            CurvePoint(float(point["amount"]), _proportion(point["robust"]))
            for point in facts["points"]
        ),
        forwards_per_example=float(facts["budget"]["forwards_per_example"]),
        gradients_per_example=float(facts["budget"]["gradients_per_example"]),
        seed=facts["seed"],
        parameters=facts["parameters"],
        evidence=run.digest,
    )


def _facts(run: Evidence) -> Mapping[str, Any]:
    return run.observation.facts


def _attack(run: Evidence) -> bool:
    return bool(_facts(run)["family"] == "attack")


def _amounts(facts: Mapping[str, Any]) -> list[float]:
    return [float(point["amount"]) for point in facts["points"]]


def _mask_at(facts: Mapping[str, Any], amount: float) -> int | None:
    """The survivors at an amount as the bits of one number, or None if it was not run there."""
    masks = [point["mask"] for point in facts["points"] if float(point["amount"]) == amount]
    return int(masks[0], 16) if masks else None


def _both(masks: Sequence[int]) -> int:
    """Who survived every one of them."""
    surviving = masks[0]
    for mask in masks[1:]:
        surviving &= mask
    return surviving


def _proportion(fact: Mapping[str, Any]) -> Proportion:
    return Proportion(fact["successes"], fact["trials"], float(fact["low"]), float(fact["high"]))
