"""A member is found by being there: as a file in its room, or as an entry point of any package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import assay
from assay import plugins
from assay.errors import BadInput, MissingExtra
from assay.plugins import ROOMS, Member, available, members

PACKAGE = Path(str(assay.__file__)).parent

DETECTOR = '''"""Badges of a company, for a test."""

from assay.data.interface import Detector
from assay.law.catalogues import EntityPolicy
from assay.vocabulary import Category, SecurityLevel

MEMBER = Detector(
    entity="badge",
    noun="badges",
    patterns=(r"ZQ-\\d{6}",),
    needs="ZQ-",
    content_alone=True,
    policy=EntityPolicy(
        "badge", Category.PERSONAL_IDENTIFIABLE, SecurityLevel.CONFIDENTIAL, "pseudonym"
    ),
)
'''

ATTACK = '''"""Every feature to its lower edge, for a test."""

import numpy as np

from assay.models.domain import bounds
from assay.models.interface import AttackResult, Budget, InputKind, Needs

REQUIRES = ("numpy",)
EXTRA = "ml"


class Edge:
    limit = Budget(forwards=1, gradients=0)

    def __init__(self, epsilon):
        self.parameters = {"epsilon": epsilon}

    def run(self, model, x, y, *, rng, progress):
        lower, upper = bounds(model.domain, x)
        step = np.float32(self.parameters["epsilon"]) * (upper - lower)
        moved = np.maximum(x - step, lower).astype(np.float32)
        broken = model.predict(moved).argmax(axis=1) != y
        once = np.ones(len(x), dtype=np.int64)
        distance = np.abs(moved - x).max(axis=1).astype(np.float64)
        return AttackResult(moved, broken, distance, once, 0 * once)


class Member:
    norm, needs, inputs = "linf", Needs.SCORES, frozenset(InputKind)

    def at(self, depth, epsilon):
        return Edge(epsilon)


MEMBER = Member()
'''

CHECK = '''"""CHK-NAMED: the organisation has a name, for a test."""

from assay.compliance.interface import Verdict
from assay.law.catalogues import CheckSpec
from assay.vocabulary import Severity, Status, TargetKind


class Named:
    id, looks_at, kinds, remediation = "CHK-NAMED", TargetKind.SYSTEM, ("asset_inventory",), "Name it."
    spec = CheckSpec(
        "CHK-NAMED", "Named", "audit_logging", Severity.LOW, "", "", "", "", {"gdpr": ()}
    )

    def judge(self, observations):
        return Verdict(Status.FAIL, f"It is called {observations[-1].facts['organisation']}.")


MEMBER = Named()
'''

BROKEN = "raise RuntimeError('no luck')\n"
LACKING = '''"""Lacks its library."""

REQUIRES = ("no_such_library",)
EXTRA = "gold"
MEMBER = object()
'''
FILES = {
    "detectors/badge": DETECTOR,
    "attacks/edge": ATTACK,
    "checks/named": CHECK,
    "detectors/broken": BROKEN,
    "attacks/broken": BROKEN,
    "checks/broken": BROKEN,
    "attacks/lacking": LACKING,
}

USE = """
import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

import assay
from assay.compliance.judge import judge
from assay.data.classify import classify_table
from assay.data.tables import ArrowTable
from assay.models.examination import examine, members_for
from assay.models.interface import InputDomain, InputKind
from assay.models.libraries.function import FunctionModel
from assay.models.examples import make
from assay.plugins import ROOMS, available, members
from assay.vocabulary import Depth, Evidence, Method, Observation, Target, TargetKind
from assay.weigh import known_specs

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

table = ArrowTable("staff", pa.table({"thing": [f"ZQ-{n:06}" for n in range(50)]}))
column = classify_table(table).columns[0]

x = np.linspace(0, 1, 40, dtype=np.float32)[:, None]
model = FunctionModel(
    Target(TargetKind.MODEL, "threshold"),
    InputDomain(InputKind.TABULAR, (0.0,), (1.0,)),
    lambda batch: np.stack([0.5 - batch[:, 0], batch[:, 0] - 0.5], axis=1),
)
data = make(x, (x[:, 0] > 0.5).astype(np.int64), "line")
fitting = {member.name: member for member in members_for(model, Depth.QUICK)}
observation, _ = examine(
    model, data, fitting["edge"], depth=Depth.QUICK, epsilons=[0.1, 0.2], declared_epsilon=0.2,
    seed=0, now=NOON, show_examples=False, progress=lambda share: None,
    planned=list(fitting.values()),
)

facts = {"organisation": "clinic", "facts": {}, "datasets": {}, "models": {}}
said = Observation(
    "asset_inventory", "test", 1, Method.EXAMINE, Target(TargetKind.SYSTEM, "clinic"), facts, NOON
)
evidence = (Evidence("sha256:00", said, 0), Evidence("sha256:01", observation, 1))
checks = [member.use() for member in available("checks")]
judged = [finding for finding in judge(checks, evidence, NOON) if finding.check == "CHK-NAMED"]

