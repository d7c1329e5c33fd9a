"""What files from strangers say is shown on a terminal, never obeyed by it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from assay.cli._findings import show_assessment, show_findings
from assay.cli._shared import printable, say, show_table
from assay.vocabulary import Basis, Finding, Severity, Status, Target, TargetKind
from tests.reports.example import assessment
from tests.workspaces import command

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
