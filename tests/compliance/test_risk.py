"""Threats: measured ones with an interval, the others UNMEASURED and ranked as the likeliest."""

from __future__ import annotations

from collections.abc import Sequence

from assay import plugins
from assay.compliance.risk import risks
from assay.intervals import wilson
from assay.law.catalogues import catalogue
from assay.vocabulary import (
    Evidence,
    Method,
    Observation,
    Proportion,
    Risk,
    SecurityLevel,
    Target,
    TargetKind,
)
from tests.compliance.scenes import NOW

MODEL = Target(TargetKind.MODEL, "digits", "sha256:1")


class Measured:
    """A measure that always has the same result."""

    id = "evasion_attacks"
    measured_by = "test"

    def likelihood(self, model: Target, evidence: Sequence[Evidence]) -> Proportion | None:
        """Three of ten."""
        return wilson(3, 10)


def test_the_five_core_threats_are_listed_for_every_model() -> None:
    other = Target(TargetKind.MODEL, "other")
    found = risks([MODEL, other], {}, [], [])
    assert len(found) == 10
    assert {risk.threat for risk in found} == {
        "data_poisoning",
        "model_inversion",
        "membership_inference",
        "model_stealing",
        "evasion_attacks",
    }
    assert all(risk.likelihood is None for risk in found)


def test_not_having_looked_never_lowers_a_risk() -> None:
    found = risks([MODEL], {"digits": SecurityLevel.RESTRICTED}, [], [Measured()])
    assert found[-1].threat == "evasion_attacks"
    assert found[-1].likelihood == wilson(3, 10)
    assert {risk.impact for risk in found} == {SecurityLevel.RESTRICTED}


class Counting:
    """A measure that says how many pieces of evidence it was given."""

    id = "evasion_attacks"
    measured_by = "test"

    def likelihood(self, model: Target, evidence: Sequence[Evidence]) -> Proportion | None:
        """So many of ten."""
        return wilson(len(evidence), 10) if evidence else None


def test_evidence_of_a_dataset_says_nothing_of_a_model_of_that_name() -> None:
    def seen(target: Target, digest: str) -> Evidence:
        look = Observation("robustness_run", "test", 1, Method.TEST, target, {}, NOW)
        return Evidence(digest, look, 0)

    of_model = seen(MODEL, "sha256:model")
    of_dataset = seen(Target(TargetKind.DATASET, MODEL.name), "sha256:dataset")

    def evasion(*evidence: Evidence) -> Risk:
        found = risks([MODEL], {}, evidence, [Counting()])
        return next(risk for risk in found if risk.threat == "evasion_attacks")

    assert evasion(of_dataset).likelihood is None
    both = evasion(of_dataset, of_model)
    assert both.likelihood == wilson(1, 10)
    assert both.evidence == ("sha256:model",)


def test_every_member_measures_a_threat_of_the_catalogue() -> None:
    known = {row["id"] for row in catalogue("threats")["threats"]}
    members = plugins.available("threats")
    assert members
    assert {member.use().id for member in members} <= known


def test_without_an_attack_evasion_is_unmeasured() -> None:
    evasion = next(m.use() for m in plugins.available("threats") if m.name == "evasion")
    assert evasion.likelihood(MODEL, []) is None
