"""A report as bytes: canonical JSON, or one HTML page that holds the same JSON.

The page asks nothing of anyone: no scripts that run, no requests, styles and pictures inside, and a
content security policy that holds it to that. Both forms are pure functions of the report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assay.audit_log.report.page import page_of
from assay.canonical import canonical_bytes

_JSON_BEGINS = '<script type="application/json" id="report">'
_JSON_ENDS = "</script>"

# What a browser obeys instead of showing: control characters but tab and line feed, marks that
# turn text around, invisible separators, half surrogate pairs, tags.
_ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_IN_MARKUP = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_IN_MARKUP |= {"\u2028": "\\u2028", "\u2029": "\\u2029"}


def json_bytes(report: Mapping[str, Any]) -> bytes:
    """The report as canonical JSON (RFC 8785), with a line feed at the end."""
    return canonical_bytes(report) + b"\n"


def html(report: Mapping[str, Any]) -> bytes:
    """The report as a page, in UTF-8."""
    template = _environment().get_template("log_report.html")
    text = json_bytes(report).decode().rstrip("\n")
    inside = re.sub("[<>&\u2028\u2029]", lambda found: _IN_MARKUP[found[0]], text)
    block = Markup(_JSON_BEGINS + inside + _JSON_ENDS)  # noqa: S704 - escaped in the line above
    # A round trip makes the page a function of the JSON alone: whole seconds lose their `.0`.
    return template.render(page=page_of(json.loads(text)), json_block=block).encode()


def embedded(page: str) -> str:
    """The JSON text in a page.

    Raises:
        ValueError: there is none, or more than one.
    """
    parts = page.split(_JSON_BEGINS)
    if len(parts) != 2 or _JSON_ENDS not in parts[1]:
        raise ValueError("not one block of JSON")
    return parts[1].partition(_JSON_ENDS)[0]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("assay.audit_log.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters |= {
        "whole": _whole,
        "plural": _plural,
        "moment": _moment,
        "length": _length,
        "percent": _percent,
        "prose": _prose,
        "probability": _probability,
    }
    return environment


def _visible(value: object) -> object:
    """What the page shows of a value: text from outside without characters that act."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _ACTS.sub(lambda found: f"\\u{ord(found[0]):04x}", value)
    return value


def _prose(text: str) -> Markup:
    """A sentence in which what stands between backticks is code."""
    parts = str(_visible(text)).split("`")
    code = Markup("<code>{}</code>")
    return Markup().join(
        code.format(part) if n % 2 else Markup.escape(part) for n, part in enumerate(parts)
    )


def _whole(count: int) -> str:
    return f"{count:,}"


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _moment(at: str | None) -> str:
    """`2026-11-22 10:00:00 UTC`."""
    return "never" if at is None else f"{at[:10]} {at[11:19]} UTC"


def _length(seconds: float) -> str:
    """A length of time for people: `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, days = whole // 60, whole // 86_400
    if days >= 2:
        return f"{days} d {minutes // 60 % 24} h"
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


def _percent(part: int, of: int) -> str:
    """`12.5 %`; never rounded to none or all."""
    if not of:
        return "no events"
    share = 100 * part / of
    if 0 < share < 0.05:
        return "<0.1 %"
    return ">99.9 %" if 99.95 <= share < 100 else f"{share:.1f} %"


def _probability(value: float) -> str:
    """`1 in 43,000`, rounded to two digits."""
    if value <= 0 or value < 1e-12:
        return "less than 1 in a million million"
    odds = 1 / value
    if odds >= 1e6:
        return f"1 in {odds:.1e}".replace("e+0", "e").replace("e+", "e")
    digits = max(0, len(str(int(odds))) - 2)
    return f"1 in {round(odds, -digits):,.0f}"
