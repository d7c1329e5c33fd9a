"""Bad input: exit 2 or 3, one clear message, nothing half-written, and the log still verifies."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.workspaces import (
    ASSAY,
    NETWORKS,
    SCORER,
    Outcome,
    Workspace,
    clean_environment,
    command,
    make_people,
    make_workspace,
    save_npz,
    write_parquet,
)

Spoil = Callable[[Workspace], object]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a function and a network, never assessed."""
    return make_workspace(tmp_path_factory.mktemp("t") / "w", "function", "torch")


@pytest.fixture
def workspace(template: Workspace, tmp_path: Path) -> Workspace:
    """A copy to spoil."""
    shutil.copytree(template.folder, tmp_path / "w")
    return replace(template, folder=tmp_path / "w")


def expect_refusal(outcome: Outcome, status: int, *words: str) -> None:
    """One message: what happened with what and, on a line of its own, what to do next."""
    said = [line for line in outcome.err.splitlines() if not _is_progress(line)]

    assert outcome.status == status, outcome.err
    assert "Traceback" not in outcome.err + outcome.out
    assert "this is a bug" not in outcome.err
    assert outcome.out == ""
    assert said[0].startswith("Error: ")
    assert len(said) <= 2, said
    assert all(line.startswith("  ") for line in said[1:])
    for word in words:
        assert word in outcome.err


def expect_no_trace(workspace: Workspace, before: dict[str, int]) -> None:
    """Nothing half-written outside the log, and the log verifies if it was begun."""
    assert workspace.files() == before
    assert not list(workspace.folder.rglob("*.tmp"))
    if (workspace.state / "log.sqlite").exists():
        verified = command("log", "verify", workspace.folder)
        assert verified.status == 0, verified.out + verified.err


def _is_progress(line: str) -> bool:
    return line.startswith(("[", "      kept")) or " steps at depth " in line


def _unlink(name: str) -> Spoil:
    return lambda w: (w.folder / name).unlink()


def _write(name: str, data: bytes) -> Spoil:
    return lambda w: (w.folder / name).write_bytes(data)


def _toml(old: str, new: str) -> Spoil:
    return lambda w: w.change(old, new)


def _scorer(old: str, new: str) -> Spoil:
    return _write("scorer.py", SCORER.replace(old, new).encode())


def _test_data(x: object, y: object) -> Spoil:
    return lambda w: save_npz(w.folder / "test.npz", x, y)


def _folder_instead(name: str) -> Spoil:
    return lambda w: ((w.folder / name).unlink(), (w.folder / name).mkdir())


def _not_parquet(w: Workspace) -> None:
    (w.folder / "people.csv").rename(w.folder / "people.parquet")
    w.change("people.csv", "people.parquet")


