"""Models of PyTorch: a factory that builds the network, and a file of weights.

Weights are a `.safetensors` file, or a `.pt` or `.pth` file that holds tensors only; one that would
need to run code is refused. A checkpoint may keep its weights under `state_dict` or
`model_state_dict`. The digest is that of the weights file.

A network with one output is binary. The output is a logit, positive for class 1, unless the network
ends in `nn.Sigmoid`; then it is a probability.
"""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay import canonical
from assay.errors import (
    AssayError,
    BadInput,
    BadTestData,
    UnreadableFile,
    UnsafeFile,
    WeightsDoNotFit,
)
from assay.models import imports
from assay.vocabulary import Target, TargetKind

if TYPE_CHECKING:
    import torch

    from assay.models.interface import Floats, InputDomain, ModelDescription

REQUIRES = ("numpy", "torch", "safetensors")
EXTRA = "torch"

_BATCH_EXAMPLES = 512
_WRAPPED_UNDER = ("state_dict", "model_state_dict")
_NAMES_SHOWN = 3
_LENGTH_BYTES = 8
"""A safetensors file begins with the length of its header in so many bytes."""


@dataclass(frozen=True, slots=True)
class TorchModel:
    """A network that gives two scores or more for each example; see `Classifier` for others."""

    target: Target
    domain: InputDomain
    network: torch.nn.Module

    def predict(self, batch: Floats) -> Floats:
        """See `Model`."""
        import torch

        from assay.models.networks import device_of, quiet, tensor
        from assay.models.scores import checked_scores

        device = device_of(self.network)
        try:
            with quiet(self.network), torch.no_grad():
                parts = torch.split(tensor(batch, device), _BATCH_EXAMPLES)
                answers = [self.network(part) for part in parts]
        except (AssayError, MemoryError):
            raise
        except Exception as error:
            # A network is a stranger's code. Its words, and torch's, may hold what is in the data.
            raise BadTestData(
                f"The network of {self.target.name} refuses a batch of shape {batch.shape} "
                f"({type(error).__name__}{_first_weights(self.network)}).",
                next_step="Images are (n, channels, height, width), rows (n, features), float32.",
            ) from error
        return checked_scores(torch.cat(answers).cpu().numpy(), len(batch))


@dataclass(frozen=True, slots=True)
class _Library:
    suffixes: tuple[str, ...] = (".safetensors", ".pt", ".pth")

    def open(self, description: ModelDescription) -> TorchModel:
        """See `Library`."""
        from assay.models.networks import Classifier

        if description.source is None:
            raise BadInput(
                f"The model {description.name} names no file of weights.",
                next_step="Give source a .safetensors file, or a .pt file that holds tensors only.",
            )
        network = _build(description)
        _fill(network, _read(description.source), description.source)
        network.eval().requires_grad_(False)
        digest = canonical.file_digest(description.source)
        target = Target(TargetKind.MODEL, description.name, digest)
        return TorchModel(target, description.domain, Classifier(network).eval())


MEMBER = _Library()


def _build(description: ModelDescription) -> torch.nn.Module:
    import torch

    if not description.factory:
        raise BadInput(
            f"The model {description.name} is a file of weights without a network.",
            next_step="Say which function builds the network: factory = 'package.module:function'.",
        )
    factory = imports.named(description.factory, description.python_path)
    try:
        with imports.first_on_path(description.python_path):
            network = factory()
    except Exception as error:
        raise BadInput(
            f"{description.factory} failed "
            f"({type(error).__name__}{imports.place_in(description.python_path, error)}).",
            next_step="A factory is called without arguments and returns a torch.nn.Module.",
        ) from error
    if not isinstance(network, torch.nn.Module):
        raise BadInput(
            f"{description.factory} returned {type(network).__name__}, not a torch.nn.Module.",
            next_step="A factory is called without arguments and returns a torch.nn.Module.",
        )
    return network


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    read = _read_safetensors if path.suffix.lower() == ".safetensors" else _read_state_dict
    weights = read(path)
    for name in _WRAPPED_UNDER:
        inner = weights.get(name)
        if isinstance(inner, Mapping):
            weights = inner
    return weights


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except MemoryError:
        raise
    except Exception as error:
        # The reader meets bytes that anybody may have written, and repeats some of them.
        raise UnreadableFile(
            f"{path} is not a safetensors file: {_why_not_safetensors(path)}.",
            next_step="Save it again with safetensors.torch.save_file.",
        ) from error


def _why_not_safetensors(path: Path) -> str:
    """What is wrong with it: eight bytes with the length of a JSON header, the header, the tensors."""
    size = path.stat().st_size
    if size < _LENGTH_BYTES:
        return f"it has {size} bytes"
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        if length > size - _LENGTH_BYTES:
            return "it says that its header is longer than the file"
        header = stream.read(length)
    try:
        json.loads(header)
    except (ValueError, RecursionError):
        return "its header is not JSON"
    return f"its header does not fit its {size} bytes; it may have been cut short"


def _read_state_dict(path: Path) -> Mapping[str, Any]:
    import torch

    try:
        with warnings.catch_warnings():
            # Said of pickles that torch did not write; what cannot be read still raises.
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnsafeFile(
            f"{path} holds more than tensors; to open it would run code that it brings.",
            next_step="Save the network's state_dict() with safetensors.torch.save_file.",
        ) from error
    except MemoryError:
        raise
    except Exception as error:
        # The reader meets bytes that anybody may have written, and raises what it stumbles over.
        raise UnreadableFile(
            f"{path} is not a file of torch weights, or not all of it ({type(error).__name__}).",
            next_step="Save the network's state_dict() again, with safetensors.torch.save_file.",
        ) from error
    if not isinstance(found, Mapping):
        raise UnreadableFile(
            f"{path} holds a {type(found).__name__}, not a state dict.",
            next_step="Save the network's state_dict().",
        )
    return found


def _fill(network: torch.nn.Module, weights: Mapping[str, Any], path: Path) -> None:
    have = network.state_dict()
    both = [name for name in have if name in weights]
    misfits = [
        *(f"{name} is missing" for name in have if name not in weights),
        *(f"{name} is not in the network" for name in weights if name not in have),
        *(wrong for name in both if (wrong := _misfit(name, weights[name], have[name]))),
    ]
    if misfits:
        more = f", and {len(misfits) - _NAMES_SHOWN} more" if len(misfits) > _NAMES_SHOWN else ""
        raise WeightsDoNotFit(
            f"{path} does not fit the network: {', '.join(misfits[:_NAMES_SHOWN])}{more}.",
            next_step="Check that factory builds the network that these weights were saved from.",
        )
    network.load_state_dict(dict(weights))


def _misfit(name: str, found: Any, wanted: torch.Tensor) -> str:
    """What is wrong with one of the weights; empty if nothing is."""
    if not hasattr(found, "shape"):
        return f"{name} is no tensor"
    if found.shape != wanted.shape:
        return f"{name} is {tuple(found.shape)} instead of {tuple(wanted.shape)}"
    return ""


def _first_weights(network: torch.nn.Module) -> str:
    """The shape that most often tells why a batch does not fit."""
    first = next(iter(network.parameters()), None)
    return "" if first is None else f"; its first weights have the shape {tuple(first.shape)}"
