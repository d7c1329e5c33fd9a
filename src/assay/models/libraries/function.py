"""A model as a function: `package.module:function` takes a batch and returns scores.

The batch is a float32 array whose first axis counts examples; scores are (n, classes), or the
probability of class 1 (n,). The digest is that of the file that the function is in, and so does not
cover what that file imports or reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay import canonical
from assay.errors import BadInput, BadTestData
from assay.models import imports
from assay.vocabulary import Target, TargetKind

if TYPE_CHECKING:
    from assay.models.interface import Floats, InputDomain, ModelDescription

REQUIRES = ("numpy",)
EXTRA = "ml"


@dataclass(frozen=True, slots=True)
class FunctionModel:
    """A function that scores a batch."""

    target: Target
    domain: InputDomain
    function: Callable[[Floats], Any]

    def predict(self, batch: Floats) -> Floats:
        """See `Model`; the function gets a copy, so that it cannot change the examples."""
        from assay.models.scores import checked_scores

        try:
            scores = self.function(batch.copy())
        except Exception as error:
            raise BadTestData(
                f"The function of {self.target.name} failed on a batch of shape {batch.shape} "
                f"({type(error).__name__}).",
                next_step="Call it with a float32 array of that shape to see why.",
            ) from error
        return checked_scores(scores, len(batch))


@dataclass(frozen=True, slots=True)
class _Library:
    suffixes: tuple[str, ...] = ()

    def open(self, description: ModelDescription) -> FunctionModel:
        """See `Library`."""
        if not description.factory:
            raise BadInput(
                f"The model {description.name} names no function.",
                next_step="Give factory = 'package.module:function'.",
            )
        function = imports.named(description.factory, description.python_path)
        digest = canonical.file_digest(imports.source_file(function))
        target = Target(TargetKind.MODEL, description.name, digest)
        return FunctionModel(target, description.domain, function)


MEMBER = _Library()
