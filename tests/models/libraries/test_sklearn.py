"""Classifiers with and without probabilities, and files that are not trusted."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from assay.errors import BadInput, BadTestData, UnreadableFile, UnsafeFile
from assay.models.interface import InputDomain, InputKind, Model, ModelDescription
from assay.models.loading import open_model

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def a_function_of_ours(x: np.ndarray) -> np.ndarray:
    return x


def opened(path: Path) -> Model:
    domain = InputDomain(InputKind.TABULAR, (-9.0,), (9.0,))
    return open_model(ModelDescription("model", path, "", "", domain, path.parent))


def saved(folder: Path, model: object) -> Path:
    skops.io.dump(model, folder / "model.skops")
    return folder / "model.skops"


def test_decision_function_of_two_classes_becomes_two_columns(tmp_path: Path) -> None:
    svm = LinearSVC().fit(X, Y)

    scores = opened(saved(tmp_path, svm)).predict(X)

    assert scores.shape == (60, 2)
    assert (scores.argmax(axis=1) == svm.predict(X)).all()


def test_probabilities_are_those_of_the_model(tmp_path: Path) -> None:
    network = MLPClassifier((4,), max_iter=2000, random_state=0).fit(X, Y)

    scores = opened(saved(tmp_path, network)).predict(X)

    assert np.allclose(scores, network.predict_proba(X), atol=1e-6)


def test_forest_is_refused_because_its_nodes_are_followed_unchecked(tmp_path: Path) -> None:
    path = saved(tmp_path, RandomForestClassifier(3, random_state=0).fit(X, Y))
    with pytest.raises(UnsafeFile, match="Tree") as caught:
        opened(path)

    assert "ONNX" in caught.value.next_step


def test_model_with_feature_names_gives_no_warning(tmp_path: Path) -> None:
    svm = LinearSVC().fit(X, Y)
    svm.feature_names_in_ = np.array(["a", "b", "c", "d"], dtype=object)

    assert opened(saved(tmp_path, svm)).predict(X).shape == (60, 2)


def test_untrusted_types_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path, FunctionTransformer(a_function_of_ours))
    with pytest.raises(UnsafeFile, match="a_function_of_ours"):
        opened(path)


def test_regressor_is_no_classifier(tmp_path: Path) -> None:
    path = saved(tmp_path, LinearRegression().fit(X, Y))
    with pytest.raises(BadInput, match="LinearRegression, which gives no class scores"):
        opened(path)


def test_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(b"no archive")
    with pytest.raises(UnreadableFile, match="is not a skops file"):
        opened(path)


def test_archive_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(UnreadableFile, match="is not a skops file"):
        opened(path)


def test_refused_batch_names_shapes_and_nothing_of_sklearn(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, LinearSVC().fit(X, Y)))
    with pytest.raises(BadTestData, match=r"refuses a batch of shape \(2, 9\)") as caught:
        model.predict(np.ones((2, 9), np.float32))

    assert "it was fitted on 4 features" in caught.value.message
    assert "expecting" not in caught.value.message


def test_model_that_fails_while_it_answers_says_nothing_of_its_own(tmp_path: Path) -> None:
    """As one of another scikit-learn does, which lacks an attribute that this one reads."""
    svm = LinearSVC().fit(X, Y)
    del svm.coef_
    with pytest.raises(BadTestData, match=r"\((NotFittedError|AttributeError)") as caught:
        opened(saved(tmp_path, svm)).predict(X)

    assert "coef_" not in str(caught.value)
    assert "fit'" not in str(caught.value)


def test_words_of_a_broken_archive_are_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", '{"protocol": 2, "Zoe Quill": ')
    with pytest.raises(UnreadableFile, match=r"not a skops file .* \(JSONDecodeError\)") as caught:
        opened(path)

    assert "line 1" not in str(caught.value)


def test_names_of_types_that_are_no_names_are_not_repeated(tmp_path: Path) -> None:
    path = saved(tmp_path, FunctionTransformer(a_function_of_ours))
    with zipfile.ZipFile(path) as archive:
        schema = archive.read("schema.json").decode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", schema.replace("a_function_of_ours", "Zoe Quill\\n"))
    with pytest.raises(UnsafeFile, match="a type whose name is none") as caught:
        opened(path)

    assert "Quill" not in str(caught.value)
