"""Dates of birth, and years of birth.

ISO 8601 and the European and American forms of a date. A date says nothing of what it dates, so a
fitting header is needed, or inside text a word such as `born` or `DOB` before it.
"""

from __future__ import annotations

import re

from assay.data.detectors._forms import DATE_FORMS, is_date
from assay.data.interface import Detector

_CUE = r"(?i:dob|d\.o\.b\.|born(?: on)?|date of birth|birth ?date|geb\.?|geboren(?: am)?|ne le)"
_SPLIT = re.compile(_CUE + r"[ :]*", re.ASCII)


def _is_birth(text: str) -> bool:
    day = _SPLIT.sub("", text)
    if re.fullmatch(r"(?:18|19|20)\d\d(?:\.0)?", day, re.ASCII):
        return True
    if re.fullmatch(r"\d{8}", day, re.ASCII):
        return is_date(f"{day[:4]}-{day[4:6]}-{day[6:]}")
    return is_date(day)


MEMBER = Detector(
    entity="date_of_birth",
    noun="dates",
    headers=(
        "date of birth",
        "birth date",
        "birthdate",
        "birthday",
        "dob",
        "birth dt",
        "year of birth",
        "birth year",
        "yob",
        "birth",
        "geburtsdatum",
        "geburtstag",
        "geburtsjahr",
        "geb datum",
        "date de naissance",
        "naissance",
        "fecha de nacimiento",
        "fecha nacimiento",
        "nacimiento",
        "data di nascita",
    ),
    exact_headers=("born", "born on", "geboren", "geboren am", "bday"),
    not_beside=frozenset(
        {"weight", "place", "country", "city", "order", "name", "cert", "control"}
    ),
    patterns=(*DATE_FORMS, r"(?:18|19|20)\d\d(?:\.0)?", r"(?:18|19|20)\d{6}"),
    in_text=tuple(rf"{_CUE}[ :]{{1,3}}(?:{form})" for form in DATE_FORMS[:3]),
    min_digits=4,
    validate=_is_birth,
    number_range=(1850, 20_991_231),
    dates=True,
    examples=(
        "1984-02-29",
        "29.02.1984",
        "02/29/1984",
        "7 Mar 1961",
        "March 7, 1961",
        "1961",
        "19840229",
    ),
    near_misses=("1985-02-29", "31.04.1984", "version 1984", "13/13/1984", "12:30:00", "20241399"),
)
