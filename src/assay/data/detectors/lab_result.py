"""Results of laboratory tests.

A number, a number with its unit, or `positive` and the like, under a header that names a result or
a common analyte. Columns of measurements without such a header, a radius or a voltage, are none.
"""

from __future__ import annotations

from assay.data.interface import Detector

_NUMBER = r"[<>]?=? ?-?\d{1,7}(?:[.,]\d{1,6})?(?:[eE][+-]?\d{1,2})?"

MEMBER = Detector(
    entity="lab_result",
    noun="results of tests",
    headers=(
        "lab result",
        "lab results",
        "lab value",
        "test result",
        "test results",
        "lab test result",
        "hba 1 c",
        "hb a 1 c",
        "hemoglobin",
        "haemoglobin",
        "glucose",
        "blood sugar",
        "cholesterol",
        "triglycerides",
        "creatinine",
        "bilirubin",
        "albumin",
        "platelets",
        "platelet count",
        "white blood cell",
        "red blood cell",
        "wbc",
        "rbc",
        "ldl",
        "hdl",
        "tsh",
        "crp",
        "egfr",
        "ast",
        "alt sgpt",
        "serum sodium",
        "serum potassium",
        "serum creatinine",
        "psa level",
        "urea",
        "hematocrit",
        "ferritin",
        "troponin",
        "laborwert",
        "laborwerte",
        "laborergebnis",
        "blutzucker",
        "kreatinin",
        "hamoglobin",
        "resultat d analyse",
        "resultado de laboratorio",
        "glucosa",
        "glycemie",
        "insulin level",
        "blood urea nitrogen",
        "viral load",
    ),
    exact_headers=("insulin", "inr", "lab", "labs", "hb", "hgb", "pcr result", "covid result"),
    not_beside=frozenset({"unit", "units", "date", "name", "id", "code", "ab", "page", "suite"}),
    patterns=(
        rf"{_NUMBER}(?: ?[A-Za-zµμ%°]{{1,8}}(?:/[A-Za-z0-9µμ.]{{1,8}})?)?",
        r"(?i:positive?|negative?|pos|neg|normal|abnormal|detected|not detected|reactive|inconclusive"
        r"|non-?reactive|high|low|trace|positiv|negativ|unauffällig|[+-]{1,3})",
    ),
    number_range=(-1000, 1e7),
    examples=("5.6", "5.6 mmol/L", "<0.01", "negative", "140 mg/dL"),
    near_misses=("see attachment please", "2024-01-01", "A+", "12:30"),
)
