"""Outputs and inputs of many forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from assay.errors import BadInput, UnreadableFile
from assay.models.interface import InputDomain, InputKind, Model, ModelDescription
from assay.models.loading import open_model

WEIGHT = np.arange(8, dtype=np.float32).reshape(4, 2) - 3


def opened(path: Path) -> Model:
    domain = InputDomain(InputKind.TABULAR, (-9.0,), (9.0,))
    return open_model(ModelDescription("model", path, "", "", domain, path.parent))


def linear(
    path: Path,
    *,
    batch: str | int = "n",
    input_type: int = TensorProto.FLOAT,
    outputs: tuple[str, ...] = ("scores",),
    label: bool = False,
    weight: np.ndarray = WEIGHT,
) -> Path:
    """A linear model; each output is the product once more, `label` adds its argmax."""
    nodes = [helper.make_node("MatMul", ["x", "w"], [name]) for name in outputs]
    infos = [helper.make_tensor_value_info(name, input_type, [batch, 2]) for name in outputs]
    if label:
        nodes.append(helper.make_node("ArgMax", [outputs[0]], ["label"], axis=1, keepdims=0))
        infos.insert(0, helper.make_tensor_value_info("label", TensorProto.INT64, [batch]))
    entry = helper.make_tensor_value_info("x", input_type, [batch, 4])
    graph = helper.make_graph(nodes, "g", [entry], infos, [numpy_helper.from_array(weight, "w")])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)


def test_score_output_is_found_beside_a_label(tmp_path: Path, x: np.ndarray) -> None:
    path = linear(tmp_path / "m.onnx", label=True)

    assert np.allclose(opened(path).predict(x), x @ WEIGHT, atol=1e-5)


def test_score_output_is_found_by_its_name(tmp_path: Path, x: np.ndarray) -> None:
    path = linear(tmp_path / "m.onnx", outputs=("embedding", "probabilities"))

    assert opened(path).predict(x).shape == (7, 2)


def test_two_outputs_that_could_be_scores_are_refused(tmp_path: Path) -> None:
    path = linear(tmp_path / "m.onnx", outputs=("a", "b"))
    with pytest.raises(BadInput, match=r"a tensor\(float\), b tensor\(float\)"):
        opened(path)


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_fixed_batch_is_filled_up(tmp_path: Path, x: np.ndarray, batch: int) -> None:
    path = linear(tmp_path / "m.onnx", batch=batch)

    assert np.allclose(opened(path).predict(x), x @ WEIGHT, atol=1e-5)


def test_input_of_another_type_is_refused(tmp_path: Path) -> None:
    path = linear(
        tmp_path / "m.onnx", input_type=TensorProto.DOUBLE, weight=WEIGHT.astype(np.float64)
    )
    with pytest.raises(BadInput, match=r"takes x tensor\(double\)"):
        opened(path)


def test_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(UnreadableFile, match="cannot be run by onnxruntime"):
        opened(path)
