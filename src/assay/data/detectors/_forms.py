"""Forms of text that several detectors share: letters, dates, sums of money, identifiers."""

from __future__ import annotations

import re
from datetime import date

LETTER = "A-Za-zÀ-ÖØ-öø-ɏ"
"""Latin letters, for a character class."""

UPPER = "A-ZÀ-ÖØ-Þ"
"""Capital letters of western Europe, for a character class."""

WORDED = rf"(?s:.*[{LETTER}].*[{LETTER}].*)"
"""A text with at least two letters."""

MONEY = (
    r"[-+(]?\s?(?:[$€£¥]|[A-Z]{3})?\s?[-+]?\d{1,3}(?:[,.' ]?\d{3}){0,4}(?:[.,]\d{1,4})?"
    r"\s?(?:[$€£¥]|[A-Z]{3})?\)?"
)
"""A sum with or without currency and grouping: `1.234,56 €`, `USD 12`, `(45.00)`."""

ISO_DATE = (
    r"(?:18|19|20)\d\d-\d\d?-\d\d?(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
)
DATE_FORMS = (
    ISO_DATE,
    r"(?:18|19|20)\d\d[/.]\d\d?[/.]\d\d?",
    r"\d\d?[/.-]\d\d?[/.-](?:(?:18|19|20)\d\d|\d\d)(?: \d\d?:\d\d(?::\d\d)?)?",
    r"\d\d?[ -](?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -](?:18|19|20)\d\d",
    r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d\d?,? (?:18|19|20)\d\d",
)
"""Dates as exports write them, the year with four digits or, after day and month, with two."""

_NUMBERS = re.compile(r"\d+", re.ASCII)


def is_date(text: str) -> bool:
    """Whether the numbers of a text in one of `DATE_FORMS` make a day of the calendar."""
    numbers = [int(number) for number in _NUMBERS.findall(text.partition("T")[0])][:3]
    if len(numbers) == 2:
        # The month is a word; a day is left to check.
        return 1 <= min(numbers) <= 31
    if len(numbers) < 3:
        return False
    first, second, third = numbers
    if first > 31:
        return _is_day(first, second, third)
    return _is_day(third, second, first) or _is_day(third, first, second)


def has_digit(text: str) -> bool:
    """Whether an ASCII digit is in the text."""
    return any("0" <= character <= "9" for character in text)


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year if year > 99 else 1900 + year, month, day)
    except ValueError:
        return False
    return True
