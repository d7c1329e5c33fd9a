"""Numbers of driving licences.

Every state has its own form, most of them a letter and digits: a fitting header is needed.
"""

from __future__ import annotations

from assay.data.detectors._forms import has_digit
from assay.data.interface import Detector

MEMBER = Detector(
    entity="drivers_licence",
    noun="licence numbers",
    headers=(
        "drivers license",
        "driver license",
        "driver s license",
        "drivers licence",
        "driver licence",
        "driving licence",
        "driving license",
        "dl number",
        "dl no",
        "license number",
        "licence number",
        "fuhrerschein",
        "fuehrerschein",
        "fuhrerscheinnummer",
        "permis de conduire",
        "licencia de conducir",
        "carnet de conducir",
    ),
    not_beside=frozenset({"software", "state", "date", "plate", "product", "business", "medical"}),
    patterns=(r"[A-Z0-9](?:[A-Z0-9 -]{3,18})[A-Z0-9]",),
    min_digits=4,
    validate=has_digit,
    number_range=(10_000, 1e14),
    examples=("D1234567", "MORGA753116SM9IJ", "S530-4600-1234"),
    near_misses=("yes", "D123", "none held", "ABCDEFG"),
)
