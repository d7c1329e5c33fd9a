"""Where in a TOML text a key stands, and which known key is nearest to an unknown one.

`tomllib` gives no positions. This finds the line by the table headers and keys alone, which is
enough to send a person to the right place; it does not parse TOML again.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

_PART = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"({_PART}(?:\s*\.\s*{_PART})*)"
_HEADER = re.compile(rf"^\s*\[{{1,2}}\s*{_DOTTED}\s*\]{{1,2}}\s*(?:#.*)?$")
_KEY = re.compile(rf"^\s*{_DOTTED}\s*=")


def line_of(text: str, place: Sequence[str]) -> int:
    """The 1-based line of the deepest part of `place` that the text names; 1 if it names none."""
    wanted, best_line, best_depth = list(place), 1, 0
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            here = table
        elif key := _KEY.match(line):
            here = table + _parts(key[1])
        else:
            continue
        depth = _shared(here, wanted)
        if depth in (len(here), len(wanted)) and depth > best_depth:
            best_line, best_depth = number, depth
    return best_line


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that looks most like this one, if any looks like it."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else None


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


def _shared(here: Sequence[str], wanted: Sequence[str]) -> int:
    count = 0
    for one, other in zip(here, wanted, strict=False):
        if one != other:
            break
        count += 1
    return count
