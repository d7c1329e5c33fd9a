"""Payment card numbers.

ISO/IEC 7812-1: 12 to 19 digits, the last a Luhn check digit; prefixes and lengths of the networks.
That keeps out device numbers (IMEI pass Luhn too) and nearly all order numbers. Columns of which
only one value in ten passes hold no cards: that is what chance gives.
"""

from __future__ import annotations

from assay.data.detectors._checksums import digits_of, luhn
from assay.data.interface import Detector

_NETWORKS: tuple[tuple[range, int, frozenset[int]], ...] = (
    (range(4, 5), 1, frozenset({13, 16, 19})),  # Visa
    (range(51, 56), 2, frozenset({16})),  # Mastercard
    (range(2221, 2721), 4, frozenset({16})),  # Mastercard
    (range(34, 35), 2, frozenset({15})),  # American Express
    (range(37, 38), 2, frozenset({15})),
    (range(300, 306), 3, frozenset({14})),  # Diners Club
    (range(36, 37), 2, frozenset({14})),
    (range(38, 40), 2, frozenset({14})),
    (range(6011, 6012), 4, frozenset({16, 19})),  # Discover
    (range(644, 660), 3, frozenset({16, 19})),
    (range(3528, 3590), 4, frozenset({16})),  # JCB
    (range(2131, 2132), 4, frozenset({15})),
    (range(1800, 1801), 4, frozenset({15})),
    (range(62, 63), 2, frozenset({16, 17, 18, 19})),  # UnionPay
    (range(5018, 5039), 4, frozenset(range(12, 20))),  # Maestro
    (range(5893, 5894), 4, frozenset(range(12, 20))),
    (range(6304, 6305), 4, frozenset(range(12, 20))),
    (range(6759, 6764), 4, frozenset(range(12, 20))),
)


def _is_card(text: str) -> bool:
    digits = digits_of(text)
    if not luhn(digits) or len(set(digits)) == 1:
        return False
    return any(
        len(digits) in lengths and int(digits[:width]) in prefixes
        for prefixes, width, lengths in _NETWORKS
    )


_CARD = r"\d{4}(?:[ -]?\d{4}){2,3}(?:[ -]?\d{1,3})?|\d{4}[ -]?\d{6}[ -]?\d{4,5}|\d{12,19}"

MEMBER = Detector(
    entity="credit_card",
    noun="card numbers whose check digit holds",
    headers=(
        "credit card",
        "credit card number",
        "card number",
        "card no",
        "card num",
        "ccn",
        "cc number",
        "cc num",
        "creditcard",
        "debit card",
        "pan",
        "kreditkarte",
        "kreditkartennummer",
        "kartennummer",
        "carte bancaire",
        "numero de carte",
        "tarjeta",
        "numero de tarjeta",
    ),
    not_beside=frozenset(
        {"cvv", "expiration", "holder", "issuer", "bank", "limit", "balance", "gift"}
    ),
    patterns=(_CARD,),
    in_text=(_CARD,),
    min_digits=12,
    validate=_is_card,
    content_alone=True,
    numbers_alone=True,
    number_range=(100_000_000_000, 9.2e18),
    examples=("4111 1111 1111 1111", "5555555555554444", "3782-822463-10005", "6011111111111117"),
    near_misses=("4111 1111 1111 1112", "1234567890123456", "490154203237518", "0000000000000000"),
)
