"""Balances of accounts and debts.

A sum of money under a header that speaks of a balance, a limit or a debt.
"""

from __future__ import annotations

from assay.data.detectors._forms import MONEY
from assay.data.interface import Detector

MEMBER = Detector(
    entity="balance",
    noun="sums of money",
    headers=(
        "account balance",
        "balance",
        "opening balance",
        "closing balance",
        "outstanding balance",
        "credit limit",
        "net worth",
        "kontostand",
        "saldo",
        "solde",
        "outstanding debt",
        "amount owed",
    ),
    not_beside=frozenset({"work", "life", "sheet", "energy", "water", "charge"}),
    patterns=(MONEY,),
    min_digits=1,
    number_range=(-1e12, 1e12),
    examples=("1043.17", "-12.50", "1.234,56 €"),
    near_misses=("good", "12:30", "2024-01-01"),
)
