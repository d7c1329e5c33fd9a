"""What files from strangers say is shown on a terminal, never obeyed by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from assay.cli._findings import show_assessment, show_findings
from assay.cli._shared import printable, say, show_table
from assay.cli.model import _show as show_model
from assay.vocabulary import Basis, Finding, Severity, Status, Target, TargetKind
from tests.reports.example import assessment
from tests.workspaces import command, make_workspace

TITLE = "\x1b]0;pwn\x07\x1b[31mred"
TURNED = "\u202egnp.exe\u2066"


def obeyed(text: str) -> str:
    """The characters of it that a terminal would act on."""
    return "".join(c for c in text if not c.isprintable() and c not in "\n\t")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë\t名\n😀", "Zoë\t名\n😀"),
        (TITLE, "\\x1b]0;pwn\\x07\\x1b[31mred"),
        (TURNED, "\\u202egnp.exe\\u2066"),
        ("\x9b31m\x7f\r", "\\x9b31m\\x7f\\x0d"),
        ("\udcff\U000e0041\u2028", "\\udcff\\U000e0041\\u2028"),
    ],
)
def test_what_is_obeyed_becomes_a_visible_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_columns_of_a_file(tmp_path: Path) -> None:
    table = pa.table({TITLE: ["a"], TURNED: ["b"]})
    parquet.write_table(table, tmp_path / "odd.parquet")
    outcome = command("data", "classify", tmp_path / "odd.parquet")

    assert outcome.status == 0, outcome.err
    assert obeyed(outcome.out) == ""
    shown = "".join(outcome.out.split())
    assert "\\x1b]0" in shown
    assert "\\u202e" in shown


def test_findings(capsys: pytest.CaptureFixture[str]) -> None:
    target = Target(TargetKind.DATASET, TITLE)
    text = f"{TURNED} holds {TITLE}\x9b2J"
    finding = Finding(
        "CHK-X", TITLE, TITLE, target, Status.FAIL, Severity.HIGH, Basis.ATTESTED, text
    )
    show_findings([finding])
    out = capsys.readouterr().out

    assert obeyed(out) == ""
    assert "\\x1b[31m" in out


def test_an_assessment(capsys: pytest.CaptureFixture[str]) -> None:
    shown = assessment()
    show_assessment(shown, {"report": Path(f"{TITLE}.html")}, [f"{TURNED} took a second"])
    out = capsys.readouterr().out

    assert obeyed(out) == ""
    assert "\\u202egnp.exe\\u2066 took" in out
    for model in shown.robustness:
        if model.worst_case is not None and model.worst_case_epsilon is not None:
            assert f"{model.worst_case} at {model.worst_case_epsilon:g}" in " ".join(out.split())


def test_a_line_cannot_forge_another(capsys: pytest.CaptureFixture[str]) -> None:
    say("no such file: x\nEverything verifies.")
    assert capsys.readouterr().out == "no such file: x\\nEverything verifies.\n"


def test_titles_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(f"[/red] {TITLE}", ("Column",), [("[bold]x",)])
    out = capsys.readouterr().out

    assert "[/red] \\x1b]0;pwn" in out
    assert "[bold]x" in out
    assert obeyed(out) == ""


def test_a_folder_that_init_looks_at(tmp_path: Path) -> None:
    folder = tmp_path / f"{TITLE}{TURNED}"
    folder.mkdir()
    (folder / "odd\x1b[2J.csv").write_text("a,b\n")
    dry = command("init", folder, "--dry-run")
    done = command("init", folder)

    assert (dry.status, done.status) == (0, 0), dry.err + done.err
    assert obeyed(dry.out + dry.err + done.out + done.err) == ""
    assert "\\x1b]0;pwn" in done.out


def test_init_without_anything_to_show(tmp_path: Path) -> None:
    folder = tmp_path / TITLE
    folder.mkdir()
    done = command("init", folder)

    assert f"  assay doctor {printable(str(folder))}" in done.out
    assert obeyed(done.out) == ""


def test_what_the_doctor_says(tmp_path: Path) -> None:
    folder = tmp_path / TITLE
    folder.mkdir()
    for _ in range(2):
        said = command("doctor", folder)
        assert said.status == 0
        assert obeyed(said.out + said.err) == ""
        (folder / "assay.toml").write_text(f'schema = 1\n["{"x" * 9}\x1b"]\n')


def test_a_condition_that_is_met(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", rows=5)
    workspace.change('name = "Test Clinic"', 'name = "Clinic\\u202e"')
    outcome = command("assess", workspace.folder, "--fail-on", "low", "--fail-on", "unknown")

    assert outcome.status == 1, outcome.err
    assert "Clinic\\u202e" in outcome.err
    assert obeyed(outcome.out + outcome.err) == ""


def test_arguments_that_are_wrong() -> None:
    for arguments in ((TITLE,), ("assess", "a", TITLE), ("assess", "--depth", TURNED)):
        outcome = command(*arguments)
        assert outcome.status == 2
        assert obeyed(outcome.err) == ""
        assert "Error: " in outcome.err


def test_an_error_cannot_forge_a_line(tmp_path: Path) -> None:
    outcome = command("report", tmp_path / "none\nEverything verifies.")
    assert outcome.status == 2
    assert "none\\nEverything" in outcome.err


def test_a_worst_case_that_is_not_known_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    measured = next(model for model in assessment().robustness if model.worst_case is not None)
    show_model(replace(measured, worst_case=None))
    shown = capsys.readouterr().out
    assert "worst case" in shown
    assert "UNMEASURED" in shown
