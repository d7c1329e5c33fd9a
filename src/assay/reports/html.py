"""The assessment as one HTML file for people: an auditor, a data protection officer, a court.

The file asks nothing of anyone: no scripts, no requests, styles and pictures inside, and a content
security policy that holds it to that. It prints on A4 and Letter, with every control listed.
Figures need matplotlib (`assay[report]`); without it the same numbers stand in tables.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cache
from itertools import count

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from assay.reports import _plots as plots
from assay.reports import _words as words
from assay.reports._view import page
from assay.reports._view_models import Draw
from assay.reports.interface import Told, nobody
from assay.vocabulary import Assessment, Robustness

_FILTERS = (
    words.answer,
    words.counted,
    words.interval,
    words.label,
    words.moment,
    words.number,
    words.percent,
    words.phrase,
    words.plural,
    words.share,
    words.short_digest,
    words.symbol,
    words.whole,
)
_CODE = Markup("<code>{}</code>")


@dataclass(frozen=True, slots=True)
class HtmlReport:
    """The assessment as a self-contained page."""

    name: str = "html"
    suffix: str = ".html"
    media_type: str = "text/html; charset=utf-8"

    def render(self, assessment: Assessment, told: Told = nobody) -> bytes:
        """The page in UTF-8."""
        draw = _counted(plots.panels, told) if plots.available() else None
        view = page(assessment, draw)
        return _environment().get_template("report.html").render(page=view).encode()


def _counted(draw: Draw, told: Told) -> Draw:
    """The same drawing, after each of which somebody is told how many there are."""
    done = count(1)

    def counted(result: Robustness) -> tuple[plots.Panel, ...]:
        drawn = draw(result)
        told(next(done))
        return drawn

    return counted


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("assay.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update({function.__name__: function for function in _FILTERS})
    environment.filters["prose"] = _prose
    environment.filters["cosigners"] = words.cosigners
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    return environment


def _prose(text: str) -> Markup:
    """A sentence in which what stands between backticks is code."""
    parts = _typeset(text).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    pieces = (_CODE.format(part) if n % 2 else escape(part) for n, part in enumerate(parts))
    return Markup().join(pieces)


def _visible(value: object) -> object:
    """What the page shows of a value: text from outside without characters that act."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _typeset(value)
    return value


def _typeset(text: str) -> str:
    """As `visible`, and no line ends between a number and its percent sign."""
    return words.visible(text).replace(" %", "\u00a0%")


MEMBER = HtmlReport()
