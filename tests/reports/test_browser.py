"""The HTML report in a real browser: accessible, still inside its window, silent on the network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.reports.html import HtmlReport
from assay.vocabulary import Assessment

from . import example

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
_TOOL = Path(__file__).parents[2] / "tools" / "screenshot.py"
_CASES = {"full": example.assessment, "empty": example.empty}

in_browser = pytest.mark.skipif(
    not _CHROMIUM.is_file(), reason=f"no Chromium at {_CHROMIUM}; set CHROMIUM or install it"
)


@pytest.fixture
def report(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made: Assessment = _CASES[request.param]()
    path = tmp_path / "report.html"
    path.write_bytes(HtmlReport().render(made))
    return path


@pytest.fixture
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=_CHROMIUM, args=flags)
        yield started
        started.close()


@pytest.mark.long
@in_browser
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("report", _CASES, indirect=True)
def test_accessible_silent_and_inside_its_window(
    browser: Browser, report: Path, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": width, "height": 900})
    requested: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requested.append(request.url.split(",")[0]))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(report.as_uri())
    inside = page.evaluate("document.documentElement.scrollWidth")
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
    found = Axe().run(page).response["violations"]
    assert [(violation["id"], len(violation["nodes"])) for violation in found] == []
    assert [url for url in requested if not url.startswith("data:")] == [report.as_uri()]
    assert complaints == []
    assert inside == width


@pytest.mark.long
@in_browser
@pytest.mark.parametrize("report", ["full"], indirect=True)
def test_the_tool_takes_a_picture(report: Path, tmp_path: Path) -> None:
    picture = tmp_path / "report.png"
    subprocess.run([sys.executable, _TOOL, report, picture, "--width", "400", "--full"], check=True)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("report", ["empty"], indirect=True)
def test_the_tool_says_what_is_missing(report: Path, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no-chromium")
    done = subprocess.run(
        [sys.executable, _TOOL, report, tmp_path / "report.png"],
        env={**os.environ, "CHROMIUM": nowhere},
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"There is no Chromium at {nowhere}." in done.stderr
