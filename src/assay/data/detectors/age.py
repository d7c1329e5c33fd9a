"""Ages of people in years, or bands of them.

A number from 0 to 120 is anything without a header, so only a fitting one makes it an age.
"""

from __future__ import annotations

import re

from assay.data.interface import Detector


def _is_age(text: str) -> bool:
    return all(int(number) <= 120 for number in re.findall(r"\d+", text, re.ASCII))


MEMBER = Detector(
    entity="age",
    noun="ages",
    headers=(
        "patient age",
        "age years",
        "age in years",
        "age at diagnosis",
        "age at admission",
        "customer age",
        "employee age",
        "client age",
        "person age",
        "subject age",
        "age group",
        "age band",
        "age range",
        "current age",
        "edad del paciente",
    ),
    exact_headers=(
        "age",
        "ages",
        "alter",
        "edad",
        "leeftijd",
        "eta",
        "age yrs",
        "age yr",
        "lebensalter",
    ),
    not_beside=frozenset(
        {"account", "company", "vehicle", "car", "house", "building", "days", "stock"}
    ),
    patterns=(
        r"\d{1,3}(?:\.0+)?(?: ?(?:y|yo|yrs?|years?|Jahre|ans|anos)(?: old)?)?",
        r"\d{1,3} ?(?:-|–|to) ?\d{1,3}",
        r"(?:[<>]=? ?\d{1,3}|\d{2,3}\+)",
    ),
    min_digits=1,
    validate=_is_age,
    number_range=(0, 120),
    examples=("42", "42.0", "67 years", "30-39", "90+"),
    near_misses=("121", "42.5", "-3", "forty", "2024"),
)
