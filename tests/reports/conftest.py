"""The example, rendered once for all tests of the room."""

from __future__ import annotations

import pytest

from assay.reports.html import HtmlReport
from assay.vocabulary import Assessment

from . import example
from .outline import Outline


@pytest.fixture(scope="session")
def full() -> Assessment:
    """Everything that an assessment can hold."""
    return example.assessment()


@pytest.fixture(scope="session")
def page(full: Assessment) -> str:
    """The example as HTML."""
    return HtmlReport().render(full).decode()


@pytest.fixture(scope="session")
def outline(page: str) -> Outline:
    """The elements of that HTML."""
    return Outline.of(page)
