"""Asking a torch network: quietly, counted, and for the gradient of its input only.

`torch.autograd.grad` with respect to the input leaves the gradients of the weights uncomputed,
which saves a large part of what `loss.backward()` costs, and leaves no trace in the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from assay.errors import BadTestData

if TYPE_CHECKING:
    import numpy.typing as npt

    from assay.models.interface import Floats, Labels
    from assay.models.meter import Meter


_SURELY_PROBABILITIES = 16
"""So many single outputs that are all within 0..1 are no logits."""


class Classifier(torch.nn.Module):
    """A network as a classifier of two classes or more, with its weights laid out for speed.

    One output alone makes a binary classifier: it is the logit of class 1, or its probability if
    the network's last layer is `nn.Sigmoid`. A sigmoid elsewhere would make every example class 1,
    so outputs that look like probabilities are refused when first seen.

    Weights lie with their channels last, which makes convolution and pooling on a CPU up to three
    times as fast. A network that flattens with `view` cannot work on that layout; it goes back to
    the usual one at its first forward.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network
        self._gives_probability = isinstance(list(network.modules())[-1], torch.nn.Sigmoid)
        self._seen = False
        self._channels_last = True
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (n, classes).

        Raises:
            BadTestData: single outputs look like probabilities, but no sigmoid is the last layer.
        """
        scores = self._scores(x)
        if scores.dim() == 1:
            scores = scores[:, None]
        if scores.dim() != 2 or scores.shape[1] != 1:
            return scores
        if self._gives_probability:
            return torch.cat([1 - scores, scores], dim=1)
        self._expect_logits(scores)
        return torch.cat([torch.zeros_like(scores), scores], dim=1)

    def _scores(self, x: torch.Tensor) -> torch.Tensor:
        try:
            scores: torch.Tensor = self.network(x)
        except RuntimeError:
            if not self._channels_last:
                raise
            self._channels_last = False
            self.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
            scores = self.network(x)
        return scores

    def _expect_logits(self, scores: torch.Tensor) -> None:
        if self._seen or len(scores) < _SURELY_PROBABILITIES:
            return
        if bool(((scores >= 0) & (scores <= 1)).all()):
            raise BadTestData(
                "The network's single output looks like a probability, and not like a logit.",
                next_step="Make nn.Sigmoid its last layer, or return one score for each class.",
            )
        self._seen = True


def device_of(network: torch.nn.Module) -> torch.device:
    """Where the network's parameters are."""
    first = next(iter(network.parameters()), None)
    return torch.device("cpu") if first is None else first.device


def tensor(array: Floats | Labels, device: torch.device) -> torch.Tensor:
    """The array on a device; its memory is shared where torch can."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device)


@contextmanager
def quiet(network: torch.nn.Module) -> Iterator[None]:
    """The network in evaluation mode with frozen parameters; afterwards as it was before."""
    training = [module for module in network.modules() if module.training]
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for module in training:
        module.training = False
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for module in training:
            module.training = True
        for parameter in learning:
            parameter.requires_grad_(True)


class AskedNetwork:
    """A network whose passes are counted for each example. Use it inside `quiet`."""

    def __init__(self, network: torch.nn.Module, meter: Meter) -> None:
        self._network = network
        self._meter = meter
        self._device = device_of(network)

    def tensor(self, array: Floats | Labels) -> torch.Tensor:
        """The array where the network is."""
        return tensor(array, self._device)

    def logits(self, x: torch.Tensor, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        """Scores (n, classes) of `x`, the examples numbered `rows`."""
        self._meter.forward(rows)
        with torch.no_grad():
            logits: torch.Tensor = self._network(x)
        return logits

    def gradient(
        self, x: torch.Tensor, labels: torch.Tensor, rows: npt.NDArray[np.int64]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scores (n, classes), log odds against the label (n,), and their gradient, shaped as x."""
        self._meter.gradient(rows)
        x = x.detach().requires_grad_(True)
        with torch.enable_grad():
            logits = self._network(x)
            loss = log_odds_against(logits, labels)
            (gradient,) = torch.autograd.grad(loss.sum(), x)
        return logits.detach(), loss.detach(), gradient


def log_odds_against(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """log((1 - p) / p) for the label's probability p, one for each example.

    Cross-entropy is softplus of this, so both grow together and their gradients have the same
    sign everywhere. Cross-entropy's gradient rounds to zero once the model is sure of itself, and
    a sign attack then stands still; this one's does not.
    """
    own = logits.gather(1, labels[:, None]).squeeze(1)
    others = logits.scatter(1, labels[:, None], float("-inf"))
    return torch.logsumexp(others, dim=1) - own
