"""The laws of every library: one written model each, opened again through the front door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import safetensors.torch
import skops.io
import torch
from onnx import helper, numpy_helper
from sklearn.linear_model import LogisticRegression

from assay import canonical, plugins
from assay.errors import BadInput, BadTestData
from assay.models.interface import InputDomain, InputKind, ModelDescription
from assay.models.loading import open_model
from assay.vocabulary import TargetKind

FEATURES, CLASSES = 4, 3
ROWS = InputDomain(InputKind.TABULAR, (-9.0,), (9.0,))
WEIGHT = np.arange(12, dtype=np.float32).reshape(FEATURES, CLASSES) / 10 - 0.5


def describe(
    folder: Path, source: str = "", factory: str = "", library: str = ""
) -> ModelDescription:
    """A model of rows that lies in a folder."""
    path = folder / source if source else None
    return ModelDescription("model", path, factory, library, ROWS, folder)


def written_torch(folder: Path) -> ModelDescription:
    (folder / "written_torch.py").write_text(
        f"import torch\ndef make():\n    return torch.nn.Linear({FEATURES}, {CLASSES}, bias=False)\n"
    )
    weight = torch.from_numpy(WEIGHT.T.copy())
    safetensors.torch.save_file({"weight": weight}, folder / "weights.safetensors")
    return describe(folder, "weights.safetensors", "written_torch:make")


def written_sklearn(folder: Path) -> ModelDescription:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, FEATURES))
    model = LogisticRegression().fit(x, np.arange(60) % CLASSES)
    model.coef_, model.intercept_ = WEIGHT.T.astype(np.float64), np.zeros(CLASSES)
    skops.io.dump(model, folder / "model.skops")
    return describe(folder, "model.skops")


def written_onnx(folder: Path) -> ModelDescription:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["logits"])],
        "linear",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", FEATURES])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(WEIGHT, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "model.onnx")
    return describe(folder, "model.onnx")


def written_function(folder: Path) -> ModelDescription:
    (folder / "written_function.py").write_text(
        f"import numpy as np\nW = np.array({WEIGHT.tolist()})\ndef scores(batch):\n"
        "    return batch @ W\n"
    )
    return describe(folder, factory="written_function:scores")


WRITTEN: dict[str, Callable[[Path], ModelDescription]] = {
    "torch": written_torch,
    "sklearn": written_sklearn,
    "onnx": written_onnx,
    "function": written_function,
}


@pytest.fixture(params=WRITTEN)
def description(request: pytest.FixtureRequest, tmp_path: Path) -> ModelDescription:
    return WRITTEN[request.param](tmp_path)


def test_every_library_is_here() -> None:
    assert sorted(WRITTEN) == [member.name for member in plugins.members("libraries")]


def test_scores_choose_the_class_that_the_weights_choose(description: ModelDescription) -> None:
    x = np.random.default_rng(1).normal(size=(50, FEATURES)).astype(np.float32)

    scores = open_model(description).predict(x)

    assert scores.shape == (50, CLASSES)
    assert scores.dtype == np.float32
    assert (scores.argmax(axis=1) == (x @ WEIGHT).argmax(axis=1)).all()


def test_digest_is_of_the_file(description: ModelDescription) -> None:
    file = description.source or description.python_path / "written_function.py"

    target = open_model(description).target

    assert target.kind is TargetKind.MODEL
    assert target.name == "model"
    assert target.digest == canonical.file_digest(file)


def test_wrong_number_of_features_is_refused(description: ModelDescription) -> None:
    model = open_model(description)
    with pytest.raises(BadTestData, match="batch of shape"):
        model.predict(np.zeros((5, FEATURES + 1), np.float32))


def test_scores_that_are_not_finite_are_refused(description: ModelDescription) -> None:
    model = open_model(description)
    with pytest.raises(BadTestData):
        model.predict(np.full((2, FEATURES), np.nan, np.float32))


def test_examples_are_not_changed(description: ModelDescription) -> None:
    x = np.ones((3, FEATURES), np.float32)
    x.setflags(write=False)

    open_model(description).predict(x)

    assert (x == 1).all()


@pytest.mark.parametrize("library", WRITTEN)
def test_model_without_file_or_function_is_refused(library: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="names no"):
        open_model(describe(tmp_path, library=library))
