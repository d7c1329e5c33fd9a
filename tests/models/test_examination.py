"""One member against one model: facts, pictures and repeatability."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import precision_recall_fscore_support

from assay import canonical, plugins
from assay.errors import BadInput
from assay.models.estimate import estimate_seconds
from assay.models.examination import examine, members_for
from assay.models.robustness import summarise
from assay.vocabulary import Depth, Evidence, Exhibit, Observation
from tests.models.conftest import NOW, Case

EPSILONS = (0.2, 0.05)


def member(name: str) -> plugins.Member:
    everyone = [*plugins.members("attacks"), *plugins.members("corruptions")]
    return next(one for one in everyone if one.name == name)


def examined(case: Case, name: str, **changes: Any) -> tuple[Observation, tuple[Exhibit, ...]]:
    arguments: dict[str, Any] = {
        "depth": Depth.QUICK,
        "epsilons": EPSILONS,
        "declared_epsilon": 0.1,
        "planned": [member(name)],
        "seed": 7,
        "now": NOW,
        "show_examples": False,
        "progress": lambda _: None,
    }
    return examine(case.model, case.data, member(name), **(arguments | changes))


def facts(case: Case, name: str, **changes: Any) -> dict[str, Any]:
    """The facts as they come back from the log."""
    data = canonical.canonical_bytes(examined(case, name, **changes)[0])
    back: dict[str, Any] = json.loads(data)["facts"]
    return back


def survivors(point: dict[str, Any]) -> np.ndarray:
    packed = np.frombuffer(bytes.fromhex(point["mask"]), np.uint8)
    return np.unpackbits(packed)[: point["robust"]["trials"]].astype(bool)


@pytest.mark.parametrize("name", ["fgsm", "pgd", "square"])
def test_robust_accuracy_never_rises_with_epsilon(images: Case, name: str) -> None:
    found = facts(images, name)

    assert [point["amount"] for point in found["points"]] == [0.05, 0.1, 0.2]
    counts = [found["clean"]["successes"], *(p["robust"]["successes"] for p in found["points"])]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0]


def test_facts_of_an_attack(images: Case) -> None:
    found = facts(images, "pgd")

    assert found["member"] == "pgd"
    assert found["family"] == "attack"
    assert found["needs"] == "gradients"
    assert found["norm"] == "linf"
    assert found["input"] == "image"
    assert found["declared"] == 0.1
    assert found["seed"] == 7
    assert found["examples"] == 100
    assert found["examples_digest"] == images.data.digest
    assert found["parameters"]["steps"] == 40
    assert "epsilon" not in found["parameters"]
    assert {"numpy", "torch"} <= set(found["versions"])
    assert found["threads"] >= 1


def test_observation_names_model_member_and_time(images: Case) -> None:
    observation, _ = examined(images, "fgsm")

    assert observation.kind == "robustness_run"
    assert observation.source == "models.fgsm"
    assert observation.target == images.model.target
    assert observation.observed_at == NOW


def test_masks_agree_with_counts(images: Case) -> None:
    found = facts(images, "pgd")
    clean = images.model.predict(images.data.x).argmax(axis=1) == images.data.y

    for point in found["points"]:
        assert survivors(point).sum() == point["robust"]["successes"]
        assert not (survivors(point) & ~clean).any()


def test_budget_charges_nothing_for_what_is_wrong_already(images: Case) -> None:
    wrong = images.model.predict(images.data.x).argmax(axis=1) != images.data.y
    only_wrong = Case(
        images.model,
        type(images.data)(
            images.data.x[wrong], images.data.y[wrong], "wrong", "sha256:w", "sha256:w"
        ),
    )

    for name in ("pgd", "square", "noise"):
        found = facts(only_wrong, name)
        assert found["budget"]["forwards"] == 0
        assert found["budget"]["gradients"] == 0
        assert found["points"][-1]["robust"]["successes"] == 0


@pytest.mark.parametrize("name", ["pgd", "square", "noise", "rotation"])
def test_same_seed_gives_the_same_bytes(images: Case, name: str) -> None:
    first, again, other = (
        canonical.canonical_bytes(examined(images, name, seed=seed, show_examples=True))
        for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


def test_clean_metrics_are_those_of_scikit_learn(images: Case) -> None:
    predicted = images.model.predict(images.data.x).argmax(axis=1)
    precision, recall, f1, _ = precision_recall_fscore_support(
        images.data.y, predicted, average="weighted", zero_division=0
    )

    metrics = facts(images, "fgsm")["clean"]["metrics"]

    assert metrics == pytest.approx({"precision": precision, "recall": recall, "f1": f1})


def test_pictures_are_shown_only_when_asked_for(images: Case) -> None:
    observation, exhibits = examined(images, "pgd")

    assert observation.facts["shown"] == []
    assert exhibits == ()


def test_pictures_are_of_broken_examples(images: Case) -> None:
    observation, exhibits = examined(images, "pgd", show_examples=True)
    shown: Any = observation.facts["shown"]
    by_digest = {exhibit.digest: exhibit for exhibit in exhibits}

    assert len(shown) == 6
    assert len({pair["label"] for pair in shown}) == 6
    for pair in shown:
        assert pair["label"] == pair["predicted"] != pair["adversarial_predicted"]
        before, after = (pixels(by_digest[pair[key]]) for key in ("original", "adversarial"))
        assert 0 < np.abs(before - after).max() <= pair["amount"] * 255 + 1
    for exhibit in exhibits:
        assert exhibit.media_type == "image/png"
        assert exhibit.digest == canonical.digest(exhibit.data)


def pixels(exhibit: Exhibit) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(exhibit.data))).astype(int)


def test_rows_have_no_pictures(rows: Case) -> None:
    observation, exhibits = examined(rows, "square", show_examples=True)

    assert observation.facts["shown"] == []
    assert exhibits == ()


def test_corruption_runs_at_its_own_amounts(rows: Case) -> None:
    found = facts(rows, "noise")

    assert found["family"] == "corruption"
    assert found["unit"] == "standard deviation"
    assert found["declared"] == 0.05
    assert [point["amount"] for point in found["points"]] == [0.05, 0.1]
    assert found["budget"]["gradients"] == 0
    assert found["threads"] is None


def test_members_fit_the_model(images: Case, rows: Case, row_network: Case) -> None:
    names = {
        name: {one.name for one in members_for(case.model, Depth.QUICK)}
        for name, case in (("images", images), ("rows", rows), ("row_network", row_network))
    }

    assert {"fgsm", "pgd", "square", "noise", "rotation"} <= names["images"]
    assert {"square", "noise"} <= names["rows"]
    assert not {"fgsm", "pgd", "rotation"} & names["rows"]
    assert {"fgsm", "pgd", "square", "noise"} <= names["row_network"]


def test_a_run_names_all_that_was_planned_beside_it(images: Case) -> None:
    found = facts(images, "noise", planned=members_for(images.model, Depth.QUICK))

    assert found["planned"] == {
        "attacks": ["fgsm", "pgd", "square"],
        "corruptions": ["noise", "rotation"],
    }


def test_progress_rises_to_one(images: Case) -> None:
    for name in ("pgd", "noise"):
        told: list[float] = []
        examined(images, name, progress=told.append)
        assert told == sorted(told)
        assert told[-1] == 1.0


def test_epsilon_beyond_the_domain_is_refused(images: Case) -> None:
    with pytest.raises(BadInput, match=r"Epsilon 1\.5"):
        examined(images, "fgsm", epsilons=(1.5,))


def test_whole_model_from_members_to_worst_case(images: Case) -> None:
    members = members_for(images.model, Depth.QUICK)
    observations = [examined(images, one.name, planned=members)[0] for one in members]
    evidence = [
        Evidence(canonical.digest_of(one), canonical.observation_from_bytes(data), index)
        for index, one in enumerate(observations)
        if (data := canonical.canonical_bytes(one))
    ]

    summary = summarise(images.model.target, evidence)

    assert summary is not None
    assert summary.worst_case is not None
    at_declared = [
        point.robust.successes
        for curve in summary.curves
        if curve.family == "attack"
        for point in curve.points
        if point.amount == 0.1
    ]
    assert summary.worst_case.successes <= min(at_declared)
    assert summary.worst_case.trials == 100


def test_estimate_is_given_for_every_member(images: Case, rows: Case) -> None:
    for case in (images, rows):
        members = members_for(case.model, Depth.STANDARD)
        seconds = estimate_seconds(case.model, case.data, members, Depth.STANDARD, EPSILONS)

        assert list(seconds) == [one.name for one in members]
        assert all(value > 0 for value in seconds.values())
        assert seconds["noise"] < seconds["square"]
