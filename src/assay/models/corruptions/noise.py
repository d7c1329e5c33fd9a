"""Gaussian noise: each feature moves by a normal amount, the same spread for all.

Hendrycks, Dietterich (2019): Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations, ICLR, arXiv 1903.12261. The amount is the standard deviation in units of the domain;
what leaves the domain is clipped. Sensors and rounding do this, nobody intends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.models.interface import CorruptionMember, InputKind
from assay.vocabulary import Depth

if TYPE_CHECKING:
    import numpy as np

    from assay.models.interface import Floats

REQUIRES = ("numpy",)
EXTRA = "ml"


def _apply(x: Floats, amount: float, rng: np.random.Generator) -> Floats:
    noise = rng.standard_normal(x.shape, dtype="float32")
    noisy: Floats = (x + noise * amount).clip(0, 1).astype("float32", copy=False)
    return noisy


MEMBER = CorruptionMember(
    unit="standard deviation",
    inputs=frozenset(InputKind),
    apply=_apply,
    amounts={
        Depth.QUICK: (0.05, 0.1),
        Depth.STANDARD: (0.01, 0.02, 0.05, 0.1, 0.15, 0.2),
        Depth.FULL: (0.01, 0.02, 0.05, 0.1, 0.15, 0.2),
    },
    declared={InputKind.IMAGE: 0.1, InputKind.TABULAR: 0.05},
)
