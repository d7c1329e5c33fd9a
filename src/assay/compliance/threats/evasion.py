"""Evasion: inputs crafted at use so that the model answers wrongly (OWASP ML01:2023).

One success is one correctly classified test input for which some attack of the ensemble, within the
declared budget, finds an input that is classified wrongly; one attempt is one such input under the
whole ensemble. Corruptions have no adversary and do not count here.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.intervals import wilson
from assay.models.robustness import attack_outcome
from assay.vocabulary import Evidence, Proportion, Target


class Evasion:
    """Measured by the attacks of the models room."""

    id = "evasion_attacks"
    measured_by = (
        "every attack that fits the model, at the declared epsilon, per example worst case"
    )

    def likelihood(self, model: Target, evidence: Sequence[Evidence]) -> Proportion | None:
        """Broken over correctly classified examples; None where no attack ran."""
        outcome = attack_outcome(model, evidence)
        return None if outcome is None else wilson(outcome.broken, outcome.correct)


MEMBER = Evasion()
