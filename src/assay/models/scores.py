"""What a model answered, checked once where it enters: scores (n, classes), finite, float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from assay.errors import BadTestData

if TYPE_CHECKING:
    from assay.models.interface import Floats


def checked_scores(raw: Any, examples: int) -> Floats:
    """Scores (examples, classes) in float32.

    One column is the probability of class 1, between 0 and 1; it becomes the two columns of a
    binary model.

    Raises:
        BadTestData: the answer is no array of numbers (examples, classes), or one is not finite.
    """
    scores = _numbers(raw)
    if scores.ndim == 1:
        scores = scores.reshape(-1, 1)
    if scores.ndim != 2 or len(scores) != examples or scores.shape[1] == 0:
        raise BadTestData(
            f"The model answered {examples} examples with an array of shape {scores.shape}.",
            next_step="A model returns one row of class scores for each example.",
        )
    if not np.isfinite(scores).all():
        count = int(np.count_nonzero(~np.isfinite(scores)))
        raise BadTestData(
            f"{count} of {scores.size} scores of the model are not finite.",
            next_step="Look for overflow or NaN in the model's weights.",
        )
    return scores if scores.shape[1] >= 2 else _two_columns(scores)


def _numbers(raw: Any) -> Floats:
    try:
        # A score beyond float32 becomes infinite, which the caller reports.
        with np.errstate(over="ignore"):
            return np.asarray(raw).astype(np.float32, copy=False)
    except (TypeError, ValueError) as error:
        raise BadTestData(
            f"The model answered with {type(raw).__name__}, which holds no numbers.",
            next_step="A model returns one row of class scores for each example.",
        ) from error


def _two_columns(probability: Floats) -> Floats:
    if probability.size and not (probability.min() >= 0 and probability.max() <= 1):
        raise BadTestData(
            "The model gives one score for each example, and not all are between 0 and 1.",
            next_step="Return two columns, one for each class, or the probability of class 1.",
        )
    return np.concatenate([1 - probability, probability], axis=1)
