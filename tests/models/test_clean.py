"""Accuracy on examples that nobody changed."""

from __future__ import annotations

import numpy as np
import pytest

from assay.intervals import wilson
from assay.models.clean import clean_accuracy, weighted_metrics
from tests.models.conftest import Case


def test_accuracy_is_the_share_that_is_right(rows: Case) -> None:
    right = (rows.model.predict(rows.data.x).argmax(axis=1) == rows.data.y).sum()

    assert clean_accuracy(rows.model, rows.data) == wilson(int(right), 100)


def test_metrics_counted_by_hand() -> None:
    """Class 0: two of three found, two of two said. Class 1: one of one found, one of two said."""
    metrics = weighted_metrics(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))

    assert metrics == pytest.approx(
        {
            "precision": (3 * 1 + 1 * 0.5) / 4,
            "recall": (3 * 2 / 3 + 1 * 1) / 4,
            "f1": (3 * 0.8 + 1 * 2 / 3) / 4,
        }
    )


def test_class_that_is_never_said_has_precision_zero() -> None:
    metrics = weighted_metrics(np.array([0, 1]), np.array([0, 0]))

    assert metrics == pytest.approx({"precision": 0.25, "recall": 0.5, "f1": 1 / 3})
