"""Models of scikit-learn, saved with skops.

A skops file lists the types it is made of; only those that are known to be harmless are built, and
a file with any other is refused with their names. Trees are among those: their nodes are indices
that scikit-learn follows unchecked, so that a forged file could make it read foreign memory. A
forest or a boosted model is measured as ONNX or through a function. Scores are `predict_proba`, or
`decision_function` where there is none; of two classes, its one column is the logit of the second.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay import canonical
from assay.errors import AssayError, BadInput, BadTestData, UnreadableFile, UnsafeFile
from assay.vocabulary import Target, TargetKind

if TYPE_CHECKING:
    from assay.models.interface import Floats, InputDomain, ModelDescription

REQUIRES = ("numpy", "sklearn", "skops")
EXTRA = "ml"

_TYPES_SHOWN = 3
_TYPE_CHARACTERS_MAX = 200
_HARMLESS = frozenset(
    {
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.utils._bunch.Bunch",
    }
)
"""Plain classes of scikit-learn that skops does not list: they hold attributes and do no more."""


@dataclass(frozen=True, slots=True)
class SklearnModel:
    """A fitted classifier; its classes are numbered as in `classes_`."""

    target: Target
    domain: InputDomain
    classifier: Any

    def predict(self, batch: Floats) -> Floats:
        """See `Model`."""
        from assay.models.scores import checked_scores

        with warnings.catch_warnings():
            # A model that was fitted on a data frame warns when it gets an array; the columns are
            # the same and in the same order.
            warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
            try:
                scores = self._scores(batch)
            except MemoryError:
                raise
            except Exception as error:
                # scikit-learn's words may hold values of the batch.
                raise BadTestData(
                    f"{self.target.name} refuses a batch of shape {batch.shape} "
                    f"({type(error).__name__}{_fitted_on(self.classifier)}).",
                    next_step="Give the features that the model was fitted on, in that order.",
                ) from error
        return checked_scores(scores, len(batch))

    def _scores(self, batch: Floats) -> Any:
        import numpy as np

        if hasattr(self.classifier, "predict_proba"):
            return self.classifier.predict_proba(batch)
        decision = self.classifier.decision_function(batch)
        return decision if decision.ndim == 2 else np.stack([-decision, decision], axis=1)


@dataclass(frozen=True, slots=True)
class _Library:
    suffixes: tuple[str, ...] = (".skops",)

    def open(self, description: ModelDescription) -> SklearnModel:
        """See `Library`."""
        if description.source is None:
            raise BadInput(
                f"The model {description.name} names no file.",
                next_step="Give source a .skops file; skops.io.dump(model, file) writes one.",
            )
        classifier = _read(description.source)
        if not (hasattr(classifier, "predict_proba") or hasattr(classifier, "decision_function")):
            raise BadInput(
                f"{description.source} holds a {type(classifier).__name__}, which gives no class "
                "scores.",
                next_step="Save a classifier with predict_proba or decision_function.",
            )
        digest = canonical.file_digest(description.source)
        target = Target(TargetKind.MODEL, description.name, digest)
        return SklearnModel(target, description.domain, classifier)


MEMBER = _Library()


def _read(path: Path) -> Any:
    from skops import io

    try:
        untrusted = [name for name in io.get_untrusted_types(file=path) if name not in _HARMLESS]
        if untrusted:
            more = len(untrusted) - _TYPES_SHOWN
            named = [_shown(name) for name in untrusted[:_TYPES_SHOWN]]
            raise UnsafeFile(
                f"{path} is made of types that are not known to be harmless: "
                f"{', '.join(named)}{f' and {more} more' if more > 0 else ''}.",
                next_step="Export it as ONNX, or call it from a function of your own with "
                "library = 'function'.",
            )
        return io.load(path, trusted=sorted(_HARMLESS))
    except (AssayError, MemoryError):
        raise
    except Exception as error:
        # The reader meets bytes that anybody may have written, and raises what it stumbles over.
        raise UnreadableFile(
            f"{path} is not a skops file of this scikit-learn ({type(error).__name__}).",
            next_step="Save it again with skops.io.dump, under the versions that are installed here.",
        ) from error


def _shown(name: str) -> str:
    """The name of a type as the file gives it, where it can be one."""
    parts = name.split(".")
    can_be = len(name) <= _TYPE_CHARACTERS_MAX and all(part.isidentifier() for part in parts)
    return name if can_be else "a type whose name is none"


def _fitted_on(classifier: Any) -> str:
    """What most often tells why a batch does not fit."""
    features = getattr(classifier, "n_features_in_", None)
    return f"; it was fitted on {features} features" if isinstance(features, int) else ""
