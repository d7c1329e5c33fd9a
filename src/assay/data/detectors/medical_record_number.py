"""Medical record numbers, and the numbers by which a hospital knows its patients.

Every hospital makes its own; only the prefix `MRN` convinces without a header. HIPAA identifier (H)
of 45 CFR 164.514(b)(2).
"""

from __future__ import annotations

from assay.data.detectors._forms import has_digit
from assay.data.interface import Detector

MEMBER = Detector(
    entity="medical_record_number",
    noun="record numbers",
    headers=(
        "mrn",
        "medical record number",
        "medical record no",
        "medical record id",
        "medical record",
        "med rec",
        "patient id",
        "patient number",
        "patient no",
        "patient identifier",
        "patientid",
        "hospital number",
        "hospital id",
        "chart number",
        "encounter id",
        "admission id",
        "patientennummer",
        "patienten id",
        "patienten nr",
        "fallnummer",
        "fall nr",
        "aufnahmenummer",
        "numero de dossier",
        "numero patient",
        "id patient",
        "ipp",
        "historia clinica",
        "id paciente",
        "numero de paciente",
    ),
    patterns=(r"(?i:mrn)[-:# ]{0,2}[A-Z]{0,3}\d{4,12}",),
    weak_patterns=(r"[A-Za-z0-9][A-Za-z0-9/_.-]{0,39}",),
    in_text=(
        r"(?i:mrn|medical record (?:number|no\.?)|patient (?:id|no\.?)|pat\.-nr\.)[ :#-]{0,3}"
        r"[A-Z]{0,3}-?\d{4,12}",
    ),
    min_digits=1,
    validate=has_digit,
    content_alone=True,
    number_range=(1, 1e13),
    examples=("MRN-0048213", "MRN: 123456", "mrn00123456"),
    near_misses=("MRN", "ORD-0048213", "MRN-12", "0048213", "MR 123456"),
)
