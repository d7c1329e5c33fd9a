"""Column headers as words, and whether they name a type of data.

A header is split into lower-case words at punctuation, camelCase humps and between letters and
digits; accents are folded. A phrase fits when all its words stand in the header side by side, so
that `age` is not found in `page` and `grid` holds no id. A word such as `sent` or `count` beside
the phrase says that the column is *about* the thing and does not hold it: `email_sent`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from assay.data.interface import Detector

_HUMPS = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)"
)
_WORD = re.compile(r"[^\W_]+")

_ABOUT_WORDS = """
sent verified valid validated validation confirmed flag is has count counts type status opt
optin optout enabled disabled allowed consent required format length len size model brand
version provider domain template subject campaign clicked opened bounced rate category class
kind hash hashed sha sha256 md5 encrypted missing null exists present updated created changed
modified at attempts policy expired expires expiry frequency index idx rank percentage
percent pct ratio delta error errors reset strength quality
"""
_ABOUT = frozenset(_ABOUT_WORDS.split())


@dataclass(frozen=True, slots=True)
class HeaderFit:
    """That a header names a detector's type: by which phrase, and whether it says nothing else."""

    phrase: str
    exact: bool


@cache
def header_words(header: str) -> tuple[str, ...]:
    """The lower-case words of a header: `patientDOB_2` is `patient`, `dob`, `2`."""
    return tuple(_WORD.findall(_HUMPS.sub(" ", folded(header)).casefold()))


def folded(text: str) -> str:
    """The text without accents: `prénom` is `prenom`."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))


def header_fit(words: Sequence[str], detector: Detector) -> HeaderFit | None:
    """The longest phrase of a detector that fits these words, or None."""
    words = tuple(words)
    for phrase in sorted(detector.exact_headers, key=len, reverse=True):
        if header_words(phrase) == words:
            return HeaderFit(phrase, exact=True)
    for phrase in sorted(detector.headers, key=lambda text: (-len(header_words(text)), text)):
        rest = _words_beside(words, header_words(phrase))
        if rest is not None and (_ABOUT | detector.not_beside).isdisjoint(rest):
            return HeaderFit(phrase, exact=not rest)
    return None


def _words_beside(words: tuple[str, ...], phrase: tuple[str, ...]) -> tuple[str, ...] | None:
    """The words before and after the phrase, or None if it is not there side by side."""
    width = len(phrase)
    for start in range(len(words) - width + 1):
        if words[start : start + width] == phrase:
            return words[:start] + words[start + width :]
    return None
