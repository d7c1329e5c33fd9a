"""Telephone numbers.

ITU-T E.164 (`+`, country code, at most 15 digits in all), the North American plan with area and
exchange codes from 2 to 9, and the French and British groupings. Bare digits and other national
groupings count only under a fitting header. Extensions are allowed, vanity letters are not.
"""

from __future__ import annotations

import re

from assay.data.detectors._checksums import digits_of
from assay.data.interface import Detector

_NANP = r"(?:(?:\+|00)?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}"
_EXTENSION = r"(?: ?(?:x|ext\.?) ?\d{1,6})?"
_E164 = r"\+[1-9]\d{0,2}(?:[ ./-]?\(0?\d{0,4}\))?(?:[ ./-]?\d{1,6}){1,6}"
_FRENCH = r"0[1-9](?:[ .-]\d\d){4}"
_BRITISH = r"\(?0\d{2,4}\)? \d{3,4} ?\d{3,4}"
_NANP_DIGITS = re.compile(r"(?:00)?1?([2-9]\d\d)([2-9]\d\d)\d{4}", re.ASCII)
_CODE_LENGTHS = range(7, 16)


def _is_number(text: str) -> bool:
    number = re.split(r"(?i:x|ext)", text)[0]
    digits = digits_of(number)
    if len(set(digits)) < 3 or len(digits) not in _CODE_LENGTHS:
        return False
    north_american = number.startswith(("+1", "1")) or re.fullmatch(
        r"\(?\d{3}\)?[ .-]?\d{3}[ .-]\d{4}", number
    )
    return not north_american or _NANP_DIGITS.fullmatch(digits) is not None


MEMBER = Detector(
    entity="phone",
    noun="telephone numbers",
    headers=(
        "phone",
        "telephone",
        "phone number",
        "mobile",
        "mobile number",
        "cell phone",
        "cellphone",
        "cell number",
        "fax",
        "tel",
        "telefon",
        "telefonnummer",
        "handy",
        "handynummer",
        "rufnummer",
        "mobilnummer",
        "telefax",
        "telefono",
        "movil",
        "celular",
        "portable",
        "msisdn",
    ),
    exact_headers=("cell", "contact", "contact number", "kontakt"),
    not_beside=frozenset({"app", "os", "device", "screen", "carrier", "plan", "service", "lines"}),
    patterns=(_NANP + _EXTENSION, _E164 + _EXTENSION, _FRENCH, _BRITISH),
    weak_patterns=(r"\+?[\d(][\d ()./-]{5,22}" + _EXTENSION,),
    in_text=(_NANP, r"\+[1-9]\d{0,2}[ ./-]?\(?\d{1,5}\)?(?:[ ./-]?\d{2,6}){2,5}", _FRENCH),
    min_digits=7,
    validate=_is_number,
    content_alone=True,
    content_share=0.7,
    number_range=(2_000_000, 999_999_999_999_999),
    examples=(
        "(415) 555-2671",
        "415-555-2671",
        "+49 30 901820",
        "+14155552671",
        "+44 20 7946 0958",
        "01 42 68 53 00",
        "415.555.2671 x123",
        "020 7946 0958",
    ),
    near_misses=(
        "123-456-7890",
        "2024-01-15",
        "192.168.10.20",
        "555-1234567",
        "+1 123 456 7890",
        "000-000-0000",
    ),
)
