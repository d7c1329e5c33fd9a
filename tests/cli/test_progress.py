"""Whoever waits at a terminal sees how far it is; nobody else does."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from assay.diagnosis.diagnose import carry_out, looks
from assay.proposal.folder import files_in, look_at
from assay.reports.html import HtmlReport
from tests.cli.test_doctor import AROUND
from tests.reports.example import assessment
from tests.workspaces import ASSAY, Workspace, clean_environment, command, make_workspace

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(*arguments: str | Path) -> tuple[bytes, str]:
    """What a command prints on standard output, and what a terminal shows of its standard error."""
    ours, its = pty.openpty()
    environment = clean_environment(TERM="xterm", COLUMNS="100")
    with (
        tempfile.TemporaryFile() as out,
        subprocess.Popen(
            [*ASSAY, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=its,
            env=environment,
        ) as child,
    ):
        os.close(its)
        shown = b""
        while part := _read(ours):
            shown += part
        os.close(ours)
        assert child.wait() == 0, shown.decode()
        out.seek(0)
        return out.read(), _ESCAPE.sub("", shown.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says EIO when the other end is closed
        return b""


@pytest.fixture(scope="module")
def assessed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a function model, assessed."""
    workspace = make_workspace(tmp_path_factory.mktemp("t") / "w", "function", rows=5)
    assert command("assess", workspace.folder).status == 0
    return workspace


def test_init_counts_files(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"t{number}.csv").write_text("a,b\n")
    _, shown = on_a_terminal("init", tmp_path, "--no-questions")
    assert re.search(r"Files found .*\b30/\?", shown)
    assert re.search(r"Files looked at .*\b30/30", shown)


def test_doctor_counts_what_it_looks_at(assessed: Workspace) -> None:
    _, shown = on_a_terminal("doctor", assessed.folder)
    assert re.search(r"Looked at .*\b9/9", shown)


def test_report_counts_models(assessed: Workspace) -> None:
    out, shown = on_a_terminal("report", assessed.folder, "--format", "html")
    assert "Reading and weighing the log" in shown
    assert re.search(r"Models drawn .*\b1/1", shown)
    assert out.lower().startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    "arguments", [("init", "--force", "--no-questions"), ("doctor",), ("report",)], ids="-".join
)
def test_elsewhere_nothing_is_shown(assessed: Workspace, arguments: Sequence[str]) -> None:
    name, *options = arguments
    before = assessed.toml.read_text()
    outcome = command(name, assessed.folder, *options)
    assessed.toml.write_text(before)

    assert outcome.status == 0
    assert outcome.err == ""
    assert "\x1b" not in outcome.out


def test_every_file_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("a.csv", "b.py", "c.npz", "d.onnx", "inner/e.txt", "inner/f.parquet", "g.pkl"):
        (tmp_path / name).write_bytes(b"x")
    found: list[int] = []
    files = files_in(tmp_path, found.append)
    looked: list[int] = []
    look = look_at(tmp_path, files, looked.append)

    assert found == [1, 2, 3, 4, 5, 6, 7]
    assert looked == [4, 5, 6, 7], "the names of three are all that is looked at"
    assert look == look_at(tmp_path)


def test_every_look_is_counted(assessed: Workspace) -> None:
    wanted = looks(assessed.folder, AROUND)
    done: list[int] = []
    carry_out(wanted, done.append)
    assert done == list(range(1, len(wanted) + 1))
    assert {"datasets.people", "models.scorer"} <= {look.where for look in wanted}


def test_every_drawn_model_is_counted() -> None:
    made = assessment()
    drawn: list[int] = []
    page = HtmlReport().render(made, drawn.append)
    assert drawn == list(range(1, len(made.robustness) + 1))
    assert page == HtmlReport().render(made)
