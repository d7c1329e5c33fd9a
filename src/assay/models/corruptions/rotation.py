"""Rotation about the centre, each image to the left or to the right.

Engstrom, Tran, Tsipras, Schmidt, Madry (2019): Exploring the Landscape of Spatial Robustness, ICML,
arXiv 1712.02779. The amount is in degrees; the side is drawn for each image. Pixels are
interpolated bilinearly, and what turns in from outside the image is the domain's lower bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.models.interface import CorruptionMember, InputKind
from assay.vocabulary import Depth

if TYPE_CHECKING:
    import numpy as np

    from assay.models.interface import Floats

REQUIRES = ("numpy", "scipy")
EXTRA = "torch"

_DEGREES = (15.0, 30.0, 45.0)
_HEIGHT_AND_WIDTH = (2, 3)


def _apply(x: Floats, amount: float, rng: np.random.Generator) -> Floats:
    from scipy import ndimage

    left = rng.random(len(x)) < 0.5
    turned = x.copy()
    for side, degrees in ((left, amount), (~left, -amount)):
        turned[side] = ndimage.rotate(
            x[side], degrees, axes=_HEIGHT_AND_WIDTH, reshape=False, order=1, mode="constant"
        )
    clipped: Floats = turned.clip(0, 1)
    return clipped


MEMBER = CorruptionMember(
    unit="degrees",
    inputs=frozenset({InputKind.IMAGE}),
    apply=_apply,
    amounts=dict.fromkeys(Depth, _DEGREES),
    declared={InputKind.IMAGE: 15.0},
)
