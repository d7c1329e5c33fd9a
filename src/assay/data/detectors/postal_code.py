"""Postal codes.

Forms of the United States (ZIP, ZIP+4), the United Kingdom, Canada, the Netherlands, Portugal,
Poland, Brazil, Japan and the many countries with four to six digits. Digits alone are anything, so
a fitting header is needed; a numeric column has lost leading zeros and still counts.
"""

from __future__ import annotations

from assay.data.interface import Detector

MEMBER = Detector(
    entity="postal_code",
    noun="postal codes",
    headers=(
        "zip",
        "zip code",
        "zipcode",
        "postal code",
        "postcode",
        "post code",
        "postalcode",
        "plz",
        "postleitzahl",
        "code postal",
        "codigo postal",
        "codice postale",
        "pincode",
    ),
    exact_headers=("cp", "pin code", "postal", "eircode"),
    not_beside=frozenset({"file", "archive", "path", "bytes"}),
    patterns=(
        r"\d{5}(?:-\d{4})?(?:\.0)?",
        r"(?i:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})",
        r"(?i:[A-Z]\d[A-Z] ?\d[A-Z]\d)",
        r"\d{4} ?[A-Z]{2}",
        r"\d{4}-\d{3}",
        r"\d{5}-\d{3}",
        r"\d{3}-\d{4}",
        r"\d{2}-\d{3}",
        r"\d{3} \d{2}",
        r"(?:[A-Z]{1,2}-)?\d{3,6}",
    ),
    number_range=(501, 999_999),
    examples=("02139", "02139-4307", "SW1A 1AA", "K1A 0B1", "1012 AB", "D-10115"),
    near_misses=("1234567", "12.5", "ABCDE", "2", "SW1A"),
)
