"""Square Attack: random search with scores only, for any model.

Andriushchenko, Croce, Flammarion, Hein (2020): Square Attack: a query-efficient black-box
adversarial attack via random search, ECCV, arXiv 1912.00049, in the maximum norm.

1. Start: every feature at the low or the high end of its ball, drawn at random; in images the same
   for each column of a channel (vertical stripes).
2. Each query sets a few features to one end and keeps the change if the margin is no worse. In
   images they are a square, with one end for each channel; in rows a random subset, each feature
   with an end of its own. A change that would change nothing is turned to the other end.
3. The share of features starts at `share` and halves on the schedule of the paper, which is
   stretched to the number of queries.

The margin is the label's score less the best other one; of probabilities, their logarithms, so
that a model that is sure of itself still shows where it gives way. Equal margins are accepted,
unlike in the paper, because the scores of trees stay equal over long walks. An example that breaks
is asked no more; the queries of all others are one batch. What it leaves standing may still fall to
gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.models.interface import Budget, InputKind, Needs
from assay.vocabulary import Depth, Json

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from assay.models.attacks._hunt import Hunt, Rows
    from assay.models.attacks._linf import Ball
    from assay.models.interface import AttackResult, Floats, Labels, Mask, Model, Progress

REQUIRES = ("numpy",)
EXTRA = "ml"

_BATCH_EXAMPLES = 4096
_HALVE_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries of 10,000 after which the share of features halves (section 5 of the paper)."""


@dataclass(frozen=True, slots=True)
class Square:
    """`queries` for each example at most; `share` of the features change at first."""

    epsilon: float
    queries: int = 5000
    share: float = 0.8

    @property
    def parameters(self) -> Mapping[str, Json]:
        """See `Attack`."""
        return {
            "epsilon": self.epsilon,
            "queries": self.queries,
            "share": self.share,
            "loss": "margin",
        }

    @property
    def limit(self) -> Budget:
        """See `Attack`; the first look at the clean example comes on top of the queries."""
        return Budget(forwards=1 + self.queries, gradients=0)

    def run(
        self, model: Model, x: Floats, y: Labels, *, rng: np.random.Generator, progress: Progress
    ) -> AttackResult:
        """See `Attack`."""
        from assay.models.attacks._hunt import Hunt
        from assay.models.attacks._linf import ball, distance

        hunt = Hunt(model, x, y)
        batches = list(hunt.batches(_BATCH_EXAMPLES))
        for done, rows in enumerate(batches):
            search = _Search(hunt, model, rows, ball(model.domain, x[rows], self.epsilon), rng)
            for query in range(self.queries):
                if not len(search.rows):
                    break
                search.start() if query == 0 else search.change(self._share_at(query))
                progress((done + query / self.queries) / len(batches))
            search.keep_best()
        progress(1.0)
        return hunt.result(distance)

    def _share_at(self, query: int) -> float:
        of_ten_thousand = query * 10_000 / self.queries
        return self.share / 2.0 ** sum(of_ten_thousand > bound for bound in _HALVE_AT)


class _Search:
    """The rows of one batch that still stand: their balls, best points and margins."""

    def __init__(
        self, hunt: Hunt, model: Model, rows: Rows, around: Ball, rng: np.random.Generator
    ) -> None:
        import numpy as np

        self.rows = rows
        self._hunt = hunt
        self._model = model
        self._rng = rng
        self._labels = hunt.y[rows]
        self._ends = np.stack([around.low, around.high], axis=1)
        self._best = hunt.x[rows]
        self._margin = np.full(len(rows), np.inf)

    def start(self) -> None:
        """Every feature at one end of its ball; in images in vertical stripes."""
        import numpy as np

        shape = list(self._best.shape)
        if len(shape) == 4:
            shape[2] = 1
        high = self._rng.random(shape) < 0.5
        self._try(np.where(high, self._ends[:, 1], self._ends[:, 0]))

    def change(self, share: float) -> None:
        """One query for each row: about this share of the features to one end."""
        candidates = self._best.copy()
        if candidates.ndim == 4:
            self._change_square(candidates, share)
        else:
            self._change_subset(candidates, share)
        self._try(candidates)

    def keep_best(self) -> None:
        """Hand the best points of those that withstood to the hunt."""
        self._hunt.keep(self.rows, self._best)

    def _change_square(self, candidates: Floats, share: float) -> None:
        import numpy as np

        count, channels, height, width = candidates.shape
        side = round((share * height * width) ** 0.5)
        side = max(1, min(side, height, width))
        top = self._rng.integers(0, height - side + 1, size=(count, 1, 1, 1))
        left = self._rng.integers(0, width - side + 1, size=(count, 1, 1, 1))
        place = (
            np.arange(count)[:, None, None, None],
            np.arange(channels)[:, None, None],
            top + np.arange(side)[:, None],
            left + np.arange(side),
        )
        self._set_ends(candidates, place, (count, channels, 1, 1))

    def _change_subset(self, candidates: Floats, share: float) -> None:
        import numpy as np

        count, features = candidates.shape
        size = max(1, round(share * features))
        order = self._rng.random((count, features)).argpartition(size - 1, axis=1)
        self._set_ends(candidates, (np.arange(count)[:, None], order[:, :size]), (count, size))

    def _set_ends(
        self,
        candidates: Floats,
        place: tuple[npt.NDArray[np.int64], ...],
        ends_shape: tuple[int, ...],
    ) -> None:
        end = self._rng.integers(0, 2, size=ends_shape)
        row, *feature = place
        new = self._ends[(row, end, *feature)]
        idle = (new == candidates[place]).reshape(len(new), -1).all(axis=1)
        end[idle] = 1 - end[idle]
        candidates[place] = self._ends[(row, end, *feature)]

    def _try(self, candidates: Floats) -> None:
        import numpy as np

        self._hunt.meter.forward(self.rows)
        scores = self._model.predict(candidates)
        margin = _margins(scores, self._labels)
        better = margin <= self._margin
        self._best[better] = candidates[better]
        self._margin = np.minimum(margin, self._margin)
        broken = scores.argmax(axis=1) != self._labels
        if broken.any():
            self._hunt.fell(self.rows[broken], candidates[broken])
            self._only(~broken)

    def _only(self, standing: Mask) -> None:
        self.rows = self.rows[standing]
        self._labels = self._labels[standing]
        self._ends = self._ends[standing]
        self._best = self._best[standing]
        self._margin = self._margin[standing]


def _margins(scores: Floats, labels: Labels) -> npt.NDArray[np.float64]:
    """The label's score less the best other one (n,), of probabilities their logarithms."""
    import numpy as np

    precise = scores.astype(np.float64)
    if precise.min() >= 0 and np.allclose(precise.sum(axis=1), 1, atol=1e-4):
        precise = np.log(np.maximum(precise, np.finfo(np.float32).tiny))
    rows = np.arange(len(labels))
    own = precise[rows, labels]
    precise[rows, labels] = -np.inf
    margins: npt.NDArray[np.float64] = own - precise.max(axis=1)
    return margins


@dataclass(frozen=True, slots=True)
class _Member:
    norm: str = "linf"
    needs: Needs = Needs.SCORES
    inputs: frozenset[InputKind] = frozenset(InputKind)

    def at(self, depth: Depth, epsilon: float) -> Square:
        """See `AttackMember`."""
        return Square(epsilon, queries={"quick": 300, "standard": 2000, "full": 5000}[depth])


MEMBER = _Member()
