"""Outputs and inputs of many forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from assay.errors import BadInput, BadTestData, UnreadableFile
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


def changed(path: Path, change: Callable[[onnx.ModelProto], object]) -> bytes:
    """A good model with something wrong in it, and a name in it that must not be repeated."""
    model = onnx.load(linear(path))
    model.graph.node[0].name = "Zoe Quill"
    change(model)
    data: bytes = model.SerializeToString()
    return data


BROKEN: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "garbage": (lambda _: b"no model", "its bytes are not ONNX"),
    "empty": (lambda _: b"", "holds no graph"),
    "cut short": (lambda path: linear(path).read_bytes()[:60], "not all of them are there"),
    "an unknown operator": (
        lambda path: changed(path, lambda m: setattr(m.graph.node[0], "op_type", "Quill")),
        "an operator that this onnxruntime does not know",
    ),
    "a version to come": (
        lambda path: changed(path, lambda m: setattr(m, "ir_version", 99)),
        "a newer version of ONNX",
    ),
    "an input that is not there": (
        lambda path: changed(path, lambda m: m.graph.node[0].input.__setitem__(0, "Quill")),
        "is not whole",
    ),
}


@pytest.mark.parametrize(("write", "why"), BROKEN.values(), ids=BROKEN)
def test_broken_file_says_what_is_wrong_in_our_words(
    tmp_path: Path, write: Callable[[Path], bytes], why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(write(path))
    with pytest.raises(UnreadableFile, match=r"m\.onnx cannot be run by onnxruntime") as caught:
        opened(path)

    assert why in caught.value.message
    assert not re.search("Quill|ONNXRuntimeError|/onnxruntime|protobuf", str(caught.value))
    assert capfd.readouterr() == ("", "")


def test_refused_batch_names_shapes_and_nothing_of_onnxruntime(tmp_path: Path) -> None:
    model = opened(linear(tmp_path / "m.onnx"))
    with pytest.raises(BadTestData, match=r"refuses a batch of shape \(2, 9\)") as caught:
        model.predict(np.ones((2, 9), np.float32))

    assert "it takes (any, 4)" in caught.value.message
    assert "ONNXRuntimeError" not in caught.value.message


def test_failure_while_running_is_said_by_us_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A reshape that only fails with data in it; onnxruntime would log it to the terminal."""

    def reshape(model: onnx.ModelProto) -> None:
        model.graph.node[0].op_type = "Reshape"
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array([3, 2]), "w"))

    (tmp_path / "m.onnx").write_bytes(changed(tmp_path / "m.onnx", reshape))
    model = opened(tmp_path / "m.onnx")
    with pytest.raises(BadTestData, match="refuses a batch") as caught:
        model.predict(np.ones((2, 4), np.float32))

    assert not re.search("Quill|Reshape|onnxruntime", str(caught.value))
    assert capfd.readouterr() == ("", "")
