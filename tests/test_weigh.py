"""What evidence amounts to, from real looks at small worlds."""

from __future__ import annotations

from pathlib import Path

import pytest

import assay
from assay import plugins
from assay.bootstrap import open_parts
from assay.compliance.fail_on import parse_conditions, reasons
from assay.compliance.readers import declarations, file_access
from assay.models import examination
from assay.settings import read_settings
from assay.steps import Room, plan
from assay.vocabulary import (
    Assessment,
    Checkpoint,
    ControlValidation,
    Depth,
    Proportion,
    Status,
)
from assay.weigh import Run, weigh
from tests.compliance.scenes import NOW, PEOPLE, VERIFIER, evidence_of, parquet, put, scene_of
from tests.workspaces import make_workspace

OUTSIDE = """
schema = 1
[organisation]
name = "Clinic"
[access]
[datasets.people]
source = "../people.parquet"
level = "restricted"
[datasets.visits]
source = "visits.parquet"
level = "restricted"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a dataset inside and one beside it, both closed to others."""
    tmp_path.chmod(0o700)
    folder = tmp_path / "project"
    folder.mkdir(mode=0o700)
    (folder / ".assay").mkdir(mode=0o700)
    put(folder / "assay.toml", OUTSIDE.encode(), 0o640)
    put(tmp_path / "people.parquet", parquet(PEOPLE), 0o640)
    put(folder / "visits.parquet", parquet(PEOPLE), 0o640)
    return folder


def access_of(project: Path) -> dict[str, ControlValidation]:
    """What the access control of each dataset is worth."""
    scene = scene_of(project / "assay.toml")
    seen = [*declarations.MEMBER.observe(scene), *file_access.MEMBER.observe(scene)]
    run = Run("id", NOW, "quick", 0, "finished", {}, (), None, str(VERIFIER))
    found = weigh(run, tuple(evidence_of(seen)), (), Checkpoint("log", 1, bytes(32), ""))
    return {v.dataset: v for v in found.validations if v.control == "access"}


def test_a_dataset_outside_the_project_answers_for_its_own_file(project: Path) -> None:
    assert {v.status for v in access_of(project).values()} == {Status.PASS}
    (project.parent / "people.parquet").chmod(0o644)
    found = access_of(project)

    assert found["people"].status is Status.FAIL
    assert "has mode 0644" in found["people"].because
    assert found["visits"].status is Status.PASS


def test_a_dataset_outside_the_project_does_not_answer_for_others(project: Path) -> None:
    (project / "visits.parquet").chmod(0o644)
    found = access_of(project)

    assert found["visits"].status is Status.FAIL
    assert found["people"].status is Status.PASS


@pytest.fixture(scope="module")
def assessed(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    """A workspace with a function model, assessed."""
    workspace = make_workspace(tmp_path_factory.mktemp("ws") / "clinic", "function", rows=20)
    return assay.assess(workspace.folder)


def without(assessed: Assessment, source: str) -> Assessment:
    """The same, weighed again without the evidence of one source."""
    left = tuple(e for e in assessed.evidence if e.observation.source != source)
    assert len(left) == len(assessed.evidence) - 1
    run = Run("id", assessed.as_of, "quick", 0, "finished", {}, (), None, str(VERIFIER))
    return weigh(run, left, (), assessed.checkpoint)


def evasion(assessment: Assessment) -> Proportion | None:
    """How likely evasion is said to be."""
    return next(r.likelihood for r in assessment.risks if r.threat == "evasion_attacks")


@pytest.mark.parametrize("source", ["models.square", "models.noise"])
def test_a_planned_run_that_is_gone_leaves_no_worst_case(assessed: Assessment, source: str) -> None:
    assert [m.worst_case for m in assessed.robustness] != [None]
    (scorer,) = without(assessed, source).robustness

    assert scorer.worst_case is None
    assert len(scorer.curves) == 1


def test_a_planned_attack_that_is_gone_leaves_evasion_unmeasured(assessed: Assessment) -> None:
    assert evasion(assessed) is not None
    assert evasion(without(assessed, "models.square")) is None
    assert evasion(without(assessed, "models.noise")) == evasion(assessed)


@pytest.mark.parametrize("form", ["html", "text", "json"])
def test_every_report_says_which_run_is_missing(assessed: Assessment, form: str) -> None:
    report = next(member.use() for member in plugins.members("reports") if member.name == form)
    words = "noise was planned and no run of it is in the evidence"

    assert words in report.render(without(assessed, "models.noise")).decode()
    assert words not in report.render(assessed).decode()


def test_fail_on_takes_a_missing_run_as_unmeasured(assessed: Assessment) -> None:
    condition = parse_conditions(["robust_accuracy<0.0@linf:0.1"])
    assert reasons(condition, assessed, None) == []
    assert reasons(condition, without(assessed, "models.square"), None) != []


def test_another_plan_is_another_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept names the old plan, so that it must not be used under a new one."""
    settings = read_settings(make_workspace(tmp_path / "w", "torch", rows=5).folder)

    def keys() -> dict[str, str | None]:
        with open_parts(settings) as parts:
            planned = plan(parts, depth=Depth.QUICK, seed=0, rooms=frozenset({Room.MODELS}))
        return {step.name: step.key for step in planned.steps if step.key}

    everything = keys()
    whole = examination.members_for
    monkeypatch.setattr(
        examination, "members_for", lambda *a: [m for m in whole(*a) if m.name != "noise"]
    )
    fewer = keys()
    assert fewer.keys() == everything.keys() - {"net: noise"}
    assert all(key != everything[name] for name, key in fewer.items())
