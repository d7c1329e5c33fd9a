"""Account numbers at a bank or an institution, other than IBAN.

Four to thirty letters and digits of no common form: only a fitting header makes them account
numbers.
"""

from __future__ import annotations

from assay.data.detectors._forms import has_digit
from assay.data.interface import Detector

MEMBER = Detector(
    entity="account_number",
    noun="account numbers",
    headers=(
        "account number",
        "account no",
        "account num",
        "account nr",
        "acct number",
        "acct no",
        "acct num",
        "acct",
        "bank account",
        "bank account number",
        "checking account",
        "savings account",
        "bban",
        "kontonummer",
        "konto nr",
        "konto nummer",
        "bankkonto",
        "bankverbindung",
        "numero de compte",
        "compte bancaire",
        "numero de cuenta",
        "cuenta bancaria",
        "numero di conto",
    ),
    not_beside=frozenset({"manager", "name", "holder", "owner", "balance"}),
    patterns=(r"[A-Za-z0-9*][A-Za-z0-9 ./*-]{3,33}",),
    min_digits=3,
    validate=has_digit,
    number_range=(1000, 1e18),
    examples=("0532013000", "ACC-00923-11", "12-345678-9"),
    near_misses=("main account", "12", "a" * 40 + "123"),
)
