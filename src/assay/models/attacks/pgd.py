"""Projected gradient descent: many small steps uphill, from random starts.

Madry, Makelov, Schmidt, Tsipras, Vladu (2018): Towards Deep Learning Models Resistant to
Adversarial Attacks, ICLR, arXiv 1706.06083. Each step moves every feature by the same share of its
range in the direction of the sign of the gradient, then clips to the ball; a start is uniform in
the ball. The loss is the log odds against the label, whose gradient has cross-entropy's sign.

An example is left alone as soon as it is misclassified, so an undefended model costs far fewer
gradients than steps times restarts. An example that withstands keeps its most harmful iterate.
White box and untargeted; it says nothing of models that hide their gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import BadInput
from assay.models.interface import Budget, InputKind, Needs, gives_gradients
from assay.vocabulary import Depth, Json

if TYPE_CHECKING:
    import numpy as np
    import torch

    from assay.models.attacks._hunt import Hunt, Rows
    from assay.models.attacks._linf import Ball
    from assay.models.interface import AttackResult, Floats, Labels, Model, Progress
    from assay.models.networks import AskedNetwork

REQUIRES = ("numpy", "torch")
EXTRA = "torch"

_BATCH_EXAMPLES = 256


@dataclass(frozen=True, slots=True)
class PGD:
    """Steps are `step` of epsilon long; 2.5 / steps can cross the ball and come back."""

    epsilon: float
    steps: int = 40
    restarts: int = 1

    @property
    def step(self) -> float:
        """The length of a step, as a share of epsilon."""
        return 2.5 / self.steps

    @property
    def parameters(self) -> Mapping[str, Json]:
        """See `Attack`."""
        return {
            "epsilon": self.epsilon,
            "steps": self.steps,
            "restarts": self.restarts,
            "step_share_of_epsilon": self.step,
            "loss": "log odds against the label",
        }

    @property
    def limit(self) -> Budget:
        """See `Attack`."""
        return Budget(forwards=1 + self.restarts, gradients=self.steps * self.restarts)

    def run(
        self, model: Model, x: Floats, y: Labels, *, rng: np.random.Generator, progress: Progress
    ) -> AttackResult:
        """See `Attack`."""
        from assay.models.attacks._hunt import Hunt
        from assay.models.attacks._linf import ball, distance
        from assay.models.domain import spread
        from assay.models.networks import AskedNetwork, quiet

        if not gives_gradients(model):
            raise BadInput(
                f"PGD needs gradients, and {model.target.name} gives only scores.",
                next_step="Use an attack that needs only scores, such as square.",
            )
        with quiet(model.network):
            hunt = Hunt(model, x, y)
            network = AskedNetwork(model.network, hunt.meter)
            stride = network.tensor(spread(model.domain, x)) * (self.step * self.epsilon)
            batches = list(hunt.batches(_BATCH_EXAMPLES))
            for done, rows in enumerate(batches):
                front = _Front(hunt, network, rows, ball(model.domain, x[rows], self.epsilon))
                for _ in range(self.restarts):
                    self._climb(front, stride, rng)
                front.keep_best()
                progress((done + 1) / len(batches))
        return hunt.result(distance)

    def _climb(self, front: _Front, stride: torch.Tensor, rng: np.random.Generator) -> None:
        at = front.random_start(rng)
        for _ in range(self.steps):
            if not len(front.rows):
                return
            at, gradient = front.look(at)
            # A gradient that is not a number points nowhere; the example waits for a restart.
            uphill = gradient.sign_().nan_to_num_(0.0)
            at = front.project(at + stride * uphill)
        front.look_last(at)


class _Front:
    """The rows of one batch that still stand, with what the steps need of them, as tensors."""

    def __init__(self, hunt: Hunt, network: AskedNetwork, rows: Rows, around: Ball) -> None:
        self.rows = rows
        self._hunt = hunt
        self._network = network
        self._labels = network.tensor(hunt.y[rows])
        self._low = network.tensor(around.low)
        self._high = network.tensor(around.high)
        self._best = network.tensor(hunt.x[rows])
        self._best_loss = self._low.new_full((len(rows),), float("-inf"))

    def random_start(self, rng: np.random.Generator) -> torch.Tensor:
        """A point for each row, uniform in its ball."""
        share = self._network.tensor(rng.random(tuple(self._low.shape), dtype="float32"))
        return self.project(self._low + share * (self._high - self._low))

    def project(self, at: torch.Tensor) -> torch.Tensor:
        """The nearest points of the balls."""
        return at.clamp(self._low, self._high)

    def look(self, at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The points and gradients of those that stand after a look; the fallen leave the front."""
        logits, loss, gradient = self._network.gradient(at, self._labels, self.rows)
        standing = self._drop_fallen(at, logits)
        if standing is not None:
            at, loss, gradient = at[standing], loss[standing], gradient[standing]
        better = loss > self._best_loss
        self._best = at.where(better.view(-1, *[1] * (at.dim() - 1)), self._best)
        self._best_loss = loss.maximum(self._best_loss)
        return at, gradient

    def look_last(self, at: torch.Tensor) -> None:
        """A look without a gradient, for points from which no step is taken."""
        if len(self.rows):
            self._drop_fallen(at, self._network.logits(at, self.rows))

    def keep_best(self) -> None:
        """Hand the most harmful points of those that withstood to the hunt."""
        self._hunt.keep(self.rows, self._best.cpu().numpy())

    def _drop_fallen(self, at: torch.Tensor, logits: torch.Tensor) -> torch.Tensor | None:
        standing = logits.argmax(dim=1) == self._labels
        if bool(standing.all()):
            return None
        stays = standing.cpu().numpy()
        self._hunt.fell(self.rows[~stays], at[~standing].cpu().numpy())
        self.rows = self.rows[stays]
        self._labels, self._best = self._labels[standing], self._best[standing]
        self._low, self._high = self._low[standing], self._high[standing]
        self._best_loss = self._best_loss[standing]
        return standing


@dataclass(frozen=True, slots=True)
class _Member:
    norm: str = "linf"
    needs: Needs = Needs.GRADIENTS
    inputs: frozenset[InputKind] = frozenset(InputKind)

    def at(self, depth: Depth, epsilon: float) -> PGD:
        """See `AttackMember`."""
        steps, restarts = {
            Depth.QUICK: (40, 1),
            Depth.STANDARD: (100, 2),
            Depth.FULL: (200, 5),
        }[depth]
        return PGD(epsilon, steps, restarts)


MEMBER = _Member()
