"""Functions that score, and functions that do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assay.errors import BadInput, BadTestData
from assay.models.interface import InputDomain, InputKind, Model, ModelDescription
from assay.models.loading import open_model

SOURCE = """
import numpy as np

def two_columns(batch):
    return np.stack([-batch[:, 0], batch[:, 0]], axis=1)

def probability(batch):
    return 1 / (1 + np.exp(-batch[:, 0]))

def logit(batch):
    return batch[:, 0] * 10

def too_few(batch):
    return np.zeros((len(batch) - 1, 2))

def words(batch):
    return ["yes"] * len(batch)

def infinite(batch):
    return np.full((len(batch), 2), 1e300)

def failing(batch):
    raise RuntimeError("no connection")

def writing(batch):
    batch[:] = 0
    return np.zeros((len(batch), 2))

NUMBER = 3
"""
X = np.linspace(-2, 2, 12, dtype=np.float32).reshape(6, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scoring.py").write_text(SOURCE)
    return tmp_path


def opened(folder: Path, function: str) -> Model:
    domain = InputDomain(InputKind.TABULAR, (-9.0,), (9.0,))
    return open_model(ModelDescription("model", None, function, "", domain, folder))


def test_scores_as_they_are(folder: Path) -> None:
    assert (opened(folder, "scoring:two_columns").predict(X)[:, 1] == X[:, 0]).all()


def test_probability_of_class_one(folder: Path) -> None:
    scores = opened(folder, "scoring:probability").predict(X)

    assert scores.shape == (6, 2)
    assert (scores.argmax(axis=1) == (X[:, 0] > 0)).all()


def test_function_gets_a_copy(folder: Path) -> None:
    x = X.copy()

    opened(folder, "scoring:writing").predict(x)

    assert (x == X).all()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("logit", "not all are between 0 and 1"),
        ("too_few", r"6 examples with an array of shape \(5, 2\)"),
        ("words", "holds no numbers"),
        ("infinite", "12 of 12 scores of the model are not finite"),
        ("failing", "(RuntimeError)"),
    ],
)
def test_bad_scores(folder: Path, function: str, message: str) -> None:
    model = opened(folder, f"scoring:{function}")
    with pytest.raises(BadTestData, match=message):
        model.predict(X)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("scoring", "does not name a function"),
        ("scoring:", "does not name a function"),
        ("../scoring:logit", "does not name a function"),
        ("scoring:absent", "scoring has no function absent"),
        ("scoring:NUMBER", "scoring has no function NUMBER"),
        ("no_such_module_here:f", "cannot be imported"),
    ],
)
def test_bad_names(folder: Path, factory: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        opened(folder, factory)


def test_two_projects_with_a_module_of_one_name(tmp_path: Path) -> None:
    for name, sign in (("one", 1), ("two", -1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same_name.py").write_text(
            f"def scores(batch):\n    return {sign} * batch\n"
        )

    one, two, again = (
        opened(tmp_path / name, "same_name:scores") for name in ("one", "two", "one")
    )

    assert (one.predict(X) == -two.predict(X)).all()
    assert (one.predict(X) == again.predict(X)).all()


def test_module_with_the_name_of_an_installed_one(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("def scores(batch):\n    return batch\n")
    with pytest.raises(BadInput, match="also the name of an installed one"):
        opened(tmp_path, "numpy:scores")