print(json.dumps({
    "package": assay.__file__,
    "members": [
        [f"{room}/{m.name}", m.origin, m.available, m.why_not, m.extra]
        for room in ROOMS for m in members(room)
    ],
    "entity": [column.entity, column.matched_rows],
    "attacked": [observation.source, observation.facts["examples"], observation.facts["member"]],
    "judged": [[finding.status.value, finding.statement] for finding in judged],
    "title": known_specs()["CHK-NAMED"].title,
}))
"""


def used(*path: Path) -> dict[str, Any]:
    """What a fresh Python with these folders on its path finds, and what it can do with it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(
        [sys.executable, "-c", USE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def listed(found: dict[str, Any], name: str, origin: str) -> list[Any]:
    """Whether the member of this origin is available, why not, and its extra."""
    return next(m[2:] for m in found["members"] if m[:2] == [name, origin])


@pytest.fixture(scope="module")
def with_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A copy of assay with one new file for each new member, and nothing else changed."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, folder / "assay", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in FILES.items():
        room, _, stem = name.partition("/")
        place = folder.joinpath(*ROOMS[room].split("."))
        (place / f"{stem}.py").write_text(text)
    found = used(folder)
    assert found["package"] == str(folder / "assay" / "__init__.py")
    return found


@pytest.fixture(scope="module")
def with_package(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same members brought by a package with entry points, and nothing of ours changed."""
    folder = tmp_path_factory.mktemp("package")
    points: dict[str, list[str]] = {}
    for name, text in FILES.items():
        room, _, stem = name.partition("/")
        module = folder / "stranger" / f"{room}_{stem}.py"
        module.parent.mkdir(exist_ok=True)
        module.write_text(text)
        points.setdefault(room, []).append(f"{stem} = stranger.{module.stem}")
    points["detectors"].append("email = stranger.detectors_badge")
    points["checks"].append("absent = stranger.no_such_module")
    brought = folder / "stranger-1.0.dist-info"
    brought.mkdir()
    (brought / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    lines = [line for room in points for line in (f"[assay.{room}]", *points[room])]
    (brought / "entry_points.txt").write_text("\n".join(lines) + "\n")
    found = used(folder)
    assert found["package"] == str(PACKAGE / "__init__.py")
    return found


@pytest.fixture(params=["files", "package"])
def brought(request: pytest.FixtureRequest) -> tuple[dict[str, Any], str]:
    """What was found either way, and who is said to bring it."""
    origin = "assay" if request.param == "files" else "stranger"
    return request.getfixturevalue(f"with_{request.param}"), origin


def test_new_members_are_found(brought: tuple[dict[str, Any], str]) -> None:
    found, origin = brought
    for name in ("detectors/badge", "attacks/edge", "checks/named"):
        assert listed(found, name, origin)[:2] == [True, ""]


def test_a_new_detector_finds_its_entity(brought: tuple[dict[str, Any], str]) -> None:
    assert brought[0]["entity"] == ["badge", 50]


def test_a_new_attack_is_listed_for_a_model_and_runs(brought: tuple[dict[str, Any], str]) -> None:
    assert brought[0]["attacked"] == ["models.edge", 40, "edge"]


def test_a_new_check_judges(brought: tuple[dict[str, Any], str]) -> None:
    assert brought[0]["judged"] == [["fail", "It is called clinic."]]
    assert brought[0]["title"] == "Named"


@pytest.mark.parametrize("room", ["detectors", "attacks", "checks"])
def test_a_broken_member_is_listed_and_takes_nothing_down(
    brought: tuple[dict[str, Any], str], room: str
) -> None:
    found, origin = brought
    usable, why, _ = listed(found, f"{room}/broken", origin)
    assert not usable
    assert "(RuntimeError: no luck)" in why
    ours = [member.name for member in members(room)]
    assert [name for name in ours if not listed(found, f"{room}/{name}", "assay")[0]] == []


def test_a_missing_library_is_listed_with_its_extra(brought: tuple[dict[str, Any], str]) -> None:
    found, origin = brought
    why = "no_such_library is not installed; pip install 'assay[gold]'"
    assert listed(found, "attacks/lacking", origin) == [False, why, "gold"]


def test_an_entry_point_to_nothing_is_listed(with_package: dict[str, Any]) -> None:
    assert "ModuleNotFoundError" in listed(with_package, "checks/absent", "stranger")[1]


def test_a_taken_name_is_listed_and_not_used(with_package: dict[str, Any]) -> None:
    why = "the name is taken by assay"
    assert listed(with_package, "detectors/email (stranger)", "stranger") == [False, why, ""]
    assert listed(with_package, "detectors/email", "assay")[0]


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_of_a_room_is_a_member_that_can_be_used_here(room: str) -> None:
    folder = PACKAGE.parent.joinpath(*ROOMS[room].split("."))
    files = {file.stem for file in folder.glob("[!_]*.py")} - {"interface"}
    ours = {member.name: member for member in members(room) if member.origin == "assay"}
    assert ours.keys() == files
    assert {name: m.why_not for name, m in ours.items() if not m.available} == {}
    assert [name for name, member in ours.items() if not member.summary] == []


@pytest.mark.parametrize("room", ROOMS)
def test_members_are_sorted_and_named_once(room: str) -> None:
    names = [member.name for member in members(room)]
    assert names == sorted(set(names))
    assert available(room) == tuple(m for m in members(room) if m.available)


def test_every_folder_of_members_is_a_room() -> None:
    """A folder whose files bind MEMBER is in ROOMS, so that no member is overlooked."""
    binding = {
        file.parent
        for file in PACKAGE.rglob("*.py")
        if any(line.startswith("MEMBER") for line in file.read_text("utf-8").splitlines())
    }
    rooms = {PACKAGE.parent.joinpath(*name.split(".")) for name in ROOMS.values()}
    assert binding <= rooms


def test_a_room_that_is_none_is_an_error() -> None:
    with pytest.raises(KeyError):
        plugins.members("kitchen")


def test_using_a_member_that_cannot_be_used_says_why() -> None:
    lacking = Member("attacks", "x", "assay", "", False, "", "torch", "torch")
    with pytest.raises(MissingExtra, match=r"pip install 'assay\[torch\]'"):
        lacking.use()
    broken = Member("attacks", "x", "stranger", "", False, "it is broken")
    with pytest.raises(BadInput, match=r"attacks/x of stranger cannot be used: it is broken"):
        broken.use()
