"""Blood groups, ABO with Rhesus factor.

ISBT systems 001 and 004. School grades look alike (`A+`, `B-`), so without a fitting header nearly
every value must be one; plain `A` or `O` counts only with it.
"""

from __future__ import annotations

from assay.data.interface import Detector

_RHESUS = (
    r"(?i:[+-]|[+-]ve|pos(?:itive|itiv)?\.?|neg(?:ative|ativ)?\.?|rh ?[+-]|rhd? ?(?:pos|neg)\.?)"
)

MEMBER = Detector(
    entity="blood_type",
    noun="blood groups",
    headers=(
        "blood type",
        "blood group",
        "bloodtype",
        "abo",
        "blutgruppe",
        "groupe sanguin",
        "grupo sanguineo",
        "tipo de sangre",
        "gruppo sanguigno",
    ),
    patterns=(rf"(?:A|B|AB|O|0) ?{_RHESUS}",),
    weak_patterns=(r"(?:A|B|AB|O|0)",),
    content_alone=True,
    content_share=0.97,
    examples=("A+", "AB-", "O positive", "0 neg", "B Rh+"),
    near_misses=("C+", "A", "AA-", "BO+", "A++"),
)
