"""Where examples live, as arrays: bounds, units of the domain, and bounds from rows.

In units of the domain each feature's range [lower, upper] is [0, 1]. A feature whose bounds are
equal has no room: its unit value is 0 and it never moves. Bounds are float32, as examples are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.errors import BadInput, EmptyDataset
from assay.models.interface import InputDomain, InputKind

if TYPE_CHECKING:
    from assay.models.interface import Floats


def bounds(domain: InputDomain, x: Floats) -> tuple[Floats, Floats]:
    """Lower and upper bounds that broadcast against the examples `x`.

    Raises:
        BadInput: the number of bounds is neither one nor that of the features, or a lower bound
            is above its upper bound.
    """
    lower, upper = (np.array(side, dtype=np.float32) for side in (domain.lower, domain.upper))
    features = x.shape[1] if domain.kind is InputKind.TABULAR else 1
    if lower.shape != upper.shape or lower.size not in (1, features):
        raise BadInput(
            f"The input domain has {lower.size} lower and {upper.size} upper bounds, the examples "
            f"have {features} features.",
            next_step="Give one pair of bounds, or one for each feature.",
        )
    if not (np.isfinite(lower).all() and np.isfinite(upper).all() and (lower <= upper).all()):
        raise BadInput(
            "The input domain has a lower bound above its upper bound, or one that is not finite.",
            next_step="Check lower and upper of the model's input.",
        )
    return lower, upper


def spread(domain: InputDomain, x: Floats) -> Floats:
    """Upper minus lower bound, which is what one unit of the domain is worth."""
    lower, upper = bounds(domain, x)
    return upper - lower


def outside(domain: InputDomain, x: Floats) -> int:
    """How many values lie outside their bounds."""
    lower, upper = bounds(domain, x)
    return int(np.count_nonzero((x < lower) | (x > upper)))


def to_units(domain: InputDomain, x: Floats) -> Floats:
    """Examples scaled to the unit domain [0, 1]."""
    lower, upper = bounds(domain, x)
    width = upper - lower
    room = width > 0
    units = np.where(room, (x - lower) / np.where(room, width, np.float32(1)), np.float32(0))
    return np.clip(units, 0, 1).astype(np.float32, copy=False)


def from_units(domain: InputDomain, units: Floats) -> Floats:
    """Examples of the unit domain, back where the model expects them and inside the bounds."""
    lower, upper = bounds(domain, units)
    scaled = lower + units.astype(np.float32, copy=False) * (upper - lower)
    return np.clip(scaled, lower, upper).astype(np.float32, copy=False)


def domain_from_rows(x: Floats, features: tuple[str, ...] = ()) -> InputDomain:
    """The tightest tabular domain that holds the rows; a constant feature gets no room to move.

    Raises:
        EmptyDataset: there are no rows.
    """
    if len(x) == 0:
        raise EmptyDataset("There are no rows to take bounds from.")
    return InputDomain(
        InputKind.TABULAR,
        lower=tuple(float(value) for value in x.min(axis=0)),
        upper=tuple(float(value) for value in x.max(axis=0)),
        features=features,
    )
