"""The doctor opens every declared dataset and model, as an assessment does before its first step."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.workspaces import (
    NETWORKS,
    SCORER,
    Workspace,
    clean_environment,
    command,
    make_workspace,
    save_npz,
    write_csv,
)

Spoil = Callable[[Workspace], object]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a function and a network."""
    return make_workspace(tmp_path_factory.mktemp("t") / "w", "function", "torch", rows=5)


@pytest.fixture
def workspace(template: Workspace, tmp_path: Path) -> Workspace:
    """A copy to spoil."""
    shutil.copytree(template.folder, tmp_path / "w")
    return replace(template, folder=tmp_path / "w")


def said(workspace: Workspace) -> list[dict[str, str]]:
    """What the doctor says of datasets and models."""
    outcome = command("doctor", workspace.folder, "--json", "-")
    assert outcome.status == 0, outcome.err
    assert "Traceback" not in outcome.out + outcome.err
    found: list[dict[str, str]] = json.loads(outcome.out)["diagnoses"]
    return [row for row in found if row["what"].startswith(("datasets.", "models."))]


def _write(name: str, data: bytes) -> Spoil:
    return lambda w: (w.folder / name).write_bytes(data)


def _toml(old: str, new: str) -> Spoil:
    return lambda w: w.change(old, new)


def _labels(w: Workspace) -> None:
    save_npz(w.folder / "test.npz", np.zeros((6, 4), "float32"), np.array([0, 1, 0, 1, 0, 7]))


CASES: dict[str, tuple[Spoil, str, str]] = {
    "table empty": (_write("people.csv", b""), "datasets.people", "is empty"),
    "table without rows": (_write("people.csv", b"a,b\n"), "datasets.people", "no rows"),
    "table ragged": (_write("people.csv", b"a,b\n1,2\n1,2,3\n"), "datasets.people", "line 3"),
    "key of a wrong length": (
        lambda w: (_write("k", b"x")(w), w.change("subject_column", 'key_file = "k"\n#')),
        "datasets.people",
        "1 bytes",
    ),
    "weights garbage": (_write("net.safetensors", b"garbage" * 9), "models.net", "net.safetensors"),
    "weights wider": (
        _write("networks.py", NETWORKS.replace("8)", "9)").replace("(8,", "(9,").encode()),
        "models.net",
        "instead of",
    ),
    "factory gone": (_toml("networks:network", "networks:net"), "models.net", "no function net"),
    "factory raises": (
        _write("networks.py", b"def network():\n    raise ValueError('Zoe Quill')\n"),
        "models.net",
        "(ValueError, networks.py line 2)",
    ),
    "factory ends Python": (
        _write("networks.py", b"def network():\n    raise SystemExit\n"),
        "models.net",
        "ended Python",
    ),
    "scores not finite": (
        _write("scorer.py", SCORER.replace("@ WEIGHTS", "@ WEIGHTS * np.nan").encode()),
        "models.scorer",
        "not finite",
    ),
    "labels out of range": (_labels, "models.scorer", "1 labels of test.npz"),
    "data outside bounds": (
        _toml("epsilons = [0.1]", "bounds = [0, 0.1]"),
        "models.scorer",
        "outside the input domain",
    ),
}


def test_what_opens_is_not_mentioned(workspace: Workspace) -> None:
    assert said(workspace) == []


@pytest.mark.parametrize(("spoil", "place", "words"), CASES.values(), ids=CASES)
def test_what_does_not_open_is_named_with_a_next_step(
    workspace: Workspace, spoil: Spoil, place: str, words: str
) -> None:
    spoil(workspace)
    (found,) = said(workspace)

    assert found["severity"] == "problem"
    assert found["what"].startswith(f"{place} cannot be used: ")
    assert words in found["what"]
    assert found["next_step"]
    assert "Quill" not in str(found)
    assert command("assess", workspace.folder).status == 2, "an assessment says the same"


def test_every_one_that_does_not_open_is_named(workspace: Workspace) -> None:
    _write("people.csv", b"")(workspace)
    _write("net.safetensors", b"garbage" * 9)(workspace)
    _labels(workspace)
    places = [row["what"].partition(" ")[0] for row in said(workspace)]
    assert places == ["datasets.people", "models.scorer", "models.net"]


def test_a_file_that_is_not_there_is_named_once(workspace: Workspace) -> None:
    (workspace.folder / "people.csv").unlink()
    (workspace.folder / "net.safetensors").unlink()
    (workspace.folder / "test.npz").unlink()
    whats = [row["what"] for row in said(workspace)]
    assert len(whats) == 3
    assert all("which is not there" in what for what in whats)


def test_a_model_without_test_data_is_a_warning(workspace: Workspace) -> None:
    workspace.change('test_data = "test.npz"\n', "")
    (found,) = said(workspace)
    assert found["severity"] == "warning"
    assert "names no test data" in found["what"]


def test_nothing_is_attacked_and_nothing_is_written(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    counted = SCORER.replace("    return", "    count(len(batch))\n    return")
    counting = "asked = []\n\ndef count(examples):\n    asked.append(examples)\n"
    counting += "    assert sum(asked) <= 1, 'it was asked more than once'\n"
    (workspace.folder / "scorer.py").write_text(counted + counting)
    before = sorted(path for path in workspace.folder.rglob("*"))

    assert said(workspace) == []
    assert sorted(path for path in workspace.folder.rglob("*")) == before


def test_what_a_model_prints_is_not_in_the_json(workspace: Workspace) -> None:
    text = (workspace.folder / "networks.py").read_text()
    (workspace.folder / "networks.py").write_text(text + "\nprint('loading', flush=True)\n")
    outcome = command("doctor", workspace.folder, "--json", "-")
    assert json.loads(outcome.out)["schema"] == 1


def test_rows_are_not_repeated(workspace: Workspace) -> None:
    rows = [{"person_id": "P1", "ada@example.org": "Zoe Quill"}]
    write_csv(workspace.folder / "people.csv", rows)
    outcome = command("doctor", workspace.folder)
    assert "datasets.people cannot be used" in " ".join(outcome.out.split())
    assert not re.search("Quill|ada@", outcome.out)


_WITHOUT = """
import importlib.util, sys

HIDDEN = {hidden}

class Hider:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Hider())
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in HIDDEN else real(name, *rest)
from assay.cli.main import main
sys.exit(main(["doctor", {folder!r}, "--json", "-"]))
"""


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [
        ({"pyarrow"}, {"datasets.people": "data"}),
        ({"torch"}, {"models.net": "torch"}),
        (
            {"numpy", "pyarrow", "torch"},
            {"datasets.people": "data", "models.net": "ml", "models.scorer": "ml"},
        ),
    ],
    ids=lambda value: "-".join(sorted(value)) if isinstance(value, set) else "",
)
def test_a_missing_library_is_said_as_such(
    workspace: Workspace, hidden: set[str], expected: dict[str, str]
) -> None:
    program = _WITHOUT.format(hidden=hidden, folder=str(workspace.folder))
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)["diagnoses"]
    found = {row["what"].partition(" ")[0]: row for row in rows}
    for place, extra in expected.items():
        assert found[place]["severity"] == "warning"
        assert "which is not installed" in found[place]["what"]
        assert found[place]["next_step"] == f"Install it with: pip install 'assay[{extra}]'"