def _cut_parquet(w: Workspace) -> None:
    write_parquet(w.folder / "people.parquet", make_people(50))
    data = (w.folder / "people.parquet").read_bytes()
    (w.folder / "people.parquet").write_bytes(data[: len(data) // 2] + data[-8:])
    w.change("people.csv", "people.parquet")


def _both(*spoils: Spoil) -> Spoil:
    return lambda w: [spoil(w) for spoil in spoils]


X, Y = np.zeros((6, 4), "float32"), np.array([0, 1, 0, 1, 0, 1])
_WIDER = NETWORKS.replace("nn.Linear(64, 8)", "nn.Linear(64, 9)").replace("(8, 3)", "(9, 3)")
_DEEPER = NETWORKS.replace("nn.ReLU(),", "nn.ReLU(), nn.Linear(8, 8),")

CASES: dict[str, tuple[Spoil, int, tuple[str, ...]]] = {
    "settings missing": (_unlink("assay.toml"), 2, ("assay.toml", "assay init")),
    "settings are a folder": (_folder_instead("assay.toml"), 2, ("assay.toml",)),
    "settings malformed": (_toml("schema = 1", "schema = "), 2, ("line 1, column 10",)),
    "settings not UTF-8": (_write("assay.toml", b"\xff\xfe"), 2, ("line 1", "UTF-8")),
    "unknown key": (_toml("subject_column", "subject_colum"), 2, ("line 20", "'subject_column'?")),
    "unknown table": (_toml("[models.net]", "[model.net]"), 2, ("'models'?",)),
    "unknown fact": (_toml("org.roles", "org.rolls"), 2, ("line 7", "'org.roles'?")),
    "table missing": (_unlink("people.csv"), 2, ("people.csv", "There is no file")),
    "table is a folder": (_folder_instead("people.csv"), 2, ("people.csv", "directory")),
    "table empty": (_write("people.csv", b""), 2, ("people.csv is empty",)),
    "table without rows": (_write("people.csv", b"a,b\n"), 2, ("columns but no rows",)),
    "table ragged": (_write("people.csv", b"a,b\n1,2\n1,2,3\n"), 2, ("people.csv, line 3",)),
    "table of no format": (_toml("people.csv", "people.xyz"), 2, ("people.xyz", ".parquet")),
    "parquet that is not": (_not_parquet, 2, ("is not Parquet",)),
    "parquet cut in two": (_cut_parquet, 2, ("people.parquet",)),
    "key file missing": (
        _toml('subject_column = "person_id"', 'key_file = "none.key"'),
        2,
        ("none.key", "key_file in assay.toml"),
    ),
    "key of a wrong length": (
        _both(_toml('subject_column = "person_id"', 'key_file = "k"'), _write("k", b"password123")),
        2,
        ("11 bytes", "16, 24 or 32"),
    ),
    "model missing": (_unlink("net.safetensors"), 2, ("net.safetensors",)),
    "model without a loader": (
        _both(_toml("net.safetensors", "net.h5"), _write("net.h5", b"x")),
        2,
        ("No library opens", ".safetensors"),
    ),
    "model is a pickle": (
        _both(_toml("net.safetensors", "net.pkl"), _write("net.pkl", b"x")),
        2,
        ("is a pickle",),
    ),
    "weights garbage": (_write("net.safetensors", b"garbage" * 9), 2, ("net.safetensors",)),
    "weights wider": (_write("networks.py", _WIDER.encode()), 2, ("net.safetensors",)),
    "weights fewer": (_write("networks.py", _DEEPER.encode()), 2, ("net.safetensors",)),
    "factory missing": (_toml("networks:network", "networks:net"), 2, ("networks", "net")),
    "factory's module missing": (_toml("networks:network", "networx:network"), 2, ("networx",)),
    "factory raises": (
        _write("networks.py", b"def network():\n    raise RuntimeError('no')\n"),
        2,
        ("network",),
    ),
    "factory is no network": (
        _write("networks.py", b"def network():\n    return 7\n"),
        2,
        ("network",),
    ),
    "factory ends Python": (
        _write("networks.py", b"import sys\ndef network():\n    sys.exit(0)\n"),
        2,
        ("ended Python",),
    ),
    "module ends Python": (_write("scorer.py", b"raise SystemExit\n"), 2, ("ended Python",)),
    "module malformed": (_write("scorer.py", b"def ("), 2, ("scorer", "SyntaxError")),
    "scores are none": (_scorer("return batch @ WEIGHTS", "return None"), 2, ("scores",)),
    "scores not finite": (_scorer("@ WEIGHTS", "@ WEIGHTS * np.nan"), 2, ("not finite",)),
    "scores of one class": (_scorer("@ WEIGHTS", "@ WEIGHTS[:, :1]"), 2, ()),
    "test data missing": (_unlink("test.npz"), 2, ("test.npz",)),
    "labels out of range": (_test_data(X, Y * 5), 2, ("labels of test.npz", "between 0 and 1")),
    "labels negative": (_test_data(X, -Y), 2, ("labels of test.npz",)),
    "labels too few": (_test_data(X, Y[:4]), 2, ("6 examples and labels of shape (4,)",)),
    "labels are words": (_test_data(X, np.array(["a", "b", "c"] * 2)), 2, ("labels",)),
    "NaN inputs": (_test_data(np.full((6, 4), np.nan), Y), 2, ("NaN", "row 0, feature 0")),
    "infinite inputs": (_test_data(np.full((6, 4), np.inf), Y), 2, ("infinite",)),
    "too many features": (_test_data(np.zeros((6, 9)), Y), 2, ("(1, 9)",)),
    "examples of one axis": (_test_data(np.zeros(6), Y), 2, ("shape (6,)",)),
    "epsilon not finite": (_toml("[0.1]", "[nan]"), 2, ("line 29", "finite")),
    "epsilon of two": (_toml("[0.05, 0.1]", "[2.0]"), 2, ("line 37",)),
    "bounds reversed": (_toml("epsilons = [0.1]", "bounds = [1, 0]"), 2, ("bound",)),
    "data outside bounds": (_toml("epsilons = [0.1]", "bounds = [0, 0.1]"), 2, ("outside",)),
    "workspace is a file": (_write(".assay", b""), 3, (".assay", "cannot be written")),
    "workspace below a file": (
        _toml("[access]", '[workspace]\nfolder = "people.csv/x"\n[access]'),
        3,
        ("people.csv/x", "cannot be written"),
    ),
    "store unknown": (
        _toml("[access]", '[store]\nurl = "mongo://x"\n[access]'),
        3,
        ("records", "postgresql://"),
    ),
}


@pytest.mark.parametrize(("spoil", "status", "words"), CASES.values(), ids=CASES)
def test_assess(workspace: Workspace, spoil: Spoil, status: int, words: tuple[str, ...]) -> None:
    spoil(workspace)
    before = workspace.files()
    expect_refusal(command("assess", workspace.folder), status, *words)
    expect_no_trace(workspace, before)


def test_model_that_fails_in_the_middle_of_an_attack(workspace: Workspace) -> None:
    """It answers while it is opened and while the attack begins, and then no more."""
    text = SCORER.replace("    return", "    fail_late()\n    return") + _FAIL_LATE
    (workspace.folder / "scorer.py").write_text(text)
    before = workspace.files()
    outcome = command("assess", workspace.folder)

    expect_refusal(outcome, 2, "scorer", "OSError")
    assert "[2/" in outcome.err
    expect_no_trace(workspace, before)


_FAIL_LATE = """
import traceback
asked = []

def fail_late():
    if any(frame.name == "examine" for frame in traceback.extract_stack()):
        asked.append(1)
        if len(asked) > 3:
            raise OSError("gone")
"""

ARGUMENTS: dict[str, tuple[tuple[str, ...], int, tuple[str, ...]]] = {
    "executor unknown": (("--executor", "nope"), 2, ("'nope'", "assay plugins")),
    "fail-on unknown": (("--fail-on", "bad>1"), 2, ("'bad>1'", "robust_accuracy<0.7")),
    "fail-on new alone": (("--fail-on", "new"), 2, ("--baseline",)),
    "baseline missing": (("--baseline", "/none.json"), 2, ("/none.json",)),
    "out below a file": (("--out", "{folder}/people.csv/x"), 3, ("people.csv/x",)),
    "out in a kernel's folder": (("--out", "/proc/assay-out"), 3, ("/proc/assay-out",)),
    "out in /proc itself": (("--out", "/proc"), 3, ("/proc/report.html",)),
    "json below a file": (("--json", "{folder}/people.csv/x"), 3, ("people.csv/x",)),
    "json is a folder": (("--json", "{folder}"), 3, ("cannot be written",)),
    "json in no folder": (("--json", "{folder}/none/x.json"), 3, ("none/x.json",)),
}


@pytest.mark.parametrize(("extra", "status", "words"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_of_assess(
    workspace: Workspace, extra: tuple[str, ...], status: int, words: tuple[str, ...]
) -> None:
    before = workspace.files()
    extra = tuple(text.format(folder=workspace.folder) for text in extra)
    expect_refusal(command("assess", workspace.folder, *extra), status, *words)
    expect_no_trace(workspace, before)


def test_baseline_that_is_none(workspace: Workspace) -> None:
    for text in ("", "{}", "[]", '{"findings": [1]}'):
        (workspace.folder / "b.json").write_text(text)
        refused = command("assess", workspace.folder, "--baseline", workspace.folder / "b.json")
        expect_refusal(refused, 2, "b.json", "assessment.json")


@pytest.mark.parametrize(
    "arguments",
    [
        ("asess",),
        ("assess", "--dept", "quick"),
        ("assess", "--depth", "deep"),
        ("assess", "--seed", "-1"),
        ("assess", "a", "b"),
        ("log",),
        ("log", "apend"),
        ("log", "append"),
        ("log", "query", "--limit", "0"),
        ("data", "classify"),
        ("report", "--entry", "x"),
    ],
    ids=" ".join,
)
def test_wrong_use(arguments: tuple[str, ...]) -> None:
    outcome = command(*arguments)
    assert outcome.status == 2
    assert "Traceback" not in outcome.err
    assert outcome.err


def test_mistyped_command_names_the_nearest() -> None:
    assert "Did you mean 'assess'?" in command("asess").err
    assert "Did you mean 'append'?" in command("log", "apend").err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--type", "nope"), ("'nope'", "note")),
        (("--target", "planet:x"), ("planet:x", "dataset:NAME")),
        (("--target", "dataset:"), ("dataset:NAME",)),
        (("--action", "x" * 70_000), ("1000 characters",)),
        (("--action", "a\nb"), ("one line",)),
        (("--action", "a\udc80"), ("UTF-8",)),
        (("--outcome", "\x1b[2J"), ("one line",)),
    ],
)
def test_log_append(workspace: Workspace, arguments: tuple[str, ...], words: list[str]) -> None:
    given = ("log", "append", "--settings", workspace.folder, "--action", "x", *arguments)
    expect_refusal(command(*given), 2, *words)
    assert not workspace.state.exists(), "no log is begun for it"


def test_commands_before_there_is_a_log(workspace: Workspace) -> None:
    for arguments in (("log", "verify"), ("log", "query"), ("report",), ("threats",)):
        outcome = command(*arguments, workspace.folder)
        expect_refusal(outcome, 3, "There is no log in", "assay assess")
    assert not workspace.state.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("report", "--format", "pdf"), ("'pdf'", "html")),
        (("report", "--entry", "99999"), ("no entry 99999",)),
        (("log", "query", "--since", "yesterday"), ("'yesterday'", "2026-")),
        (("log", "verify", "--key", "/none"), ("/none",)),
        (("model", "robustness", "--model", "nope"), ("'nope'", "net")),
        (("check", "run", "--check", "nope"), ("nope", "assay check list")),
        (("check", "run", "--theme", "nope"), ("nope", "encryption")),
    ],
)
def test_other_commands(
    workspace: Workspace, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    command("log", "append", "--settings", workspace.folder, "--action", "begin")
    outcome = command(*arguments, workspace.folder)

    assert outcome.status in (2, 3)
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


def _limited(size: int) -> Callable[[], None]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def _child(*arguments: str | Path, size: int) -> Outcome:
    done = subprocess.run(
        [*ASSAY, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_limited(size),
        env=clean_environment(),
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "size",
    [
        100,
        40_000,
        100_000,
        *(pytest.param(n, marks=pytest.mark.long) for n in range(4_000, 300_000, 12_000)),
    ],
)
def test_full_disk_by_the_kernels_limit(tmp_path: Path, size: int) -> None:
    workspace = make_workspace(tmp_path / "w")
    before = workspace.files()
    outcome = _child("assess", workspace.folder, size=size)
    if outcome.status != 0:
        expect_refusal(outcome, 3)
        expect_no_trace(workspace, before)
    else:
        assert size > 100_000
    again = command("assess", workspace.folder)

    assert again.status == 0, again.err
    assert command("log", "verify", workspace.folder).status == 0


@pytest.fixture(params=[90, 200, 300])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of so many kibibytes, where one may be made."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if os.geteuid() != 0 or made.returncode != 0:
        pytest.skip("a file system can be made by root only")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_full_disk(small_disk: Path) -> None:
    workspace = make_workspace(small_disk / "w", rows=20)
    before = workspace.files()
    outcome = command("assess", workspace.folder)
    expect_refusal(outcome, 3)
    expect_no_trace(workspace, before)

    subprocess.run(
        ["mount", "-o", "remount,size=20m", str(small_disk)], capture_output=True, check=True
    )
    again = command("assess", workspace.folder)
    assert again.status == 0, again.err
    assert command("log", "verify", workspace.folder).status == 0


def test_folder_that_only_another_may_write(workspace: Workspace) -> None:
    """/proc refuses root too; the workspace cannot be made there."""
    done = subprocess.run(
        [*ASSAY, "assess", str(workspace.folder)],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(ASSAY_WORKSPACE="/proc/assay"),
    )
    expect_refusal(Outcome(done.returncode, done.stdout, done.stderr), 3, "/proc/assay")
