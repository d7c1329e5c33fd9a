"""Sums of money that were paid, charged or owed.

A number with or without a currency; only a fitting header makes it a sum. Prices of products are no
sums of anybody.
"""

from __future__ import annotations

from assay.data.detectors._forms import MONEY
from assay.data.interface import Detector

_MEASURED = """
mg ml g kg l oz units unit water rain rainfall oil dose qty quantity energy moisture fat
sugar salt protein
"""

MEMBER = Detector(
    entity="amount",
    noun="sums of money",
    headers=(
        "amount",
        "amt",
        "transaction amount",
        "payment amount",
        "invoice total",
        "amount due",
        "total paid",
        "total charged",
        "billed amount",
        "refund amount",
        "loan amount",
        "betrag",
        "rechnungsbetrag",
        "gesamtbetrag",
        "zahlbetrag",
        "montant",
        "importe",
        "monto",
        "importo",
        "treatment cost",
        "billing",
        "bill total",
    ),
    exact_headers=("payment", "payments", "debit", "credit", "charges", "summe", "paid"),
    not_beside=frozenset(_MEASURED.split()),
    patterns=(MONEY,),
    min_digits=1,
    number_range=(-1e12, 1e12),
    examples=("1234.56", "$1,234.56", "1.234,56 €", "EUR 99", "-12.00", "(45.00)"),
    near_misses=("many", "12 34 56", "1.2.3", "12:30", "50 %"),
)
