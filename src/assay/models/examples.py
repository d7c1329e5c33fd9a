"""Examples with known labels, on which a model is measured.

Read from files or functions by `example_files.py`, or made from arrays in memory. Rows are
(n, features), images (n, channels, height, width); pictures are scaled to 0..1. Labels that are words
are numbered in sorted order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from assay.errors import BadTestData, EmptyDataset
from assay.models.domain import outside

if TYPE_CHECKING:
    from assay.models.interface import Floats, Labels, Model

_AXES_BY_DIMENSIONS = "rows (n, features), images (n, channels, height, width)"
_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, slots=True)
class TestData:
    """Examples and labels; `digest` is of their bytes, `source_digest` of the set drawn from."""

    __test__: ClassVar[bool] = False  # pytest takes classes named Test... for tests

    x: Floats
    y: Labels
    name: str
    digest: str
    source_digest: str
    class_names: tuple[str, ...] = ()
    """The words that labels stood for, by number; empty where labels were numbers."""
    features: tuple[str, ...] = ()


def make(
    x: Any,
    y: Any,
    name: str,
    *,
    features: Sequence[str] = (),
) -> TestData:
    """Test data from arrays, checked: float32 and int64, finite, of one length, not empty.

    Raises:
        EmptyDataset: there are no examples.
        BadTestData: an array holds no numbers or a NaN, has a wrong shape, or labels are not whole.
    """
    labels, class_names = _labels(np.asarray(y), name)
    examples = _examples(np.asarray(x), name, tuple(features))
    if len(examples) == 0:
        raise EmptyDataset(
            f"{name} has no examples.", next_step="Give at least one example of each class."
        )
    if labels.shape != (len(examples),):
        raise BadTestData(
            f"{name} has {len(examples)} examples and labels of shape {labels.shape}.",
            next_step="Give one label for each example.",
        )
    digest = _digest(examples, labels)
    return TestData(examples, labels, name, digest, digest, class_names, tuple(features))


def check_fit(data: TestData, model: Model) -> int:
    """How many classes the model tells apart, once the data are known to fit it.

    Raises:
        BadTestData: a label is not below the number of classes, a value lies outside the model's
            input domain, or the model refuses the examples.
    """
    low, high = float(data.x.min()), float(data.x.max())
    beyond = outside(model.domain, data.x)
    if beyond:
        raise BadTestData(
            f"{beyond} of {data.x.size} values of {data.name} lie outside the input domain that "
            f"is declared for {model.target.name}; values are seen from {low:g} to {high:g}, the "
            f"domain is {min(model.domain.lower):g} to {max(model.domain.upper):g}.",
            next_step="Scale the examples as the model expects them, or declare the right domain.",
        )
    classes = int(model.predict(data.x[:1]).shape[1])
    wrong = (data.y < 0) | (data.y >= classes)
    if wrong.any():
        row = int(wrong.argmax())
        raise BadTestData(
            f"{int(wrong.sum())} labels of {data.name} are not between 0 and {classes - 1}, first "
            f"in row {row}; {model.target.name} tells {classes} classes apart.",
            next_step="Number the classes from 0, in the order of the model's scores.",
        )
    return classes


def sample(data: TestData, count: int, seed: int) -> TestData:
    """At most `count` examples, classes in their proportions, in the order of the set.

    A class that is present keeps at least one example while `count` allows it.
    """
    if count >= len(data.y):
        return data
    rng = np.random.default_rng(seed)
    classes, sizes = np.unique(data.y, return_counts=True)
    chosen = [
        rng.choice(np.flatnonzero(data.y == label), size=share, replace=False)
        for label, share in zip(classes, _shares(sizes, count), strict=True)
    ]
    rows = np.sort(np.concatenate(chosen))
    x, y = data.x[rows], data.y[rows]
    return replace(data, x=x, y=y, digest=_digest(x, y))


def _shares(sizes: np.ndarray[Any, Any], count: int) -> list[int]:
    """Whole shares of `count` in proportion to sizes, by largest remainder."""
    exact = sizes * (count / sizes.sum())
    least = 1 if count >= len(sizes) else 0
    shares = np.maximum(np.floor(exact).astype(int), least)
    while shares.sum() > count:
        shares[np.argmax(np.where(shares > least, shares - exact, -np.inf))] -= 1
    for index in np.argsort(shares - exact, kind="stable")[: count - shares.sum()]:
        shares[index] += 1
    return [int(share) for share in shares]


def _labels(y: np.ndarray[Any, Any], name: str) -> tuple[Labels, tuple[str, ...]]:
    if y.dtype.kind in "US":
        words, numbers = np.unique(y.astype(str), return_inverse=True)
        return numbers.astype(np.int64), tuple(str(word) for word in words)
    if y.dtype.kind == "f" and y.size and np.isfinite(y).all() and (y == np.floor(y)).all():
        return y.astype(np.int64), ()
    if y.dtype.kind not in "iub" and y.size:
        raise BadTestData(
            f"The labels of {name} are {y.dtype}, and not whole numbers.",
            next_step="Number the classes from 0.",
        )
    return y.astype(np.int64), ()


def _examples(x: np.ndarray[Any, Any], name: str, features: tuple[str, ...]) -> Floats:
    if x.dtype.kind not in "fiub":
        raise BadTestData(
            f"The examples of {name} are {x.dtype}, and not numbers.",
            next_step="Encode every feature as a number.",
        )
    if x.ndim == 3:
        x = x[:, None]
    if x.ndim not in (2, 4) or (len(x) and x.size == 0):
        raise BadTestData(
            f"The examples of {name} have the shape {x.shape}.",
            next_step=f"Known shapes are {_AXES_BY_DIMENSIONS}.",
        )
    if x.ndim == 4 and x.shape[3] in _CHANNELS and x.shape[1] not in _CHANNELS:
        raise BadTestData(
            f"The images of {name} have their channels last, {x.shape}.",
            next_step="Put channels before height and width: x.transpose(0, 3, 1, 2).",
        )
    # A number beyond float32 becomes infinite, which is reported next.
    with np.errstate(over="ignore"):
        examples = np.ascontiguousarray(x, dtype=np.float32)
    _expect_finite(examples, name, features)
    return examples


def _expect_finite(x: Floats, name: str, features: tuple[str, ...]) -> None:
    bad = ~np.isfinite(x)
    if not bad.any():
        return
    row, feature = np.argwhere(bad.reshape(len(x), -1))[0]
    called = f"{feature} ({features[feature]})" if features else str(feature)
    raise BadTestData(
        f"{int(bad.sum())} values of {name} are missing, NaN or infinite, first in row {row}, "
        f"feature {called}.",
        next_step="Fill or drop them; a model's answer to them says nothing.",
    )


def _digest(x: Floats, y: Labels) -> str:
    """SHA-256 over a line with the shape of x, then x and y as little-endian bytes in C order."""
    running = hashlib.sha256(f"assay examples 1 {x.shape}\n".encode())
    running.update(np.ascontiguousarray(x, dtype="<f4").data)
    running.update(np.ascontiguousarray(y, dtype="<i8").data)
    return "sha256:" + running.hexdigest()
