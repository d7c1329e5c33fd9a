"""The laws of every attack, over every model that it fits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from assay import plugins
from assay.errors import BadInput, BadTestData
from assay.models.domain import bounds
from assay.models.interface import (
    Attack,
    AttackResult,
    InputKind,
    Model,
    Needs,
    gives_gradients,
)
from assay.vocabulary import Depth
from tests.models.conftest import Case

MEMBERS = plugins.available("attacks")
EPSILON = 0.1


CASES = {
    "images": (InputKind.IMAGE, Needs.GRADIENTS),
    "rows": (InputKind.TABULAR, Needs.SCORES),
    "row_network": (InputKind.TABULAR, Needs.GRADIENTS),
}
"""What each model is fed with, and the most that it can be asked for."""

PAIRS = [
    (member, name)
    for member in MEMBERS
    for name, (kind, gives) in CASES.items()
    if kind in member.value.inputs and member.value.needs in (Needs.SCORES, gives)
]


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0].name}-{pair[1]}")
def pair(request: pytest.FixtureRequest) -> tuple[Any, Case]:
    member, name = request.param
    return member.value, request.getfixturevalue(name)


@pytest.fixture
def member(pair: tuple[Any, Case]) -> Any:
    return pair[0]


@pytest.fixture
def case(pair: tuple[Any, Case]) -> Case:
    return pair[1]


def run(attack: Attack, case: Case, seed: int = 5, model: Model | None = None) -> AttackResult:
    return attack.run(
        model or case.model,
        case.data.x,
        case.data.y,
        rng=np.random.default_rng(seed),
        progress=lambda _: None,
    )


def test_there_are_the_three_first_attacks() -> None:
    assert {"fgsm", "pgd", "square"} <= {member.name for member in MEMBERS}


@pytest.mark.parametrize("epsilon", [0.031, 0.1, 0.3])
def test_stays_inside_the_ball_and_the_domain_to_the_last_bit(
    member: Any, case: Case, epsilon: float
) -> None:
    x = case.data.x
    result = run(member.at(Depth.QUICK, epsilon), case)
    lower, upper = bounds(case.model.domain, x)
    radius = epsilon * (upper.astype(np.float64) - lower)

    assert result.adversarial.dtype == np.float32
    assert (result.adversarial >= lower).all()
    assert (result.adversarial <= upper).all()
    assert (np.abs(result.adversarial.astype(np.float64) - x) <= radius).all()
    assert (np.abs(result.adversarial - x) <= radius).all()
    assert (result.distance <= epsilon).all()


def test_broken_is_what_the_model_gets_wrong(member: Any, case: Case) -> None:
    result = run(member.at(Depth.QUICK, EPSILON), case)

    wrong = case.model.predict(result.adversarial).argmax(axis=1) != case.data.y

    assert (wrong == result.broken).all()
    assert result.broken.any()


def test_epsilon_zero_equals_clean(member: Any, case: Case) -> None:
    result = run(member.at(Depth.QUICK, 0.0), case)

    wrong = case.model.predict(case.data.x).argmax(axis=1) != case.data.y

    assert (result.adversarial == case.data.x).all()
    assert (result.broken == wrong).all()
    assert (result.distance == 0).all()


def test_same_seed_gives_the_same_result(member: Any, case: Case) -> None:
    first, second = (run(member.at(Depth.QUICK, EPSILON), case, seed=3) for _ in range(2))

    assert (first.adversarial == second.adversarial).all()
    assert (first.broken == second.broken).all()
    assert (first.forwards == second.forwards).all()


def test_global_randomness_is_left_alone(member: Any, case: Case) -> None:
    np.random.seed(1)
    before = np.random.get_state()[1].copy()

    run(member.at(Depth.QUICK, EPSILON), case)

    assert (before == np.random.get_state()[1]).all()


def test_wrong_examples_cost_one_look(member: Any, case: Case) -> None:
    wrong = case.model.predict(case.data.x).argmax(axis=1) != case.data.y
    result = run(member.at(Depth.QUICK, EPSILON), case)

    assert wrong.any()
    assert result.broken[wrong].all()
    assert (result.forwards[wrong] == 1).all()
    assert (result.gradients[wrong] == 0).all()
    assert (result.adversarial[wrong] == case.data.x[wrong]).all()


def test_counts_equal_what_the_model_saw(member: Any, case: Case) -> None:
    with watched(case.model) as seen:
        result = run(member.at(Depth.QUICK, EPSILON), case, model=seen.model)

    assert seen.forwards == result.forwards.sum() + result.gradients.sum()
    assert seen.backwards == result.gradients.sum()


@pytest.mark.parametrize("epsilon", [0.0, EPSILON])
def test_costs_no_more_than_its_limit(member: Any, case: Case, epsilon: float) -> None:
    attack = member.at(Depth.QUICK, epsilon)
    result = run(attack, case)

    assert result.forwards.max() <= attack.limit.forwards
    assert result.gradients.max() <= attack.limit.gradients


def test_examples_are_not_changed(member: Any, case: Case) -> None:
    before = case.data.x.copy()

    run(member.at(Depth.QUICK, EPSILON), case)

    assert (before == case.data.x).all()


def test_progress_rises_to_one(member: Any, case: Case) -> None:
    told: list[float] = []

    member.at(Depth.QUICK, EPSILON).run(
        case.model,
        case.data.x,
        case.data.y,
        rng=np.random.default_rng(0),
        progress=told.append,
    )

    assert told == sorted(told)
    assert told[-1] == 1.0


def test_every_depth_says_its_epsilon(member: Any) -> None:
    for depth in Depth:
        attack = member.at(depth, EPSILON)
        assert attack.parameters["epsilon"] == EPSILON


@pytest.mark.parametrize("epsilon", [-0.1, 1.5, float("nan")])
def test_epsilon_outside_zero_to_one_is_refused(member: Any, case: Case, epsilon: float) -> None:
    with pytest.raises(BadInput, match="Epsilon"):
        run(member.at(Depth.QUICK, epsilon), case)


def test_float64_examples_are_refused(member: Any, case: Case) -> None:
    attack = member.at(Depth.QUICK, EPSILON)
    rng = np.random.default_rng(0)
    x: Any = case.data.x.astype(np.float64)
    with pytest.raises(BadTestData, match="float64"):
        attack.run(case.model, x, case.data.y, rng=rng, progress=lambda _: None)


def test_labels_of_the_wrong_type_are_refused(member: Any, case: Case) -> None:
    attack = member.at(Depth.QUICK, EPSILON)
    rng = np.random.default_rng(0)
    y: Any = case.data.y.astype(np.float32)
    with pytest.raises(BadTestData, match="Labels are float32"):
        attack.run(case.model, case.data.x, y, rng=rng, progress=lambda _: None)


def test_examples_outside_the_domain_are_refused(member: Any, case: Case) -> None:
    attack = member.at(Depth.QUICK, EPSILON)
    _, upper = bounds(case.model.domain, case.data.x)
    x = case.data.x + upper
    rng = np.random.default_rng(0)
    with pytest.raises(BadTestData, match="outside"):
        attack.run(case.model, x, case.data.y, rng=rng, progress=lambda _: None)


@pytest.mark.parametrize(
    "attack",
    [member for member in MEMBERS if member.value.needs is Needs.GRADIENTS],
    ids=lambda member: member.name,
)
def test_gradient_attacks_refuse_models_without_gradients(
    attack: plugins.Member, rows: Case
) -> None:
    with pytest.raises(BadInput, match="only scores"):
        run(attack.value.at(Depth.QUICK, EPSILON), rows)


class Watched:
    """What a model saw, counted by somebody other than the attack."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.forwards = 0
        self.backwards = 0


class WatchedScores:
    """A model that counts the examples it scores."""

    def __init__(self, seen: Watched) -> None:
        self._seen = seen
        self._model = seen.model
        self.target = seen.model.target
        self.domain = seen.model.domain

    def predict(self, batch: Any) -> Any:
        self._seen.forwards += len(batch)
        return self._model.predict(batch)


@contextmanager
def watched(model: Model) -> Iterator[Watched]:
    seen = Watched(model)
    if not gives_gradients(model):
        seen.model = WatchedScores(seen)
        yield seen
        return

    def forward(_module: Any, inputs: Any, _output: Any) -> None:
        seen.forwards += len(inputs[0])

    def backward(_module: Any, _inputs: Any, outputs: Any) -> None:
        seen.backwards += len(outputs[0])

    hooks = [
        model.network.register_forward_hook(forward),
        model.network.register_full_backward_hook(backward),
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
