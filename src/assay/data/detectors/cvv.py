"""Card verification values.

Three or four digits on a card; PCI DSS 3.3.1 forbids keeping them after authorisation. Any small
number looks alike, so a fitting header is needed.
"""

from __future__ import annotations

from assay.data.interface import Detector

MEMBER = Detector(
    entity="cvv",
    noun="verification values",
    headers=(
        "cvv",
        "cvv 2",
        "cvc",
        "cvc 2",
        "card verification",
        "card security code",
        "prufziffer karte",
    ),
    exact_headers=("cid", "security code"),
    not_beside=frozenset({"result", "match", "check", "response"}),
    patterns=(r"\d{3,4}",),
    min_digits=3,
    number_range=(0, 9999),
    examples=("123", "0421"),
    near_misses=("M", "12", "12345"),
)
