"""National Provider Identifiers of the United States.

45 CFR 162.406: ten digits, the first 1 or 2, the last a Luhn check digit over 80840 and the number.
A provider's number is on a public register; beside patients it is part of their record.
"""

from __future__ import annotations

from assay.data.detectors._checksums import luhn
from assay.data.interface import Detector


def _is_npi(text: str) -> bool:
    return len(text) == 10 and text[0] in "12" and luhn("80840" + text)


MEMBER = Detector(
    entity="npi",
    noun="provider numbers whose check digit holds",
    headers=("npi", "national provider identifier", "provider npi", "npi number"),
    patterns=(r"[12]\d{9}",),
    min_digits=10,
    validate=_is_npi,
    content_alone=True,
    numbers_alone=True,
    number_range=(1_000_000_000, 2_999_999_999),
    examples=("1234567893", "1245319599"),
    near_misses=("1234567890", "3234567893", "123456789", "12345678930"),
)
