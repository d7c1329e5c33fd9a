"""Numbers of health plan members and beneficiaries.

The Medicare Beneficiary Identifier (CMS, 11 characters without S, L, O, I, B, Z) convinces alone,
the German Krankenversichertennummer and every insurer's own form need a fitting header.
"""

from __future__ import annotations

from assay.data.detectors._forms import has_digit
from assay.data.interface import Detector

_A = "[AC-HJKMNP-RT-Y]"
_AN = "[AC-HJKMNP-RT-Y0-9]"

MEMBER = Detector(
    entity="health_plan_id",
    noun="health plan numbers",
    headers=(
        "health plan",
        "health plan id",
        "health insurance number",
        "health insurance id",
        "insurance id",
        "insurance number",
        "insurance member id",
        "insurance no",
        "subscriber id",
        "plan member id",
        "beneficiary id",
        "beneficiary number",
        "medicare number",
        "medicare id",
        "medicaid id",
        "medicaid number",
        "mbi",
        "hicn",
        "versichertennummer",
        "versicherten nr",
        "krankenversicherungsnummer",
        "kvnr",
        "versicherungsnummer",
        "numero assure",
        "numero de afiliado",
        "numero de poliza de salud",
    ),
    not_beside=frozenset({"car", "vehicle", "auto", "home"}),
    patterns=(rf"[1-9]{_A}{_AN}\d-?{_A}{_AN}\d-?{_A}{{2}}\d{{2}}",),
    weak_patterns=(r"[A-Za-z0-9][A-Za-z0-9 /-]{3,24}",),
    min_digits=3,
    validate=has_digit,
    content_alone=True,
    number_range=(1000, 1e15),
    examples=("1EG4-TE5-MK73", "1EG4TE5MK73"),
    near_misses=("1SG4-TE5-MK73", "0EG4-TE5-MK73", "1EG4-TE5-MK7", "EG41-TE5-MK73"),
)
