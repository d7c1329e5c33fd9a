"""The fast gradient sign method: one step to the edge of the ball.

Goodfellow, Shlens, Szegedy (2015): Explaining and Harnessing Adversarial Examples, ICLR,
arXiv 1412.6572. Every feature moves by epsilon of its range, in the direction of the sign of the
gradient. The loss is the log odds against the label, whose gradient has cross-entropy's sign.

The cheapest attack and the weakest: a model that withstands it alone has shown nothing.
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

    from assay.models.attacks._hunt import Hunt, Rows
    from assay.models.attacks._linf import Ball
    from assay.models.interface import AttackResult, Floats, Labels, Model, Progress
    from assay.models.networks import AskedNetwork

REQUIRES = ("numpy", "torch")
EXTRA = "torch"

_BATCH_EXAMPLES = 256


@dataclass(frozen=True, slots=True)
class FGSM:
    """One step of length epsilon."""

    epsilon: float

    @property
    def parameters(self) -> Mapping[str, Json]:
        """See `Attack`."""
        return {"epsilon": self.epsilon, "loss": "log odds against the label"}

    @property
    def limit(self) -> Budget:
        """See `Attack`."""
        return Budget(forwards=2, gradients=1)

    def run(
        self, model: Model, x: Floats, y: Labels, *, rng: np.random.Generator, progress: Progress
    ) -> AttackResult:
        """See `Attack`; nothing in it is random."""
        from assay.models.attacks._hunt import Hunt
        from assay.models.attacks._linf import ball, distance
        from assay.models.networks import AskedNetwork, quiet

        if not gives_gradients(model):
            raise BadInput(
                f"FGSM needs gradients, and {model.target.name} gives only scores.",
                next_step="Use an attack that needs only scores, such as square.",
            )
        with quiet(model.network):
            hunt = Hunt(model, x, y)
            network = AskedNetwork(model.network, hunt.meter)
            batches = list(hunt.batches(_BATCH_EXAMPLES))
            for done, rows in enumerate(batches):
                _step(hunt, network, rows, ball(model.domain, x[rows], self.epsilon))
                progress((done + 1) / len(batches))
        return hunt.result(distance)


def _step(hunt: Hunt, network: AskedNetwork, rows: Rows, around: Ball) -> None:
    at, labels = network.tensor(hunt.x[rows]), network.tensor(hunt.y[rows])
    _, _, gradient = network.gradient(at, labels, rows)
    edge = network.tensor(around.high).where(gradient > 0, network.tensor(around.low))
    moved = edge.where(gradient.abs() > 0, at)
    fallen = (network.logits(moved, rows).argmax(dim=1) != labels).cpu().numpy()
    points = moved.cpu().numpy()
    hunt.fell(rows[fallen], points[fallen])
    hunt.keep(rows[~fallen], points[~fallen])


@dataclass(frozen=True, slots=True)
class _Member:
    norm: str = "linf"
    needs: Needs = Needs.GRADIENTS
    inputs: frozenset[InputKind] = frozenset(InputKind)

    def at(self, depth: Depth, epsilon: float) -> FGSM:
        """See `AttackMember`; every depth can afford it."""
        return FGSM(epsilon)


MEMBER = _Member()
