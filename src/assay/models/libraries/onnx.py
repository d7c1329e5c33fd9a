"""Models in ONNX, run by onnxruntime on the CPU.

The model has one input, a float tensor whose first axis counts examples. Its scores are the one
float output; of several, the one that is called probabilities, logits or scores. The file is read
once, so that the digest is of the bytes that run; weights must be in the file itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay import canonical
from assay.errors import BadInput, BadTestData, UnreadableFile
from assay.vocabulary import Target, TargetKind

if TYPE_CHECKING:
    from assay.models.interface import Floats, InputDomain, ModelDescription

REQUIRES = ("numpy", "onnxruntime")
EXTRA = "onnx"

_SCORE_NAMES = ("prob", "logit", "score")
_FATAL_ONLY = 4
"""onnxruntime's log level; below it the library writes to the terminal what we say in our words."""
_WHY = {
    "InvalidProtobuf": "its bytes are not ONNX, or not all of them are there",
    "InvalidGraph": "its graph has an operator that this onnxruntime does not know, or is not valid",
    "InvalidArgument": "it holds no graph, or one that is not whole",
    "NotImplemented": "it has an operator that onnxruntime cannot run on the CPU",
    "Fail": "it is of a newer version of ONNX, or its weights lie in another file",
}
"""What an error of onnxruntime means, by its class: their messages repeat what is in the file."""


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A session, its input and its score output by name, and the batch size if that is fixed."""

    target: Target
    domain: InputDomain
    session: Any
    input_name: str
    output_name: str
    fixed_batch: int | None

    def predict(self, batch: Floats) -> Floats:
        """See `Model`."""
        import numpy as np

        from assay.models.scores import checked_scores

        size = self.fixed_batch or max(1, len(batch))
        parts = [self._run(batch[start : start + size]) for start in range(0, len(batch), size)]
        scores = np.concatenate(parts) if parts else self._run(batch)
        return checked_scores(scores, len(batch))

    def _run(self, part: Floats) -> Any:
        import numpy as np

        # A fixed batch is filled up with copies, whose scores are dropped again.
        full = part if self.fixed_batch is None else np.resize(part, self._full_shape(part))
        try:
            (scores,) = self.session.run([self.output_name], {self.input_name: full})
        except MemoryError:
            raise
        except Exception as error:
            # onnxruntime's errors share no public class.
            raise BadTestData(
                f"{self.target.name} refuses a batch of shape {part.shape} "
                f"({type(error).__name__}); it takes {_shape(self.session)}.",
                next_step="Images are (n, channels, height, width), rows (n, features), float32.",
            ) from error
        return scores[: len(part)]

    def _full_shape(self, part: Floats) -> tuple[int, ...]:
        return (self.fixed_batch or len(part), *part.shape[1:])


@dataclass(frozen=True, slots=True)
class _Library:
    suffixes: tuple[str, ...] = (".onnx",)

    def open(self, description: ModelDescription) -> OnnxModel:
        """See `Library`."""
        if description.source is None:
            raise BadInput(
                f"The model {description.name} names no file.",
                next_step="Give source an ONNX file.",
            )
        data = description.source.read_bytes()
        session = _session(data, str(description.source))
        entry = _input(session, description.name)
        rows = entry.shape[0] if entry.shape else None
        return OnnxModel(
            target=Target(TargetKind.MODEL, description.name, canonical.digest(data)),
            domain=description.domain,
            session=session,
            input_name=entry.name,
            output_name=_score_output(session.get_outputs(), description.name),
            fixed_batch=rows if isinstance(rows, int) and rows > 0 else None,
        )


MEMBER = _Library()


_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
_NOWHERE = "/nonexistent"


def _session(data: bytes, path: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    # A folder that is not there: weights beside the file would not be covered by its digest.
    options.add_session_config_entry(_EXTERNAL_FOLDER, _NOWHERE)
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except MemoryError:
        raise
    except Exception as error:
        # onnxruntime's errors share no public class.
        kind = type(error).__name__
        why = f": {_WHY[kind]}" if kind in _WHY else ""
        raise UnreadableFile(
            f"{path} cannot be run by onnxruntime ({kind}){why}.",
            next_step="Export the model again, with its weights inside the file.",
        ) from error


def _input(session: Any, name: str) -> Any:
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        seen = ", ".join(f"{entry.name} {entry.type}" for entry in inputs)
        raise BadInput(
            f"The model {name} takes {seen}, and not one tensor of float32.",
            next_step="Export it with one float32 input whose first axis counts examples.",
        )
    return inputs[0]


def _shape(session: Any) -> str:
    """The shape of the input as the file declares it: `(any, 4)`."""
    axes = session.get_inputs()[0].shape
    return f"({', '.join(str(axis) if isinstance(axis, int) else 'any' for axis in axes)})"


def _score_output(outputs: Sequence[Any], name: str) -> str:
    floats = [output.name for output in outputs if output.type == "tensor(float)"]
    if len(floats) > 1:
        floats = [one for one in floats if any(word in one.lower() for word in _SCORE_NAMES)]
    if len(floats) != 1:
        seen = ", ".join(f"{output.name} {output.type}" for output in outputs)
        raise BadInput(
            f"The outputs of {name} are {seen}; which holds the class scores is not clear.",
            next_step="Export one float output named scores; with skl2onnx, set zipmap to False.",
        )
    return str(floats[0])
