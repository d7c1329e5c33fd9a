"""The HTML report: closed to the network, readable without eyes, honest about what is unknown."""

from __future__ import annotations

import base64
import re
import sys
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from assay.canonical import digest
from assay.reports.html import HtmlReport
from assay.vocabulary import Assessment, Exhibit, Status

from . import example
from .outline import Outline

_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@pytest.fixture
def plain(full: Assessment) -> Assessment:
    """The example without figures, which take most of the time."""
    return replace(full, robustness=tuple(replace(r, curves=()) for r in full.robustness))


def _rendered(assessment: Assessment) -> str:
    return HtmlReport().render(assessment).decode()


# Closed


def test_no_scripts_frames_or_handlers(outline: Outline) -> None:
    assert outline.all("script", "iframe", "object", "embed", "link", "form", "base") == []
    assert [a for e in outline.all() for a in e.attributes if a.startswith("on")] == []


def test_nothing_is_loaded(page: str, outline: Outline) -> None:
    sources = {
        e.attributes[a] for e in outline.all() for a in ("src", "srcset") if a in e.attributes
    }
    assert {source.split(",")[0] for source in sources} == {
        "data:image/png;base64",
        "data:image/svg+xml;base64",
    }
    assert {e.attributes["href"][0] for e in outline.all("a")} == {"#"}
    style = "".join(e.text for e in outline.all("style"))
    assert "url(" not in style
    assert "@import" not in style
    assert "http:" not in page
    assert "https:" not in page


def test_embedded_figures_load_nothing(outline: Outline) -> None:
    prefix = "data:image/svg+xml;base64,"
    sources = [e.attributes["src"] for e in outline.all("img")]
    figures = [base64.b64decode(s.removeprefix(prefix)) for s in sources if s.startswith(prefix)]
    assert figures
    links = [link for svg in figures for link in re.findall(rb'href="([^"]*)"', svg)]
    assert {link[:1] for link in links} == {b"#"}


def test_the_content_security_policy_is_strict(outline: Outline) -> None:
    policies = [e for e in outline.all("meta") if "http-equiv" in e.attributes]
    assert [policy.attributes["content"] for policy in policies] == [_CSP]


def test_hostile_names_are_shown_and_not_obeyed(page: str, outline: Outline) -> None:
    heading = outline.all("h1")[0].text
    assert '<script>alert("org")</script> & Daughters\\x1b[2J' in heading
    cells = [cell.text.strip() for tag in ("th", "code") for cell in outline.all(tag)]
    assert '"><script>alert(1)</script>\\u202egnp' in cells
    assert "<script" not in page


def test_a_picture_of_another_type_is_not_embedded(plain: Assessment) -> None:
    data = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(3)</script></svg>"
    swapped = Exhibit(plain.exhibits[0].digest, "image/svg+xml", data)
    page = _rendered(replace(plain, exhibits=(swapped, *plain.exhibits[1:])))
    assert base64.b64encode(data).decode() not in page
    assert page.count("picture not kept") == 2


# Readable


def test_language_title_and_landmarks(outline: Outline) -> None:
    assert outline.all("html")[0].attributes["lang"] == "en"
    assert outline.all("title")[0].text.startswith("Assessment of Northwind")
    assert [len(outline.all(tag)) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]


