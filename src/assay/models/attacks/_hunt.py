"""The book-keeping that attacks share: who still stands, what was found, what it cost.

A hunt starts with one look at every example; those that are wrong already are done. From then on
an attack asks only about the rows that stand (the active set), and reports what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from assay.errors import BadTestData
from assay.models.domain import outside
from assay.models.interface import AttackResult
from assay.models.meter import Meter

if TYPE_CHECKING:
    import numpy.typing as npt

    from assay.models.interface import Floats, InputDomain, Labels, Model

    Rows = npt.NDArray[np.int64]
    Distance = Callable[[InputDomain, Floats, Floats], npt.NDArray[np.float64]]

_BATCH_VALUES = 1 << 23
"""Values in one batch, at most: 32 MiB of float32."""


class Hunt:
    """Examples under attack. `best` is the strongest example found so far, `broken` who fell."""

    def __init__(self, model: Model, x: Floats, y: Labels) -> None:
        _check(model.domain, x, y)
        self.x = x
        self.y = y
        self.best = x.copy()
        self.meter = Meter(len(x))
        self.meter.forward(np.arange(len(x)))
        self.broken = model.predict(x).argmax(axis=1) != y
        self._domain = model.domain

    def batches(self, examples_max: int) -> Iterator[Rows]:
        """Rows that stand, in order, some at a time so that memory has a bound."""
        standing = np.flatnonzero(~self.broken)
        values = max(1, int(np.prod(self.x.shape[1:])))
        size = max(1, min(examples_max, _BATCH_VALUES // values))
        for start in range(0, len(standing), size):
            yield standing[start : start + size]

    def keep(self, rows: Rows, examples: Floats) -> None:
        """These are the best examples of rows that stand."""
        self.best[rows] = examples

    def fell(self, rows: Rows, examples: Floats) -> None:
        """These examples are misclassified."""
        self.best[rows] = examples
        self.broken[rows] = True

    def result(self, distance: Distance) -> AttackResult:
        """What was found, and what it cost."""
        return AttackResult(
            adversarial=self.best,
            broken=self.broken,
            distance=distance(self._domain, self.x, self.best),
            forwards=self.meter.forwards,
            gradients=self.meter.gradients,
        )


def _check(domain: InputDomain, x: Floats, y: Labels) -> None:
    if x.dtype != np.float32:
        raise BadTestData(f"Examples are {x.dtype}.", next_step="Convert them to float32.")
    if y.dtype != np.int64 or y.shape != (len(x),):
        raise BadTestData(
            f"Labels are {y.dtype} of shape {y.shape}, the examples are {len(x)}.",
            next_step="Give one int64 label for each example.",
        )
    if not np.isfinite(x).all() or outside(domain, x):
        raise BadTestData(
            "Some examples are not finite or lie outside the model's input domain.",
            next_step="Correct the examples, or the domain that is declared for the model.",
        )
