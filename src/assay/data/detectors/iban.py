"""International bank account numbers.

ISO 13616-1: country, two check digits (ISO/IEC 7064 mod 97-10), national number; the length is the
country's. Spaces every four characters are allowed. That the account exists is not known.
"""

from __future__ import annotations

from assay.data.detectors._checksums import mod97
from assay.data.interface import Detector

_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO",
        "16": "BE",
        "18": "DK FI FO GL NL",
        "19": "MK SI",
        "20": "AT BA EE KZ LT LU XK",
        "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS VA",
        "23": "AE GI IL IQ TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG",
        "25": "PT ST",
        "26": "IS TR",
        "27": "FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HU LB PL SV",
        "29": "BR PS QA UA",
        "30": "JO KW MU",
        "31": "MT SC",
        "32": "LC",
    }.items()
    for country in countries.split()
}


def _is_iban(text: str) -> bool:
    compact = text.replace(" ", "").replace("-", "").upper()
    length = _LENGTHS.get(compact[:2], 0)
    # Inside text a following capitalised word may be caught too; the country says where to stop.
    number = compact[:length]
    return bool(length) and len(number) == length and mod97(number[4:] + number[:4]) == 1


_IBAN = r"[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?"

MEMBER = Detector(
    entity="iban",
    noun="account numbers (IBAN) whose check digits hold",
    headers=("iban", "iban number", "iban code", "international bank account number"),
    patterns=(_IBAN, r"[a-z]{2}\d{2}[a-z0-9]{11,30}"),
    in_text=(_IBAN,),
    min_digits=8,
    validate=_is_iban,
    content_alone=True,
    examples=(
        "DE89 3704 0044 0532 0130 00",
        "GB82WEST12345698765432",
        "FR1420041010050500013M02606",
    ),
    near_misses=("DE88 3704 0044 0532 0130 00", "XX89370400440532013000", "DE8937040044053201300"),
)
