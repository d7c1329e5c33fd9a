"""The ball of the maximum norm inside the input domain, exact to the last bit of float32.

The ball is kept as two arrays, the lowest and the highest value of each feature. They are rounded
towards the example, so that projecting is clipping, and what is clipped is inside: for the exact
difference as for the one rounded to float32, whichever a reader computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import BadInput
from assay.models.domain import bounds

if TYPE_CHECKING:
    import numpy.typing as npt

    from assay.models.interface import Floats, InputDomain


@dataclass(frozen=True, slots=True)
class Ball:
    """Every point within epsilon of its example and inside the domain: `low` <= point <= `high`."""

    low: Floats
    high: Floats


def ball(domain: InputDomain, x: Floats, epsilon: float) -> Ball:
    """The balls around the examples `x`, shaped as `x`; epsilon in units of the domain.

    Raises:
        BadInput: epsilon is not between 0 and 1.
    """
    if not 0 <= epsilon <= 1:
        raise BadInput(
            f"Epsilon {epsilon} is not between 0 and 1.",
            next_step="Epsilon is a share of each feature's range.",
        )
    lower, upper = bounds(domain, x)
    radius = _round_down(epsilon * (upper.astype(np.float64) - lower))
    low = np.maximum(_inward(x, -radius), lower)
    high = np.minimum(_inward(x, radius), upper)
    return Ball(low, high)


def distance(domain: InputDomain, x: Floats, moved: Floats) -> npt.NDArray[np.float64]:
    """How far each example moved, in units of the domain (n,)."""
    lower, upper = bounds(domain, x)
    width = upper.astype(np.float64) - lower
    steps = np.abs(moved.astype(np.float64) - x) / np.where(width > 0, width, 1.0)
    farthest: npt.NDArray[np.float64] = steps.reshape(len(x), -1).max(axis=1, initial=0.0)
    return farthest


def _round_down(value: npt.NDArray[np.float64]) -> Floats:
    rounded = value.astype(np.float32)
    return np.where(rounded > value, np.nextafter(rounded, np.float32(0)), rounded)


def _inward(x: Floats, radius: Floats) -> Floats:
    """`x + radius`, one step back towards x where rounding carried it too far."""
    moved = x + radius
    too_far = np.abs(moved.astype(np.float64) - x) > np.abs(radius)
    return np.where(too_far, np.nextafter(moved, x), moved)
