"""Weights that fit, weights that do not, and files that hold more than weights."""

from __future__ import annotations

import pickle
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from assay.errors import BadInput, BadTestData, UnreadableFile, UnsafeFile, WeightsDoNotFit
from assay.models.interface import InputDomain, InputKind, Model, ModelDescription
from assay.models.loading import open_model

FACTORY = """
import torch
from torch import nn

def linear():
    return nn.Linear(4, 3)

def wrong():
    return "a network"

def failing():
    raise OSError("no such bucket")

class Viewing(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return self.convolution(x).view(len(x), -1)

class OneOutput(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 1)

    def forward(self, x):
        return self.linear(x)[:, 0]

class HiddenSigmoid(OneOutput):
    def forward(self, x):
        return torch.sigmoid(super().forward(x))

class Talking(OneOutput):
    def forward(self, x):
        raise ValueError("cannot answer for Zoe Quill")

def normed():
    return nn.BatchNorm1d(4)

def with_sigmoid():
    return nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "torch_factory.py").write_text(FACTORY)
    return tmp_path


def opened(folder: Path, source: str, function: str = "linear") -> Model:
    domain = InputDomain(InputKind.TABULAR, (-9.0,), (9.0,))
    factory = f"torch_factory:{function}" if function else ""
    return open_model(ModelDescription("model", folder / source, factory, "", domain, folder))


def saved(folder: Path, network: nn.Module) -> str:
    safetensors.torch.save_file(network.state_dict(), folder / "weights.safetensors")
    return "weights.safetensors"


@pytest.mark.parametrize("ending", ["pt", "pth"])
@pytest.mark.parametrize("wrapper", ["", "state_dict", "model_state_dict"])
def test_state_dicts_are_read(folder: Path, ending: str, wrapper: str) -> None:
    network = nn.Linear(4, 3)
    state = network.state_dict()
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, folder / f"w.{ending}")
    x = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)

    scores = opened(folder, f"w.{ending}").predict(x)

    assert np.allclose(scores, network(torch.from_numpy(x)).detach().numpy(), atol=1e-6)


def test_more_examples_than_fit_a_batch(folder: Path) -> None:
    x = np.ones((1300, 4), np.float32)

    assert opened(folder, saved(folder, nn.Linear(4, 3))).predict(x).shape == (1300, 3)


def test_misfits_are_named_three_at_most(folder: Path) -> None:
    tensors = {"weight": torch.zeros(3, 5), "gain": torch.zeros(1), "shift": torch.zeros(1)}
    safetensors.torch.save_file(tensors, folder / "w.safetensors")
    with pytest.raises(WeightsDoNotFit) as caught:
        opened(folder, "w.safetensors")

    assert "bias is missing, gain is not in the network, shift is not" in caught.value.message
    assert "and 1 more" in caught.value.message


def test_mis_shaped_tensor_is_named_with_both_shapes(folder: Path) -> None:
    with pytest.raises(WeightsDoNotFit, match=r"weight is \(3, 5\) instead of \(3, 4\)"):
        opened(folder, saved(folder, nn.Linear(5, 3)))


def test_weights_without_a_factory_say_how_to_name_one(folder: Path) -> None:
    source = saved(folder, nn.Linear(4, 3))
    with pytest.raises(BadInput, match=r"factory = 'package\.module:function'"):
        opened(folder, source, function="")


def test_factory_that_returns_something_else(folder: Path) -> None:
    source = saved(folder, nn.Linear(4, 3))
    with pytest.raises(BadInput, match=r"returned str, not a torch\.nn\.Module"):
        opened(folder, source, function="wrong")


def test_factory_that_fails(folder: Path) -> None:
    source = saved(folder, nn.Linear(4, 3))
    with pytest.raises(
        BadInput, match=r"failing failed \(OSError, torch_factory\.py line 12\)"
    ) as said:
        opened(folder, source, function="failing")

    assert "bucket" not in str(said.value)


def test_whole_module_is_refused(folder: Path) -> None:
    torch.save(nn.Linear(4, 3), folder / "module.pt")
    with pytest.raises(UnsafeFile, match="would run code"):
        opened(folder, "module.pt")


def test_bare_pickle_with_the_ending_of_torch_is_not_run(folder: Path) -> None:
    witness = folder / "witness"

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (witness,))

    (folder / "evil.pt").write_bytes(pickle.dumps(Payload()))
    with pytest.raises((UnsafeFile, UnreadableFile)):
        opened(folder, "evil.pt")

    assert not witness.exists()


def test_tensor_alone_is_no_state_dict(folder: Path) -> None:
    torch.save(torch.zeros(3), folder / "tensor.pt")
    with pytest.raises(UnreadableFile, match="holds a Tensor, not a state dict"):
        opened(folder, "tensor.pt")


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
@pytest.mark.parametrize("content", [b"", b"not weights at all"])
def test_broken_file(folder: Path, ending: str, content: bytes) -> None:
    (folder / f"broken.{ending}").write_bytes(content)
    with pytest.raises((UnreadableFile, UnsafeFile)):
        opened(folder, f"broken.{ending}")


_HEADER = b'{"Zoe Quill": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has 0 bytes"),
        (b"abc", "it has 3 bytes"),
        (b"garbage" * 9, "says that its header is longer than the file"),
        (struct.pack("<Q", 5) + b"{abc}", "its header is not JSON"),
        (struct.pack("<Q", len(_HEADER)) + _HEADER + bytes(4), "its header does not fit"),
    ],
    ids=["empty", "short", "garbage", "no JSON", "unknown type"],
)
def test_broken_safetensors_say_what_is_wrong_in_our_words(
    folder: Path, content: bytes, why: str
) -> None:
    (folder / "broken.safetensors").write_bytes(content)
    with pytest.raises(UnreadableFile) as caught:
        opened(folder, "broken.safetensors")

    assert why in caught.value.message
    assert "broken.safetensors" in caught.value.message
    assert "save_file" in caught.value.next_step
    assert not re.search("deserializ|Quill|variant", str(caught.value))


def test_safetensors_cut_short(folder: Path) -> None:
    whole = (folder / saved(folder, nn.Linear(4, 3))).read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:-20])
    with pytest.raises(UnreadableFile, match=r"its header does not fit its .* cut short") as caught:
        opened(folder, "cut.safetensors")

    assert "metadata" not in caught.value.message


def test_torch_weights_cut_short(folder: Path) -> None:
    torch.save(nn.Linear(4, 3).state_dict(), folder / "cut.pt")
    whole = (folder / "cut.pt").read_bytes()
    (folder / "cut.pt").write_bytes(whole[:-90])
    with pytest.raises(UnreadableFile, match=r"cut\.pt is not .* \(RuntimeError\)") as caught:
        opened(folder, "cut.pt")

    assert "miniz" not in str(caught.value)
    assert "state_dict" in caught.value.next_step


def test_refused_batch_names_shapes_and_nothing_of_torch(folder: Path) -> None:
    model = opened(folder, saved(folder, nn.Linear(4, 3)))
    with pytest.raises(BadTestData, match=r"refuses a batch of shape \(2, 9\)") as caught:
        model.predict(np.ones((2, 9), np.float32))

    assert "first weights have the shape (3, 4)" in caught.value.message
    assert "mat1" not in caught.value.message


def test_network_that_fails_says_nothing_of_its_own(folder: Path) -> None:
    network = nn.Sequential()
    network.linear = nn.Linear(4, 1)
    model = opened(folder, saved(folder, network), "Talking")
    with pytest.raises(BadTestData, match="ValueError") as caught:
        model.predict(np.ones((2, 4), np.float32))

    assert "Quill" not in str(caught.value)


def test_weights_that_are_no_tensors(folder: Path) -> None:
    state = {**nn.BatchNorm1d(4).state_dict(), "num_batches_tracked": 7}
    torch.save(state, folder / "odd.pt")
    with pytest.raises(WeightsDoNotFit, match=r"odd\.pt does not fit the network") as caught:
        opened(folder, "odd.pt", "normed")

    assert "num_batches_tracked is no tensor" in caught.value.message


def test_network_that_flattens_with_view(folder: Path) -> None:
    network = nn.Sequential()
    network.convolution = nn.Conv2d(1, 2, 3)
    source = saved(folder, network)

    scores = opened(folder, source, "Viewing").predict(np.ones((2, 1, 5, 5), np.float32))

    assert scores.shape == (2, 18)


def test_single_logit_becomes_two_columns(folder: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    network = nn.Sequential()
    network.linear = nn.Linear(4, 1)

    scores = opened(folder, saved(folder, network), "OneOutput").predict(x)

    logits = network.linear(torch.from_numpy(x)).detach().numpy()
    assert scores.shape == (40, 2)
    assert (scores.argmax(axis=1) == (logits[:, 0] > 0)).all()


def test_single_probability_becomes_two_columns(folder: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    network = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())

    scores = opened(folder, saved(folder, network), "with_sigmoid").predict(x)

    assert np.allclose(scores.sum(axis=1), 1)
    assert np.allclose(scores[:, 1], network(torch.from_numpy(x)).detach().numpy()[:, 0])


def test_probability_that_pretends_to_be_a_logit_is_refused(folder: Path) -> None:
    network = nn.Sequential()
    network.linear = nn.Linear(4, 1)
    model = opened(folder, saved(folder, network), "HiddenSigmoid")
    with pytest.raises(BadTestData, match="looks like a probability"):
        model.predict(np.ones((20, 4), np.float32))
