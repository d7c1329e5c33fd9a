"""Counts what is asked of a model, example by example: the true budget of an attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


class Meter:
    """Passes for each of `examples` examples.

    `gradients` counts forward and backward passes, `forwards` those without a backward pass.
    """

    def __init__(self, examples: int) -> None:
        self.forwards = np.zeros(examples, dtype=np.int64)
        self.gradients = np.zeros(examples, dtype=np.int64)

    def forward(self, rows: npt.NDArray[np.int64]) -> None:
        """The model saw these rows once; each is named at most once."""
        self.forwards[rows] += 1

    def gradient(self, rows: npt.NDArray[np.int64]) -> None:
        """The model saw these rows once and gave their gradients; each is named at most once."""
        self.gradients[rows] += 1
