"""Tax numbers of people.

The German identification number (BZSt, eleven digits, ISO/IEC 7064 mod 11,10) and the United States
ITIN (Internal Revenue Service, 9xx-7x-xxxx and neighbours); other forms need a fitting header.
Numbers of companies (VAT, EIN) are not looked for.
"""

from __future__ import annotations

import re

from assay.data.detectors._checksums import digits_of, mod11_10
from assay.data.interface import Detector


def _is_tax_number(text: str) -> bool:
    digits = digits_of(text)
    if re.fullmatch(r"9\d{2}-?\d{2}-?\d{4}", text, re.ASCII):
        group = int(digits[3:5])
        return 50 <= group <= 65 or 70 <= group <= 88 or (90 <= group <= 99 and group != 93)
    if len(digits) == 11:
        return digits[0] != "0" and len(set(digits[:10])) < 10 and mod11_10(digits)
    return 8 <= len(digits) <= 13


MEMBER = Detector(
    entity="tax_id",
    noun="tax numbers",
    headers=(
        "tax id",
        "tax number",
        "taxpayer id",
        "tax identification number",
        "itin",
        "steuer id",
        "steuernummer",
        "steueridentifikationsnummer",
        "idnr",
        "numero fiscal",
        "numero fiscale",
    ),
    exact_headers=("tin",),
    patterns=(r"9\d{2}-\d{2}-\d{4}",),
    weak_patterns=(r"\d{2} ?\d{3} ?\d{3} ?\d{3}", r"9\d{8}", r"\d{2,3}/\d{3}/\d{4,5}"),
    min_digits=8,
    validate=_is_tax_number,
    content_alone=True,
    number_range=(900_000_000, 99_999_999_999),
    examples=("912-70-1234", "999-88-0001"),
    near_misses=("912-12-3456", "912-93-1234", "812-70-1234", "12/345"),
)
