"""Runs one attack or corruption against a model and reports what survived.

Rules, whatever the member:

1. An example that the model gets wrong to begin with counts as broken, and is asked no more.
2. An example counts as broken only when the model's own `predict` gets the changed example wrong.
3. Attacks run over increasing epsilon. What broke at a smaller epsilon stays broken at a larger
   one, where the example that was found is inside too; robust accuracy never rises with epsilon.
4. Corruptions are no search, so that each amount stands for itself: a model may withstand a
   rotation by 45 degrees and not one by 30.
5. Every random number comes from the seed and the member's name, so that a member's result does
   not depend on which others run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib import metadata
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from assay import plugins
from assay.errors import BadInput
from assay.models.clean import look
from assay.models.domain import from_units, to_units
from assay.models.interface import (
    Attack,
    AttackMember,
    CorruptionMember,
    Model,
    Needs,
    Progress,
    gives_gradients,
)
from assay.models.robustness import KIND
from assay.models.trial import Trial, measured, show
from assay.vocabulary import Depth, Exhibit, Facts, Json, Method, Observation

if TYPE_CHECKING:
    from assay.models.examples import TestData

SOURCE_VERSION = 1

_VERSIONS_OF = ("numpy", "scipy", "torch", "scikit-learn", "onnxruntime", "pillow")
_ANY_EPSILON = 0.1


def members_for(model: Model, depth: Depth) -> list[plugins.Member]:
    """The attacks and corruptions that fit the model and that this depth runs, by name.

    Attacks that need gradients fit only models that give them.
    """
    kind = model.domain.kind
    attacks = [
        member
        for member in plugins.available("attacks")
        if kind in member.value.inputs
        and (member.value.needs is Needs.SCORES or gives_gradients(model))
        and member.value.at(depth, _ANY_EPSILON) is not None
    ]
    corruptions = [
        member
        for member in plugins.available("corruptions")
        if kind in member.value.inputs and member.value.amounts[depth]
    ]
    return [*attacks, *corruptions]


def examine(
    model: Model,
    data: TestData,
    member: plugins.Member,
    *,
    planned: Sequence[plugins.Member],
    depth: Depth,
    epsilons: Sequence[float],
    declared_epsilon: float,
    seed: int,
    now: datetime,
    show_examples: bool,
    progress: Progress,
) -> tuple[Observation, tuple[Exhibit, ...]]:
    """What one member did to the model, and pictures of up to six broken examples.

    An attack runs at each of `epsilons` and at the declared one, a corruption at its own amounts.
    `planned` is everything that is tried on the model in this assessment: each run names it, so that a
    run that is missing later is noticed. Only `show_examples` puts pictures of the data into the
    evidence.

    Raises:
        BadTestData: the examples do not fit the model.
        BadInput: an epsilon is not between 0 and 1, or this depth does not run the member.
        MissingExtra: the member's library is not installed.
    """
    clean = look(model, data)
    rng = np.random.default_rng([seed, crc32(member.name.encode())])
    value = member.use()
    trial = Trial(model, data, clean)
    if isinstance(value, CorruptionMember):
        amounts = _corruption_amounts(value, model, depth)
        _corrupt(trial, value, amounts, rng, progress)
        about = _about_corruption(value, model)
    else:
        attacks = _attacks(member, depth, [*epsilons, declared_epsilon])
        _attack(trial, attacks, rng, progress)
        about = _about_attack(value, attacks[declared_epsilon], declared_epsilon)
    shown, exhibits = show(trial) if show_examples else ([], ())
    facts: dict[str, Json] = {
        "member": member.name,
        **about,
        "planned": names_by_family(planned),
        "input": model.domain.kind.value,
        "depth": depth.value,
        "seed": seed,
        **measured(trial),
        "shown": shown,
        "versions": _versions(),
        "threads": _threads(model),
    }
    observation = Observation(
        kind=KIND,
        source=f"models.{member.name}",
        source_version=SOURCE_VERSION,
        method=Method.TEST,
        target=model.target,
        facts=facts,
        observed_at=now,
    )
    return observation, exhibits


def names_by_family(members: Sequence[plugins.Member]) -> dict[str, list[Json]]:
    """The names of attacks and of corruptions, each in order."""
    corruptions = {one.name for one in members if isinstance(one.value, CorruptionMember)}
    names = sorted(one.name for one in members)
    return {
        "attacks": [name for name in names if name not in corruptions],
        "corruptions": [name for name in names if name in corruptions],
    }


def _attacks(
    member: plugins.Member, depth: Depth, epsilons: Sequence[float]
) -> dict[float, Attack]:
    """The attack at each epsilon, smallest first."""
    attacks: dict[float, Attack] = {}
    for epsilon in sorted(set(epsilons)):
        attack = member.use().at(depth, epsilon)
        if attack is None:
            raise BadInput(
                f"{member.name} does not run at depth {depth.value} with epsilon {epsilon:g}.",
                next_step="Leave it out, or choose another depth.",
            )
        attacks[epsilon] = attack
    return attacks


def _attack(
    trial: Trial, attacks: dict[float, Attack], rng: np.random.Generator, progress: Progress
) -> None:
    standing = trial.clean.right.copy()
    for done, (epsilon, attack) in enumerate(attacks.items()):
        rows = np.flatnonzero(standing)
        if len(rows):
            x, y = trial.data.x[rows], trial.data.y[rows]
            part = _part(progress, done, len(attacks))
            result = attack.run(trial.model, x, y, rng=rng, progress=part)
            trial.meter.forwards[rows] += result.forwards
            trial.meter.gradients[rows] += result.gradients
            claimed = rows[result.broken]
            broken = trial.confirm(claimed, result.adversarial[result.broken], epsilon)
            standing[claimed[broken]] = False
        trial.survivors[epsilon] = standing.copy()
        progress((done + 1) / len(attacks))


def _corruption_amounts(member: CorruptionMember, model: Model, depth: Depth) -> list[float]:
    declared = member.declared.get(model.domain.kind)
    return sorted({*member.amounts[depth], *([] if declared is None else [declared])})


def _corrupt(
    trial: Trial,
    member: CorruptionMember,
    amounts: Sequence[float],
    rng: np.random.Generator,
    progress: Progress,
) -> None:
    domain = trial.model.domain
    rows = np.flatnonzero(trial.clean.right)
    units = to_units(domain, trial.data.x[rows])
    for done, amount in enumerate(amounts):
        changed = from_units(domain, member.apply(units, amount, rng))
        survivors = trial.clean.right.copy()
        survivors[rows] = ~trial.confirm(rows, changed, amount)
        trial.survivors[amount] = survivors
        progress((done + 1) / len(amounts))


def _about_attack(member: AttackMember, attack: Attack, declared: float) -> Facts:
    parameters = {name: value for name, value in attack.parameters.items() if name != "epsilon"}
    return {
        "family": "attack",
        "needs": member.needs.value,
        "norm": member.norm,
        "unit": "epsilon",
        "parameters": parameters,
        "declared": declared,
    }


def _about_corruption(member: CorruptionMember, model: Model) -> Facts:
    return {
        "family": "corruption",
        "needs": Needs.SCORES.value,
        "norm": "",
        "unit": member.unit,
        "parameters": {},
        "declared": member.declared.get(model.domain.kind),
    }


def _versions() -> Facts:
    return {name: metadata.version(name) for name in _VERSIONS_OF if _installed(name)}


def _installed(name: str) -> bool:
    return next(iter(metadata.distributions(name=name)), None) is not None


def _threads(model: Model) -> int | None:
    """How many threads torch sums with, which can change the last bit; None without torch."""
    if not gives_gradients(model):
        return None
    import torch

    return torch.get_num_threads()


def _part(progress: Progress, done: int, parts: int) -> Progress:
    return lambda share: progress((done + share) / parts)