def test_headings_are_in_order(outline: Outline) -> None:
    levels = [int(e.tag[1]) for e in outline.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_sections_are_in_order(outline: Outline) -> None:
    assert [e.text for e in outline.all("h2")] == [
        "Summary",
        "Findings",
        "Datasets",
        "Models",
        "Threats",
        "Posture by framework",
        "What this depth left unmeasured",
        "Evidence",
        "How to verify this report",
    ]


def test_every_table_has_a_caption_and_scoped_headers(outline: Outline) -> None:
    tables = outline.all("table")
    assert len(tables) == 14
    assert [len(table.below("caption")) for table in tables] == [1] * len(tables)
    assert len({table.below("caption")[0].text for table in tables}) == len(tables)
    assert all("scope" in th.attributes for table in tables for th in table.below("th"))


def test_every_table_scrolls_in_a_named_region(outline: Outline) -> None:
    regions = [e for e in outline.all("div") if e.attributes.get("role") == "region"]
    assert [len(region.below("table")) for region in regions] == [1] * len(outline.all("table"))
    assert {region.attributes["tabindex"] for region in regions} == {"0"}
    assert len({region.attributes["aria-label"] for region in regions}) == len(regions)


def test_every_picture_has_words(outline: Outline) -> None:
    assert all(e.attributes["alt"].strip() for e in outline.all("img"))


def test_ids_are_unique_and_links_arrive(outline: Outline) -> None:
    ids = [e.attributes["id"] for e in outline.all() if "id" in e.attributes]
    assert len(set(ids)) == len(ids)
    assert {e.attributes["href"][1:] for e in outline.all("a")} <= set(ids)
    named = {e.attributes["aria-labelledby"] for e in outline.all("section", "article")}
    assert named <= set(ids)


# Honest


def test_unknown_stands_in_large_letters(outline: Outline) -> None:
    assert [e.text for e in outline.all("p") if e.attributes.get("class") == "large"] == [
        "2 UNKNOWN"
    ]


def test_the_three_most_severe_failures_in_words(outline: Outline) -> None:
    (severe,) = [e for e in outline.all("ol") if e.attributes.get("class") == "severe"]
    assert [item.below("p")[1].text for item in severe.below("li")] == [
        "3 of 4 files of a restricted dataset hold readable plaintext.",
        "1 of 4 files can be read by every account on the host.",
        "28.1\u00a0% of examples survive every attack at epsilon 0.1; 70\u00a0% are required.",
    ]


def test_findings_are_worst_first_with_their_word_and_mark(outline: Outline) -> None:
    rows = [e for e in outline.all("tr") if e.attributes.get("id", "").startswith("finding-")]
    words = [row.below("td")[0].below("span")[0].text for row in rows]
    assert words == [
        *["✕ FAIL"] * 4,
        *["? UNKNOWN"] * 2,
        "~ WAIVED",
        *["✓ PASS"] * 2,
        "○ NOT APPLICABLE",
    ]
    assert "✍ attested" in rows[8].text
    assert "¶ declared" in rows[3].text


def test_unmeasured_is_never_a_number(outline: Outline) -> None:
    rows = [row.text for row in outline.all("tr")]
    (inversion,) = [row for row in rows if "model_inversion" in row]
    assert "UNMEASURED" in inversion
    assert "counted as up to 100 %" in inversion
    (soc2,) = [e for e in outline.all("article") if "SOC 2" in e.text]
    assert [dd.text.split()[0] for dd in soc2.below("dd")] == ["UNMEASURED", "UNMEASURED", "0"]


def test_evidence_that_failed_says_why(outline: Outline) -> None:
    (row,) = [e.text for e in outline.all("tr") if "idp mfa coverage" in e.text]
    assert "NOT MEASURED" in row
    assert "Set [readers.identity] export." in row


def test_controls_are_listed_beside_the_fold(outline: Outline) -> None:
    """A closed fold hides what is in it from paper; the list is its neighbour instead."""
    assert [fold.below("table") for fold in outline.all("details")] == [[]] * 4
    tables = [e for e in outline.all("table") if "and their state" in e.text]
    assert [len(table.below("tr")) for table in tables] == [11] * 4


def test_the_checkpoint_is_verbatim(full: Assessment, outline: Outline) -> None:
    assert outline.all("pre")[-1].text.lstrip("\n") == full.checkpoint.note
    root = full.checkpoint.root
    text = outline.all("main")[0].text
    assert root.hex() in text
    assert base64.b64encode(root).decode() in text
    assert "assay log verify" in text


# Other shapes


def test_nothing_assessed_is_not_a_pass() -> None:
    outline = Outline.of(_rendered(example.empty()))
    text = outline.all("main")[0].text
    assert "NOTHING WAS ASSESSED" in text
    assert "✓" not in text
    assert outline.all("table") == []
    assert len(outline.all("h2")) == 9


def test_unknown_alone_does_not_read_as_clean(plain: Assessment) -> None:
    unknown = tuple(f for f in plain.findings if f.status is Status.UNKNOWN)
    text = Outline.of(_rendered(replace(plain, findings=unknown))).all("main")[0].text
    assert "No check failed, but 2 could not be judged." in text


def test_without_matplotlib_the_numbers_stay(
    full: Assessment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outline = Outline.of(_rendered(full))
    text = outline.all("main")[0].text
    assert "Plots need pip install 'assay[report]'." in text
    assert "svg" not in "".join(e.attributes["src"] for e in outline.all("img"))
    assert len(outline.all("table")) == 14


def test_a_model_that_was_not_attacked_is_unmeasured(full: Assessment) -> None:
    text = Outline.of(_rendered(replace(full, robustness=()))).all("main")[0].text
    assert text.count("No attack was run against this model") == 2


def test_evidence_that_is_cited_but_not_here_is_said_so(plain: Assessment) -> None:
    finding = replace(plain.findings[0], evidence=(digest(b"elsewhere"),))
    assert "(not in this report)" in _rendered(replace(plain, findings=(finding,)))


def test_the_same_evidence_twice_keeps_ids_unique(plain: Assessment) -> None:
    again = replace(plain.evidence[0], log_index=99)
    outline = Outline.of(_rendered(replace(plain, evidence=(*plain.evidence, again))))
    ids = [e.attributes["id"] for e in outline.all() if "id" in e.attributes]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"rows": "many", "columns": []},
        {"columns": {"a": None, "b": 3, "c": {"rare": "no", "why": {}, "level": "secret"}}},
        {"not_measured": "a string"},
    ],
    ids=["empty", "wrong types", "odd columns", "odd reason"],
)
def test_facts_of_another_shape_are_survived(plain: Assessment, facts: dict[str, object]) -> None:
    odd = replace(
        plain.evidence[0], observation=replace(plain.evidence[0].observation, facts=facts)
    )
    page = _rendered(replace(plain, evidence=(odd, *plain.evidence[1:])))
    assert "patients" in page


def test_rendering_takes_less_than_two_seconds(full: Assessment) -> None:
    started = time.process_time()
    _rendered(full)
    assert time.process_time() - started < 2.0
