"""The laws of every corruption."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay import plugins
from assay.models.interface import CorruptionMember, InputKind
from assay.vocabulary import Depth

MEMBERS = plugins.available("corruptions")
SHAPES = {InputKind.IMAGE: (12, 3, 8, 10), InputKind.TABULAR: (12, 5)}


@pytest.fixture(
    params=[(m.value, kind) for m in MEMBERS for kind in sorted(m.value.inputs)],
    ids=[f"{m.name}-{kind}" for m in MEMBERS for kind in sorted(m.value.inputs)],
)
def pair(request: pytest.FixtureRequest) -> Any:
    return request.param


def examples(kind: InputKind) -> np.ndarray:
    return np.random.default_rng(0).random(SHAPES[kind], dtype=np.float32)


def all_amounts(member: CorruptionMember) -> list[float]:
    return sorted({amount for amounts in member.amounts.values() for amount in amounts})


def test_there_are_the_two_first_corruptions() -> None:
    assert {"noise", "rotation"} <= {member.name for member in MEMBERS}


def test_stays_in_the_unit_domain(pair: tuple[CorruptionMember, InputKind]) -> None:
    member, kind = pair
    x = examples(kind)
    for amount in all_amounts(member):
        changed = member.apply(x, amount, np.random.default_rng(1))
        assert changed.shape == x.shape
        assert changed.dtype == np.float32
        assert changed.min() >= 0
        assert changed.max() <= 1
        assert (changed != x).any()


def test_amount_zero_changes_nothing(pair: tuple[CorruptionMember, InputKind]) -> None:
    member, kind = pair
    x = examples(kind)

    assert np.allclose(member.apply(x, 0.0, np.random.default_rng(1)), x, atol=1e-6)


def test_same_seed_gives_the_same(pair: tuple[CorruptionMember, InputKind]) -> None:
    member, kind = pair
    first, second = (
        member.apply(examples(kind), all_amounts(member)[-1], np.random.default_rng(4))
        for _ in range(2)
    )

    assert (first == second).all()


def test_examples_are_not_changed(pair: tuple[CorruptionMember, InputKind]) -> None:
    member, kind = pair
    x = examples(kind)

    member.apply(x, all_amounts(member)[-1], np.random.default_rng(1))

    assert (x == examples(kind)).all()


def test_larger_amounts_change_more(pair: tuple[CorruptionMember, InputKind]) -> None:
    member, kind = pair
    x = examples(kind)
    amounts = all_amounts(member)
    least, most = (
        np.abs(member.apply(x, amount, np.random.default_rng(1)) - x).mean()
        for amount in (amounts[0], amounts[-1])
    )

    assert least < most


def test_every_depth_and_input_is_provided_for(pair: tuple[CorruptionMember, InputKind]) -> None:
    member, kind = pair

    assert set(member.amounts) == set(Depth)
    assert member.declared[kind] > 0


def test_rotation_turns_to_either_side() -> None:
    rotation = next(member.value for member in MEMBERS if member.name == "rotation")
    x = np.zeros((40, 1, 9, 9), np.float32)
    x[:, :, 0, 4] = 1

    turned = rotation.apply(x, 45.0, np.random.default_rng(1))

    left = turned[:, 0, :, :4].sum(axis=(1, 2))
    right = turned[:, 0, :, 5:].sum(axis=(1, 2))
    assert (left > right).any()
    assert (left < right).any()


def test_no_examples_are_no_trouble(pair: tuple[CorruptionMember, InputKind]) -> None:
    member, kind = pair

    assert len(member.apply(examples(kind)[:0], 0.1, np.random.default_rng(1))) == 0
