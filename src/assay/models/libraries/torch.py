"""Models of PyTorch: a factory that builds the network, and a file of weights.

Weights are a `.safetensors` file, or a `.pt` or `.pth` file that holds tensors only; one that would
need to run code is refused. A checkpoint may keep its weights under `state_dict` or
`model_state_dict`. The digest is that of the weights file.

A network with one output is binary. The output is a logit, positive for class 1, unless the network
ends in `nn.Sigmoid`; then it is a probability.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay import canonical
from assay.errors import BadInput, BadTestData, UnreadableFile, UnsafeFile, WeightsDoNotFit
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
        except RuntimeError as error:
            raise BadTestData(
                f"The network of {self.target.name} refuses a batch of shape {batch.shape} "
                f"({error}).",
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
            f"{description.factory} failed ({type(error).__name__}: {error}).",
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
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise UnreadableFile(
            f"{path} is not a safetensors file ({error}).",
            next_step="Save it again with safetensors.torch.save_file.",
        ) from error


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
    except Exception as error:
        # The reader meets bytes that anybody may have written, and raises what it stumbles over.
        raise UnreadableFile(f"{path} is not a file of torch weights ({error}).") from error
    if not isinstance(found, Mapping):
        raise UnreadableFile(
            f"{path} holds a {type(found).__name__}, not a state dict.",
            next_step="Save the network's state_dict().",
        )
    return found


def _fill(network: torch.nn.Module, weights: Mapping[str, Any], path: Path) -> None:
    have = network.state_dict()
    misfits = [
        *(f"{name} is missing" for name in have if name not in weights),
        *(f"{name} is not in the network" for name in weights if name not in have),
        *(
            f"{name} is {_shape(weights[name])} instead of {_shape(have[name])}"
            for name in have
            if name in weights and _shape(weights[name]) != _shape(have[name])
        ),
    ]
    if misfits:
        more = f", and {len(misfits) - _NAMES_SHOWN} more" if len(misfits) > _NAMES_SHOWN else ""
        raise WeightsDoNotFit(
            f"{path} does not fit the network: {', '.join(misfits[:_NAMES_SHOWN])}{more}.",
            next_step="Check that factory builds the network that these weights were saved from.",
        )
    network.load_state_dict(dict(weights))


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(getattr(tensor, "shape", ()))
