"""The page: whole, escaped, still, accessible, and always the same."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from assay.audit_log.report.render import embedded, html, json_bytes
from tests.audit_log.report.logs import MONDAY, WEEK, MemoryLog, event, report_of

_CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)> \u202e\u2028\x1b[31m & \" '"
)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags_of(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(page)
    return parser.tags


def full() -> Any:
    events = [
        event(24 * day + 9 + n / 10, "data_access", f"{n % 3}")
        for day in range(-30, 7)
        for n in range(12)
    ]
    events += [event(24 * 5 + 3 + n / 100, "data_access", "1") for n in range(90)]
    events += [event(24 * 6 + 10, "note", "somebody new")]
    events += [event(40, "security_alert", "1", action=HOSTILE, outcome=HOSTILE)]
    return report_of(MemoryLog(events), replace(WEEK, heartbeat_seconds=3_600))


def empty() -> Any:
    return report_of(MemoryLog([event(-5_000)]))


def long() -> Any:
    events = [event(24 * day, "note") for day in range(0, 900, 3)]
    return report_of(MemoryLog(events), replace(WEEK, until=MONDAY + timedelta(days=900)))


CASES = {"full": full, "empty": empty, "long": long}


@pytest.mark.parametrize("case", CASES)
def test_the_same_report_gives_the_same_page(case: str) -> None:
    assert html(CASES[case]()) == html(CASES[case]())


@pytest.mark.parametrize("case", CASES)
def test_a_page_holds_its_json(case: str) -> None:
    report = CASES[case]()

    assert json.loads(embedded(html(report).decode())) == json.loads(json_bytes(report))


@pytest.mark.parametrize("case", CASES)
def test_a_page_asks_nothing_of_anyone(case: str) -> None:
    for tag, attributes in tags_of(html(CASES[case]()).decode()):
        assert tag not in {"img", "link", "iframe", "object", "form", "base"}
        assert tag != "script" or attributes["type"] == "application/json"
        assert not any(name.startswith("on") for name in attributes)
        assert str(attributes.get("href", "#")).startswith("#")
        assert "src" not in attributes


def test_hostile_texts_are_shown_and_not_obeyed() -> None:
    page = html(full()).decode()

    assert page.count("<script") == 1
    assert "&lt;img src=x" in page
    for character in "\u202e\u2028\x1b":
        assert character not in page.replace(embedded(page), "")
    assert "\u2028" not in embedded(page)
    assert "<" not in embedded(page)


def test_every_chart_has_words_and_every_link_a_place() -> None:
    page = html(full()).decode()
    tags = tags_of(page)
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]

    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in tags if "aria-labelledby" in a} <= set(ids)
    assert {str(a["href"])[1:] for t, a in tags if t == "a"} <= set(ids)
    pictures = [a for t, a in tags if t == "svg" and a.get("aria-hidden") != "true"]
    assert [a["role"] for a in pictures] == ["img", "img"]
    assert "The highest bar is 102 events." in page


def test_the_bars_fit_into_the_chart_and_nothing_is_lost() -> None:
    for case in ("full", "long"):
        page = html(CASES[case]()).decode()
        chart = page[page.index('aria-labelledby="by-day-words"') :].partition("</svg>")[0]
        bars = [
            tuple(map(int, found))
            for found in re.findall(
                r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', chart
            )
        ]
        assert bars
        for x, y, width, height in bars:
            assert width >= 1
            assert height >= 1
            assert x >= 56
            assert x + width <= 960
            assert y >= 11
            assert y + height <= 212


def test_what_is_unknown_is_in_capitals() -> None:
    assert "UNKNOWN" in html(full()).decode()
    assert "NONE COULD BE JUDGED" in html(empty()).decode()


@pytest.mark.long
@pytest.mark.skipif(not _CHROMIUM.is_file(), reason="no Chromium; set CHROMIUM or install it")
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("case", CASES)
def test_accessible_silent_and_inside_its_window(case: str, width: int, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    path = tmp_path / "report.html"
    path.write_bytes(html(CASES[case]()))
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=flags)
        page = browser.new_page(viewport={"width": width, "height": 900})
        requested: list[str] = []
        complaints: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(path.as_uri())
        inside = page.evaluate("document.documentElement.scrollWidth")
        page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
        found = Axe().run(page).response["violations"]
        browser.close()
    assert [(violation["id"], len(violation["nodes"])) for violation in found] == []
    assert requested == [path.as_uri()]
    assert complaints == []
    assert inside == width
