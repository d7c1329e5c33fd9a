"""The door of the models room: what a model, an attack and a corruption are.

Examples are float32 arrays whose first axis counts examples: images (n, channels, height, width),
tabular rows (n, features). Labels are int64 arrays (n,). Scores are float arrays (n, classes).

An input domain says where examples live. Attacks work in *units of the domain*: each feature scaled
so that its range [lower, upper] is [0, 1]. An epsilon is a share of that range.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeGuard

from assay.vocabulary import Depth, Json, Target

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    Floats = npt.NDArray[np.float32]
    Labels = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]

Progress = Callable[[float], None]
"""Told the share (0..1) of a piece of work that is done."""


class InputKind(StrEnum):
    """What an example is."""

    IMAGE = "image"
    TABULAR = "tabular"


@dataclass(frozen=True, slots=True)
class InputDomain:
    """Where examples live: per feature bounds, or one pair for all (images)."""

    kind: InputKind
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What assay.toml says of a model; paths are absolute."""

    name: str
    source: Path | None
    factory: str
    """`package.module:callable`, or empty."""
    library: str
    """A member of the room `libraries`, or empty to go by the file's ending."""
    domain: InputDomain
    python_path: Path
    """Folder that is searched for the factory's package, the one that assay.toml lies in."""


class Model(Protocol):
    """A model as a black box."""

    @property
    def target(self) -> Target:
        """Name and digest of its weights."""

    @property
    def domain(self) -> InputDomain:
        """Where its examples live."""

    def predict(self, batch: Floats) -> Floats:
        """Scores (n, classes), higher is likelier; the label is the argmax, classes at least two.

        Raises:
            BadTestData: the batch has the wrong shape, or a score is not finite.
        """


class GradientModel(Model, Protocol):
    """A model that also gives gradients with respect to its input: a torch module."""

    @property
    def network(self) -> torch.nn.Module:
        """The module, in evaluation mode, its parameters frozen; input as in `predict`."""


def gives_gradients(model: Model) -> TypeGuard[GradientModel]:
    """True for a model whose network can be differentiated."""
    return hasattr(model, "network")


class Library(Protocol):
    """Opens the models of one library."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """File name endings in lower case, with the dot, that are surely this library's."""

    def open(self, description: ModelDescription) -> Model:
        """The model, ready to predict.

        Raises:
            UnreadableFile, UnsafeFile, WeightsDoNotFit, BadInput
        """


class Needs(StrEnum):
    """What an attack must be able to ask of a model."""

    SCORES = "scores"
    GRADIENTS = "gradients"


@dataclass(frozen=True, slots=True)
class AttackResult:
    """Per example: the best example found, and what finding it cost.

    `broken` is True where the adversarial example is misclassified. An example that the model got
    wrong to begin with is broken as it is; the one forward that shows it is all it costs.
    `distance` is in units of the domain. `gradients` counts forward and backward passes, `forwards`
    those without a backward pass.
    """

    adversarial: Floats
    broken: Mask
    distance: npt.NDArray[np.float64]
    forwards: npt.NDArray[np.int64]
    gradients: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be asked of a model for one example; `gradients` and `forwards` as in a result."""

    forwards: int
    gradients: int


class Attack(Protocol):
    """An attack with its parameters; `run` is repeatable with the same generator state.

    Every adversarial example stays inside the domain and inside epsilon to the last bit.
    """

    @property
    def parameters(self) -> Mapping[str, Json]:
        """Everything that `run` depends on beside model, examples and generator."""

    @property
    def limit(self) -> Budget:
        """The most that `run` asks of the model for any example."""

    def run(
        self, model: Model, x: Floats, y: Labels, *, rng: np.random.Generator, progress: Progress
    ) -> AttackResult:
        """Try to make each example misclassified.

        Raises:
            BadTestData: examples or labels have a wrong type or shape, or lie outside the domain.
            BadInput: the attack needs gradients and the model gives none.
        """


class AttackMember(Protocol):
    """What an attack's file binds as MEMBER."""

    @property
    def norm(self) -> str:
        """The norm that bounds its changes, `linf` for instance."""

    @property
    def needs(self) -> Needs:
        """What it asks of a model."""

    @property
    def inputs(self) -> frozenset[InputKind]:
        """What it can attack."""

    def at(self, depth: Depth, epsilon: float) -> Attack | None:
        """The attack as an assessment of this depth runs it; None where it does not."""


@dataclass(frozen=True, slots=True)
class CorruptionMember:
    """What a corruption's file binds as MEMBER: a natural change, no adversary.

    `apply(x, amount, rng)` gives the corrupted examples, still in the unit domain [0, 1].
    """

    unit: str
    inputs: frozenset[InputKind]
    apply: Callable[[Floats, float, np.random.Generator], Floats]
    amounts: Mapping[Depth, tuple[float, ...]]
    declared: Mapping[InputKind, float] = field(default_factory=dict)
    """The amount that counts towards the worst case."""
