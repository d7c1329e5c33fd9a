"""Passport numbers.

ICAO Doc 9303 allows nine letters and digits in any order, which looks like many codes: a fitting
header is needed.
"""

from __future__ import annotations

from assay.data.detectors._forms import has_digit
from assay.data.interface import Detector

MEMBER = Detector(
    entity="passport",
    noun="passport numbers",
    headers=(
        "passport",
        "passport number",
        "passport no",
        "passport num",
        "reisepass",
        "reisepassnummer",
        "passnummer",
        "passeport",
        "numero de passeport",
        "pasaporte",
        "numero de pasaporte",
        "passaporto",
    ),
    not_beside=frozenset({"country", "date", "photo", "issued", "office"}),
    patterns=(r"[A-Z0-9]{6,9}",),
    min_digits=4,
    validate=has_digit,
    number_range=(100_000, 999_999_999),
    examples=("C01X00T47", "123456789", "YA1234567"),
    near_misses=("yes", "C01", "AB CD 123456", "ABCDEFGHI"),
)
