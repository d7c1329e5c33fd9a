"""United States social security numbers.

Social Security Administration, RM 10201.035: nine digits, area not 000, 666 or 900 to 999, group
not 00, serial not 0000. There is no check digit, so nine bare digits need a fitting header. Numbers
of taxpayers without one (9xx) are no SSN.
"""

from __future__ import annotations

from assay.data.detectors._checksums import digits_of
from assay.data.interface import Detector


def _is_issued(text: str) -> bool:
    digits = digits_of(text)
    return (
        len(digits) == 9
        and digits[:3] not in ("000", "666")
        and digits[0] != "9"
        and digits[3:5] != "00"
        and digits[5:] != "0000"
        and len(set(digits)) > 1
    )


MEMBER = Detector(
    entity="ssn",
    noun="social security numbers",
    headers=("ssn", "social security number", "social security no", "social security", "soc sec"),
    patterns=(r"\d{3}-\d{2}-\d{4}",),
    weak_patterns=(r"\d{3} ?\d{2} ?\d{4}",),
    in_text=(r"\d{3}-\d{2}-\d{4}",),
    min_digits=9,
    validate=_is_issued,
    content_alone=True,
    number_range=(1_010_001, 899_999_999),
    integer_width=9,
    examples=("219-09-9999", "078-05-1120"),
    near_misses=(
        "000-12-3456",
        "666-12-3456",
        "912-12-3456",
        "123-00-4567",
        "123-45-0000",
        "12-345-6789",
    ),
)
