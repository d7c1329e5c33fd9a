"""Which library opens what, and what is never opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import BadInput, MissingExtra, UnknownFormat, UnreadableFile, UnsafeFile
from assay.models.interface import InputDomain, InputKind, ModelDescription
from assay.models.libraries import onnx
from assay.models.loading import choose_library, open_model
from assay.plugins import Member, members


def describe(
    source: str | Path | None, *, library: str = "", factory: str = ""
) -> ModelDescription:
    domain = InputDomain(InputKind.TABULAR, (0.0,), (1.0,))
    path = None if source is None else Path(source)
    return ModelDescription("model", path, factory, library, domain, Path("/"))


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("m.safetensors", "torch"),
        ("m.PT", "torch"),
        ("m.pth", "torch"),
        ("m.skops", "sklearn"),
        ("m.v2.onnx", "onnx"),
    ],
)
def test_ending_chooses_the_library(name: str, library: str) -> None:
    assert library == choose_library(describe(name), members("libraries")).name


def test_name_goes_before_ending() -> None:
    described = describe("m.onnx", library="torch")

    assert choose_library(described, members("libraries")).name == "torch"


def test_factory_without_file_is_a_function() -> None:
    described = describe(None, factory="package.module:scores")

    assert choose_library(described, members("libraries")).name == "function"


@pytest.mark.parametrize("name", ["m.pkl", "m.pickle", "m.joblib", "m.PKL"])
@pytest.mark.parametrize("library", ["", "sklearn", "torch"])
def test_pickles_are_never_opened(tmp_path: Path, name: str, library: str) -> None:
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(UnsafeFile, match="is a pickle") as caught:
        open_model(describe(tmp_path / name, library=library))

    assert "skops" in caught.value.next_step


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no model file at"):
        open_model(describe(tmp_path / "m.onnx"))


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no model file at"):
        open_model(describe(tmp_path))


def test_unknown_ending(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(b"")
    with pytest.raises(UnknownFormat, match=r"m\.h5") as caught:
        open_model(describe(tmp_path / "m.h5"))

    assert ".onnx, .pt, .pth, .safetensors, .skops" in caught.value.next_step


def test_unknown_library_names_those_there_are() -> None:
    with pytest.raises(BadInput, match="unknown library, keras") as caught:
        open_model(describe(None, library="keras"))

    assert "function, onnx, sklearn, torch" in caught.value.next_step


def test_neither_file_nor_function() -> None:
    with pytest.raises(BadInput, match="neither a file nor a function"):
        open_model(describe(None))


def test_library_that_is_not_installed_names_its_extra() -> None:
    missing = Member(
        "libraries",
        "onnx",
        "assay",
        "",
        available=False,
        extra="onnx",
        missing_library="onnxruntime",
        value=onnx.MEMBER,
    )
    with pytest.raises(MissingExtra, match=r"pip install 'assay\[onnx\]'"):
        choose_library(describe("m.onnx"), [missing]).use()
