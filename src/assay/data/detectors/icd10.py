"""Codes of diagnoses, ICD-10 and its national editions.

WHO ICD-10, ICD-10-CM and ICD-10-GM: a letter, two characters, after a point up to four more. The
form with a point convinces alone; three characters (`A10`) are also shelves and seats and need a
fitting header. That a code is in the catalogue is not looked up.
"""

from __future__ import annotations

from assay.data.interface import Detector

_POINTED = r"[A-Z]\d[0-9A-Z]\.[0-9A-Z]{1,4}[+*!]?"
_ANY = r"[A-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?[+*!]?"

MEMBER = Detector(
    entity="icd10",
    noun="ICD-10 codes",
    headers=(
        "icd",
        "icd 10",
        "icd 10 code",
        "icd code",
        "icd 10 cm",
        "diagnosis code",
        "diag code",
        "dx code",
        "diagnose code",
        "diagnoseschluessel",
        "diagnoseschlussel",
        "code diagnostic",
        "codigo diagnostico",
        "cie 10",
        "cim 10",
        "hauptdiagnose code",
    ),
    exact_headers=("dx", "hauptdiagnose", "cie", "cim"),
    patterns=(rf"{_POINTED}(?:[ ,;|/]+{_ANY})*",),
    weak_patterns=(rf"(?i:{_ANY})(?:[ ,;|/]+(?i:{_ANY}))*",),
    min_digits=2,
    content_alone=True,
    content_share=0.6,
    examples=("E11.9", "S52.501A", "U07.1", "E11.9, I10", "M54.5+"),
    near_misses=("E11", "11.9E", "e11.9 ok", "1E1.9", "EE1.9", "A123.4"),
)
