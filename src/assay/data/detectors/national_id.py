"""National identity numbers of several European countries, with their check characters.

United Kingdom NINO and NHS number (mod 11), Spain DNI and NIE (letter mod 23), France NIR (97 less
the number mod 97), Italy codice fiscale, Sweden personnummer (Luhn), Belgium (mod 97), Poland PESEL
and the Netherlands BSN (weighted sums). Forms of bare digits need a fitting header. Checks go by
the form alone: that a number was issued is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from assay.data.detectors._checksums import digits_of, luhn, weighted
from assay.data.interface import Detector

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_FISCAL_DIGITS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_FISCAL_REST = (2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_FISCAL_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (*_FISCAL_DIGITS, *_FISCAL_DIGITS, *_FISCAL_REST),
        strict=True,
    )
)


def _is_dni(text: str) -> bool:
    number = text[:-1].translate(str.maketrans("XYZ", "012"))
    return _DNI_LETTERS[int(digits_of(number)) % 23] == text[-1]


def _is_fiscal_code(text: str) -> bool:
    odd = sum(_FISCAL_ODD[character] for character in text[:15:2])
    even = sum(int(c) if c.isdigit() else ord(c) - ord("A") for c in text[1:15:2])
    return chr(ord("A") + (odd + even) % 26) == text[15]


def _is_nir(text: str) -> bool:
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(text[13:])


def _is_personnummer(text: str) -> bool:
    return luhn(text[-10:]) and 1 <= int(text[-8:-6]) <= 12


def _is_belgian(text: str) -> bool:
    number, check = text[:9], int(text[9:])
    return check in (97 - int(number) % 97, 97 - int("2" + number) % 97)


def _is_pesel(text: str) -> bool:
    return weighted(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def _is_bsn(text: str) -> bool:
    return weighted(text, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and int(text) > 0


def _is_nhs(text: str) -> bool:
    return weighted(text, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0 and len(set(text)) > 1


def _is_nino(text: str) -> bool:
    return text[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


_FORMS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    (r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]", _is_nino),
    (r"[XYZ]?\d{7,8}[A-Z]", _is_dni),
    (r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", _is_fiscal_code),
    (r"[12]\d{4}(?:\d{2}|2[AB])\d{8}", _is_nir),
    (r"\d{6}[-+]\d{4}|(?:19|20)\d{6}-\d{4}", _is_personnummer),
    (r"\d{11}", lambda text: _is_pesel(text) or _is_belgian(text)),
    (r"\d{10}", _is_nhs),
    (r"\d{9}", _is_bsn),
)
_COMPILED = tuple((re.compile(form, re.ASCII), check) for form, check in _FORMS)


def _is_id(text: str) -> bool:
    compact = re.sub(r"[ .]", "", text).upper()
    dashless = (
        compact if re.match(r"\d{6}(?:\d\d)?[-+]\d{4}$", compact) else compact.replace("-", "")
    )
    for form, check in _COMPILED:
        if form.fullmatch(dashless):
            return check(dashless.replace("-", "").replace("+", ""))
    return False


MEMBER = Detector(
    entity="national_id",
    noun="national identity numbers",
    headers=(
        "national id",
        "national identifier",
        "national identity number",
        "national insurance",
        "nino",
        "nhs number",
        "nhs no",
        "personal id number",
        "identity card number",
        "id card number",
        "personalausweisnummer",
        "ausweisnummer",
        "sozialversicherungsnummer",
        "dni",
        "nif",
        "nie",
        "documento de identidad",
        "numero de securite sociale",
        "securite sociale",
        "nir",
        "codice fiscale",
        "pesel",
        "bsn",
        "burgerservicenummer",
        "personnummer",
        "rijksregisternummer",
    ),
    exact_headers=("citizen id", "identity number", "id number", "insee", "cedula"),
    patterns=(
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]",
        r"\d{8}-?[A-Z]",
        r"[XYZ]-?\d{7}-?[A-Z]",
        r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]",
        r"[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}",
        r"(?:19|20)?\d{6}[-+]\d{4}",
        r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}",
    ),
    weak_patterns=(r"\d{9,11}", r"\d{3} \d{3} \d{4}", r"\d{3}\.\d{2}\.\d{3}|\d{4}\.\d{2}\.\d{3}"),
    min_digits=6,
    validate=_is_id,
    content_alone=True,
    number_range=(100_000_000, 299_999_999_999_999),
    examples=(
        "AB 12 34 56 C",
        "12345678Z",
        "X1234567L",
        "RSSMRA85T10A562S",
        "255081416802538",
        "811218-9876",
        "85.07.30-033.28",
    ),
    near_misses=(
        "12345678A",
        "BG123456A",
        "RSSMRA85T10A562T",
        "255081416802539",
        "811218-9875",
        "order 12345678",
    ),
)
