"""The page that shows users how to log from their own code runs, and its fragments are Python."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from assay.audit_log import emitting
from tests.docs.pages import ROOT, blocks, run_page

PAGE = ROOT / "docs" / "how-to" / "log-from-your-code.md"
PAGES = (PAGE, ROOT / "docs" / "explanation" / "outbox.md")


def test_the_page_runs_and_prints_what_it_shows(tmp_path: Path) -> None:
    assert run_page(PAGE, tmp_path, None) == []


def test_the_fragments_call_what_there_is() -> None:
    called = set()
    for page in PAGES:
        for block in blocks(page):
            if block.what == "fragment.py":
                nodes = list(ast.walk(ast.parse(block.text)))
                called |= {
                    n.func.id for n in nodes if isinstance(n, ast.Call) and hasattr(n.func, "id")
                }
    ours = {name for name in called if hasattr(emitting, name)}
    assert ours == {"AuditLogHandler", "AuditMiddleware", "deliver"}


@pytest.mark.parametrize("name", emitting.__all__)
def test_every_public_name_says_what_it_is(name: str) -> None:
    assert getattr(emitting, name).__doc__
