"""The ball of the maximum norm is exact, whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import BadInput
from assay.models.attacks._linf import ball, distance
from assay.models.interface import InputDomain, InputKind

finite = st.floats(-1e6, 1e6, width=32)


@given(
    ends=st.tuples(finite, finite),
    share=st.floats(0, 1),
    epsilon=st.floats(0, 1),
)
def test_ends_are_inside_for_every_way_to_compute_it(
    ends: tuple[float, float], share: float, epsilon: float
) -> None:
    low, high = (np.float32(end) for end in sorted(ends))
    domain = InputDomain(InputKind.TABULAR, (float(low),), (float(high),))
    x = np.clip(np.array([[low + share * (high - low)]], np.float32), low, high)
    radius = epsilon * (float(high) - float(low))

    around = ball(domain, x, epsilon)

    for end in (around.low, around.high):
        assert low <= end <= high
        assert abs(float(end[0, 0]) - float(x[0, 0])) <= radius
        assert np.abs(end - x) <= radius
    assert around.low <= x <= around.high


def test_constant_feature_has_no_room() -> None:
    domain = InputDomain(InputKind.TABULAR, (0.0, 5.0), (1.0, 5.0))
    x = np.array([[0.5, 5.0]], np.float32)

    around = ball(domain, x, 1.0)

    assert around.low.tolist() == [[0.0, 5.0]]
    assert around.high.tolist() == [[1.0, 5.0]]


def test_distance_is_in_units_of_the_domain() -> None:
    domain = InputDomain(InputKind.TABULAR, (0.0, 0.0, 3.0), (1.0, 100.0, 3.0))
    x = np.array([[0.5, 50.0, 3.0], [0.5, 50.0, 3.0]], np.float32)
    moved = np.array([[0.5, 75.0, 3.0], [0.25, 50.0, 3.0]], np.float32)

    assert distance(domain, x, moved).tolist() == [0.25, 0.25]


def test_wrong_number_of_bounds_is_refused() -> None:
    domain = InputDomain(InputKind.TABULAR, (0.0, 0.0), (1.0, 1.0))
    with pytest.raises(BadInput, match="2 lower and 2 upper bounds"):
        ball(domain, np.zeros((1, 3), np.float32), 0.1)


def test_lower_bound_above_upper_is_refused() -> None:
    domain = InputDomain(InputKind.TABULAR, (2.0,), (1.0,))
    with pytest.raises(BadInput, match="lower bound above"):
        ball(domain, np.zeros((1, 3), np.float32), 0.1)
