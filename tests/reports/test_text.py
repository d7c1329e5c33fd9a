"""The plain-text report against a golden file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from assay.reports.text import TextReport
from assay.vocabulary import Assessment

from . import example

GOLDEN = Path(__file__).parent / "golden"


def test_the_example(full: Assessment) -> None:
    assert TextReport().render(full).decode() == (GOLDEN / "example.txt").read_text()


def test_nothing_assessed() -> None:
    assert TextReport().render(example.empty()).decode() == (GOLDEN / "empty.txt").read_text()


def test_a_name_cannot_forge_a_line(full: Assessment) -> None:
    forged = replace(full, organisation="Northwind\nPASS everything\r\n")
    first, _ = TextReport().render(forged).decode().split("\n", 1)
    assert first == "assay: assessment of Northwind PASS everything"


def test_no_finding_passes_by_omission(full: Assessment) -> None:
    unknown_only = replace(full, findings=tuple(f for f in full.findings if f.status == "unknown"))
    text = TextReport().render(unknown_only).decode()
    assert "UNKNOWN is not a pass: 2 could not be judged." in text
    assert "PASS " not in text
