"""How a model does on examples that nobody changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.intervals import wilson
from assay.vocabulary import Facts, Proportion

if TYPE_CHECKING:
    from assay.models.examples import TestData
    from assay.models.interface import Labels, Mask, Model


@dataclass(frozen=True, slots=True)
class CleanLook:
    """What the model said of each example, and whether that was right."""

    predicted: Labels
    right: Mask


def look(model: Model, data: TestData) -> CleanLook:
    """One forward for each example."""
    predicted = model.predict(data.x).argmax(axis=1)
    return CleanLook(predicted, predicted == data.y)


def clean_accuracy(model: Model, data: TestData) -> Proportion:
    """The share of examples that the model gets right, with its 95 % interval."""
    right = look(model, data).right
    return wilson(int(right.sum()), len(right))


def weighted_metrics(y: Labels, predicted: Labels) -> Facts:
    """Precision, recall and F1 of each class, averaged with the class sizes as weights, in 0..1.

    A class that is never predicted has precision 0, as in scikit-learn's default.
    """
    classes, sizes = np.unique(y, return_counts=True)
    hits = np.array([np.count_nonzero((y == c) & (predicted == c)) for c in classes])
    said = np.array([np.count_nonzero(predicted == c) for c in classes])
    precision = hits / np.maximum(said, 1)
    recall = hits / sizes
    # Harmonic mean of precision and recall, written so that 0 of 0 needs no special case.
    f1 = 2 * hits / (said + sizes)
    averages = {"precision": precision, "recall": recall, "f1": f1}
    return {name: float(np.average(value, weights=sizes)) for name, value in averages.items()}
