"""Pay: salaries, wages, income, bonuses.

A sum of money under a header that speaks of pay; content alone says nothing.
"""

from __future__ import annotations

from assay.data.detectors._forms import MONEY
from assay.data.interface import Detector

MEMBER = Detector(
    entity="salary",
    noun="sums of money",
    headers=(
        "salary",
        "salaries",
        "wage",
        "wages",
        "base pay",
        "gross pay",
        "net pay",
        "annual pay",
        "take home pay",
        "annual income",
        "monthly income",
        "household income",
        "income",
        "compensation",
        "hourly pay",
        "hourly wage",
        "pay rate",
        "bonus",
        "payroll",
        "gehalt",
        "bruttogehalt",
        "nettogehalt",
        "jahresgehalt",
        "lohn",
        "stundenlohn",
        "einkommen",
        "salaire",
        "salaire brut",
        "remuneration",
        "revenu",
        "salario",
        "sueldo",
        "nomina",
        "stipendio",
    ),
    exact_headers=("pay", "ctc", "earnings", "brutto", "netto"),
    not_beside=frozenset({"currency", "date", "period", "points", "signup", "code", "id"}),
    patterns=(
        MONEY,
        r"[<>]=? ?[$€£]?\d{1,7}[kK]?",
        r"[$€£]?\d{1,4}(?:\.\d)?[kK]?(?: ?- ?[$€£]?\d{1,4}(?:\.\d)?[kK]?)?",
        rf"{MONEY} ?- ?{MONEY}",
    ),
    min_digits=1,
    number_range=(0, 1e9),
    examples=("85000", "$85,000.00", "4.250,00 EUR", "<=50K", "50k - 60k"),
    near_misses=("competitive", "2024-01-01", "grade 7", "12:30"),
)
