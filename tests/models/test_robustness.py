"""Summing up is pure: hand-written evidence in, hand-counted values out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from assay.intervals import wilson
from assay.models.robustness import (
    attack_outcome,
    masking_warnings,
    planning_gaps,
    summarise,
)
from assay.vocabulary import (
    Evidence,
    Method,
    Observation,
    Proportion,
    Target,
    TargetKind,
    not_measured,
)
from tests.models.conftest import NOW

MODEL = Target(TargetKind.MODEL, "model", "sha256:" + "a" * 64)
EXAMPLES = 10


def run(
    member: str,
    points: dict[float, str],
    *,
    family: str = "attack",
    needs: str = "gradients",
    declared: float | None = 0.1,
    digest: str = "sha256:one",
    minutes: int = 0,
    planned: tuple[str, ...] | None = None,
) -> Evidence:
    """A run in which the examples marked 1 survived."""

    def share(bits: str) -> dict[str, Any]:
        p = wilson(bits.count("1"), EXAMPLES)
        return {"successes": p.successes, "trials": p.trials, "low": p.low, "high": p.high}

    def packed(bits: str) -> str:
        return np.packbits([bit == "1" for bit in bits]).tobytes().hex()

    facts = {
        "member": member,
        "family": family,
        "needs": needs,
        "norm": "linf",
        "unit": "epsilon",
        "parameters": {"steps": 3},
        "declared": declared,
        "planned": _planned(planned or (member,)),
        "seed": 7,
        "examples": EXAMPLES,
        "examples_digest": digest,
        "clean": {**share("1111111110"), "mask": packed("1111111110")},
        "points": [
            {"amount": amount, "robust": share(bits), "mask": packed(bits)}
            for amount, bits in points.items()
        ],
        "budget": {"forwards_per_example": 2.0, "gradients_per_example": 3.5},
    }
    observation = Observation(
        "robustness_run",
        f"models.{member}",
        1,
        Method.TEST,
        MODEL,
        facts,
        NOW + timedelta(minutes=minutes),
    )
    return Evidence(f"sha256:{member}{minutes}", observation, minutes)


def _planned(names: tuple[str, ...]) -> dict[str, list[str]]:
    corruptions = [name for name in names if name in ("noise", "fog")]
    return {"attacks": [n for n in names if n not in corruptions], "corruptions": corruptions}


PGD = run("pgd", {0.1: "1111100000", 0.2: "1000000000"})
SQUARE = run("square", {0.1: "1100111000", 0.2: "1100000000"}, needs="scores")
NOISE = run("noise", {0.05: "1111111110", 0.2: "0111111100"}, family="corruption", declared=0.2)


def test_worst_case_is_who_survives_everything_at_once() -> None:
    summary = summarise(MODEL, [PGD, SQUARE, NOISE])

    assert summary is not None
    assert summary.worst_case == wilson(2, EXAMPLES)
    assert summary.worst_case_epsilon == 0.1
    assert summary.examples == EXAMPLES
    assert summary.clean == wilson(9, EXAMPLES)


def test_curves_say_what_was_run() -> None:
    summary = summarise(MODEL, [SQUARE, NOISE, PGD])

    assert summary is not None
    assert [curve.member for curve in summary.curves] == ["pgd", "square", "noise"]
    curve = summary.curves[0]
    assert [(p.amount, p.robust.successes) for p in curve.points] == [(0.1, 5), (0.2, 1)]
    assert curve.evidence == PGD.digest
    assert (curve.forwards_per_example, curve.gradients_per_example) == (2.0, 3.5)


def test_nothing_measured_is_none() -> None:
    failed = replace(PGD.observation, facts=not_measured("no time", "run it again"))
    elsewhere = Target(TargetKind.MODEL, "model", "sha256:" + "b" * 64)

    assert summarise(MODEL, []) is None
    assert summarise(MODEL, [replace(PGD, observation=failed)]) is None
    assert summarise(elsewhere, [PGD]) is None


def test_corruptions_alone_give_no_worst_case() -> None:
    summary = summarise(MODEL, [NOISE])

    assert summary is not None
    assert summary.worst_case is None
    assert summary.worst_case_epsilon is None


def test_corruption_without_a_declared_amount_does_not_count() -> None:
    harmful = run("fog", {3.0: "0000000000"}, family="corruption", declared=None)
    summary = summarise(MODEL, [PGD, harmful])

    assert summary is not None
    assert summary.worst_case == wilson(5, EXAMPLES)


def test_runs_on_other_examples_are_never_mixed_in() -> None:
    old = run("square", {0.1: "0000000000"}, digest="sha256:other", needs="scores")
    new = run("pgd", {0.1: "1111100000"}, minutes=5)
    for order in ([old, new], [new, old]):
        summary = summarise(MODEL, order)
        assert summary is not None
        assert [curve.member for curve in summary.curves] == ["pgd"]
        assert summary.worst_case == wilson(5, EXAMPLES)


def test_newest_run_of_a_member_counts() -> None:
    again = run("pgd", {0.1: "1100000000"}, minutes=5)
    summary = summarise(MODEL, [again, PGD])

    assert summary is not None
    assert summary.worst_case == wilson(2, EXAMPLES)


def test_worst_case_is_at_the_newest_declared_epsilon() -> None:
    later = run("fgsm", {0.2: "1110000000"}, declared=0.2, minutes=5)
    summary = summarise(MODEL, [PGD, later])

    assert summary is not None
    assert summary.worst_case_epsilon == 0.2
    assert summary.worst_case == wilson(1, EXAMPLES)


ALL = ("pgd", "square", "noise")


def planned(*evidence: Evidence) -> list[Evidence]:
    """The evidence as a plan of pgd, square and noise leaves it."""
    return [
        replace(e, observation=replace(e.observation, facts={**e.observation.facts, "planned": p}))
        for e in evidence
        if (p := _planned(ALL))
    ]


def test_all_that_was_planned_and_ran_leaves_no_gap() -> None:
    whole = planned(PGD, SQUARE, NOISE)
    assert planning_gaps(MODEL, whole) == ()
    summary = summarise(MODEL, whole)
    assert summary is not None
    assert summary.worst_case == wilson(2, EXAMPLES)


@pytest.mark.parametrize(
    ("left", "gone"),
    [((PGD, NOISE), "square"), ((SQUARE, NOISE), "pgd"), ((PGD, SQUARE), "noise")],
    ids=["an attack by scores", "an attack by gradients", "a corruption"],
)
def test_a_planned_member_without_a_run_leaves_no_worst_case(
    left: tuple[Evidence, ...], gone: str
) -> None:
    evidence = planned(*left)
    summary = summarise(MODEL, evidence)

    assert summary is not None
    assert summary.worst_case is None
    assert len(summary.curves) == 2, "what ran is still shown"
    (gap,) = planning_gaps(MODEL, evidence)
    assert gap == (
        f"model: {gone} was planned and no run of it is in the evidence, so that the worst case is "
        "UNMEASURED."
    )


def test_a_planned_member_that_could_not_be_measured_leaves_no_worst_case() -> None:
    failed = replace(SQUARE.observation, facts=not_measured("no time", "run it again"))
    evidence = [*planned(PGD, NOISE), replace(SQUARE, observation=failed)]
    summary = summarise(MODEL, evidence)

    assert summary is not None
    assert summary.worst_case is None
    assert attack_outcome(MODEL, evidence) is None


def test_a_planned_attack_that_did_not_run_at_the_declared_epsilon_is_a_gap() -> None:
    elsewhere = run("square", {0.2: "1100000000"}, needs="scores")
    evidence = planned(elsewhere, PGD, NOISE)
    summary = summarise(MODEL, evidence)

    assert summary is not None
    assert summary.worst_case is None
    assert attack_outcome(MODEL, evidence) is None
    at = attack_outcome(MODEL, evidence, 0.2)
    assert at is not None
    assert at.robust == wilson(1, EXAMPLES)


def test_attacks_have_no_joint_outcome_while_one_is_missing() -> None:
    assert attack_outcome(MODEL, planned(PGD, NOISE)) is None
    without_corruption = attack_outcome(MODEL, planned(PGD, SQUARE))
    assert without_corruption is not None, "corruptions have no adversary"
    assert without_corruption.robust == wilson(3, EXAMPLES)


def test_the_newest_run_says_what_was_planned() -> None:
    old = run("square", {0.1: "1100111000"}, needs="scores", planned=("square", "gone"))
    new = run("pgd", {0.1: "1111100000"}, minutes=5, planned=("pgd", "square"))
    assert planning_gaps(MODEL, [old, new]) == ()


def test_a_run_that_names_no_plan_is_a_gap() -> None:
    facts = {name: fact for name, fact in PGD.observation.facts.items() if name != "planned"}
    evidence = [replace(PGD, observation=replace(PGD.observation, facts=facts))]
    summary = summarise(MODEL, evidence)

    assert summary is not None
    assert summary.worst_case is None
    assert attack_outcome(MODEL, evidence) is None
    (gap,) = planning_gaps(MODEL, evidence)
    assert "does not say what was planned" in gap


def test_without_any_run_there_is_nothing_to_compare() -> None:
    assert planning_gaps(MODEL, []) == ()


def test_scores_that_break_more_than_gradients_warn_of_masking() -> None:
    strong = run("square", {0.1: "1100000000", 0.2: "1000000000"}, needs="scores")

    warnings = masking_warnings(MODEL, [PGD, strong])

    assert len(warnings) == 1
    assert "At epsilon 0.1, square sees only scores and left 2 of 10" in warnings[0]
    assert "the gradient attacks together 5" in warnings[0]


def test_no_warning_without_cause() -> None:
    assert masking_warnings(MODEL, [PGD, SQUARE]) == ()
    assert masking_warnings(MODEL, [SQUARE]) == ()
    assert masking_warnings(MODEL, [PGD, NOISE]) == ()
    assert masking_warnings(MODEL, []) == ()


def test_proportion_is_the_vocabulary_s() -> None:
    summary = summarise(MODEL, [PGD])

    assert summary is not None
    assert isinstance(summary.worst_case, Proportion)
