"""Figures: what a line differs by, what they leave out, what they say in words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from assay.intervals import wilson
from assay.reports import _plots as plots
from assay.vocabulary import Assessment, CurvePoint

_DIGITS = 0
"""The place of the model digits in the example."""


@pytest.fixture(scope="module")
def panels(full: Assessment) -> tuple[plots.Panel, ...]:
    return plots.panels(full.robustness[_DIGITS])


def test_a_panel_per_norm_and_per_corruption(panels: tuple[plots.Panel, ...]) -> None:
    assert [(panel.title, panel.wide) for panel in panels] == [
        ("Accuracy under attack, norm linf", True),
        ("Accuracy under noise", False),
        ("Accuracy under rotation", False),
        ("Accuracy under brightness", False),
    ]


def test_no_curves_no_panels(full: Assessment) -> None:
    assert plots.panels(replace(full.robustness[_DIGITS], curves=())) == ()


def test_nothing_about_when_or_by_what(panels: tuple[plots.Panel, ...]) -> None:
    svg = panels[0].svg.decode()
    assert "<metadata" not in svg
    assert "matplotlib.org" not in svg
    assert "<!--" not in svg.partition("<svg")[0]


def test_text_stays_text_and_lines_differ_without_colour(panels: tuple[plots.Panel, ...]) -> None:
    svg = panels[0].svg.decode()
    assert re.search(r"<text[^>]*>pgd</text>", svg)
    assert "stroke-dasharray" in svg


def test_a_hostile_name_is_drawn_as_text(full: Assessment) -> None:
    robustness = full.robustness[_DIGITS]
    hostile = replace(robustness.curves[0], member="$\\frac{1}{0}$</text><script>")
    panel = plots.panels(replace(robustness, curves=(hostile,)))[0]
    assert b"<script" not in panel.svg


def test_the_description_says_where_each_line_ends(panels: tuple[plots.Panel, ...]) -> None:
    assert panels[0].description == (
        "Accuracy under attack, norm linf. pgd: 4.7 % at 0.2 epsilon. fgsm: 45.3 % at 0.2 epsilon."
    )


def test_points_that_tried_nothing_are_not_drawn(full: Assessment) -> None:
    robustness = full.robustness[_DIGITS]
    untried = replace(robustness.curves[0], points=(CurvePoint(0.1, wilson(0, 0)),))
    panel = plots.panels(replace(robustness, curves=(untried,), clean=wilson(0, 0)))[0]
    assert panel.description == "Accuracy under attack, norm linf. "
