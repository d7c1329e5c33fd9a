"""The members that the how-to pages show are real: their packages are found, and they keep the laws."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay.compliance.judge import judge
from assay.data.matching import TextValues, match
from assay.law.catalogues import entity_policies, themes
from assay.models.interface import InputDomain, InputKind
from assay.vocabulary import (
    Basis,
    Depth,
    Evidence,
    Method,
    Observation,
    Status,
    Target,
    TargetKind,
    not_measured,
)
from tests.docs.pages import ROOT, blocks

_NOW = datetime(2026, 11, 22, tzinfo=UTC)
_PAGES = {"detectors": "add-a-detector", "attacks": "add-an-attack", "checks": "add-a-check"}


def _files(room: str) -> dict[str, str]:
    page = ROOT / "docs" / "how-to" / f"{_PAGES[room]}.md"
    return {block.what: block.text for block in blocks(page) if block.what}


def _member(room: str, folder: Path) -> Any:
    name, text = next((n, t) for n, t in _files(room).items() if n.endswith(".py"))
    (folder / name).write_text(text, "utf-8")
    spec = importlib.util.spec_from_file_location(f"how_to_{name[:-3]}", folder / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.MEMBER


def test_packages_from_elsewhere_bring_members(tmp_path: Path) -> None:
    wanted = {room: _installed(room, tmp_path) for room in _PAGES}
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    program = "import sys; from assay.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "plugins", "--json", "-"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {(m["room"], m["name"]): m for m in json.loads(done.stdout)["members"]}
    for room, (name, distribution) in wanted.items():
        member = found[room, name]
        assert (member["origin"], member["available"]) == (distribution, True), member["why_not"]


def _installed(room: str, folder: Path) -> tuple[str, str]:
    """Lay the package out as pip would; the names of the member and of the distribution."""
    files = _files(room)
    project = tomllib.loads(files.pop("pyproject.toml"))["project"]
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head, "utf-8")
    [(group, points)] = project["entry-points"].items()
    [(name, module)] = points.items()
    assert group == f"assay.{room}"
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n", "utf-8")
    return name, project["name"]


def test_the_detector_finds_its_examples_and_no_near_miss(tmp_path: Path) -> None:
    detector = _member("detectors", tmp_path)
    assert detector.entity in entity_policies()
    texts = TextValues(pa.array([*detector.examples, *detector.near_misses]))
    found = match(texts, detector, header_fits=False)
    assert sorted(np.asarray(found.sound)) == list(range(len(detector.examples)))


class _Line:
    """Class 1 where the features sum to more than one."""

    target = Target(TargetKind.MODEL, "line")
    domain = InputDomain(InputKind.TABULAR, (0.0,), (1.0,))

    def predict(self, batch: Any) -> Any:
        score = batch.sum(axis=1) - 1
        return np.stack([-score, score], axis=1)


def test_the_attack_keeps_its_ball_its_book_and_its_seed(tmp_path: Path) -> None:
    member = _member("attacks", tmp_path)
    rng = np.random.default_rng(3)
    x = rng.random((60, 2)).astype(np.float32)
    y = (x.sum(axis=1) > 1).astype(np.int64)
    attack = member.at(Depth.QUICK, 0.1)

    def run() -> Any:
        fresh = np.random.default_rng(5)
        return attack.run(_Line(), x, y, rng=fresh, progress=lambda _: None)

    first, second = run(), run()
    assert 0 < first.broken.sum() < len(x)
    assert np.abs(first.adversarial.astype(np.float64) - x).max() <= 0.1
    assert (first.adversarial >= 0).all()
    assert (first.adversarial <= 1).all()
    assert first.forwards.max() <= attack.limit.forwards
    assert (first.adversarial == second.adversarial).all()
    assert ((_Line().predict(first.adversarial).argmax(axis=1) != y) == first.broken).all()


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({"a": {"entity": "email", "rare": []}}, Status.PASS),
        ({"a": {"entity": "password", "rare": []}}, Status.FAIL),
        ({"a": {"entity": None, "rare": [{"entity": "api_key", "rows": 1}]}}, Status.FAIL),
        (None, Status.UNKNOWN),
    ],
)
def test_the_check_judges(columns: Any, status: Status, tmp_path: Path) -> None:
    check = _member("checks", tmp_path)
    assert check.spec.theme in themes()
    facts = not_measured("gone.", "Find it.") if columns is None else {"columns": columns}
    system = Target(TargetKind.SYSTEM, "us")
    seen = [
        Observation("asset_inventory", "t", 1, Method.INTERVIEW, system, {"datasets": {"d": {}}}, _NOW,
                    basis=Basis.DECLARED),
        Observation("classification_labels", "t", 1, Method.TEST,
                    Target(TargetKind.DATASET, "d"), facts, _NOW),
    ]  # fmt: skip
    evidence = [Evidence(f"sha256:{n}", observation, n) for n, observation in enumerate(seen)]
    [finding] = judge([check], evidence, _NOW)
    assert finding.status is status
    assert (finding.remediation == "") is (status is Status.PASS)
