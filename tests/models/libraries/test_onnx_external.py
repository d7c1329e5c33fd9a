"""Weights beside an ONNX file are not read: the file's digest would not cover what runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from assay.errors import UnreadableFile
from assay.models.interface import InputDomain, InputKind, ModelDescription
from assay.models.loading import open_model


def test_weights_in_another_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = numpy_helper.from_array(np.ones((4, 3), dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["scores"])],
        "scorer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        [weights],
    )
    opset = [helper.make_opsetid("", 17)]
    path = tmp_path / "scorer.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=opset, ir_version=9),
        str(path),
        save_as_external_data=True,
        location="scorer.bin",
        size_threshold=0,
    )
    assert (tmp_path / "scorer.bin").exists()
    monkeypatch.chdir(tmp_path)
    domain = InputDomain(InputKind.TABULAR, (0.0,), (1.0,))
    with pytest.raises(UnreadableFile, match="cannot be run") as caught:
        open_model(ModelDescription("scorer", path, "", "", domain, tmp_path))

    assert "its weights lie in another file" in caught.value.message
    assert "scorer.bin" not in str(caught.value)
