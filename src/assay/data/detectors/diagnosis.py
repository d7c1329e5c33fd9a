"""Diagnoses and conditions in words.

A short list of frequent diseases and word stems of medicine in English, German, French and Spanish
tells diagnoses from other text; any text counts under a header that speaks of a diagnosis. Coded
ones are `icd10`; symptoms and procedures are not looked for.
"""

from __future__ import annotations

from assay.data.detectors._forms import WORDED
from assay.data.interface import Detector

_DISEASES = """
diabetes mellitus hypertension asthma copd pneumonia influenza bronchitis migraine epilepsy
depression schizophrenia dementia alzheimer parkinson anaemia anemia leukaemia leukemia
lymphoma carcinoma melanoma arthritis osteoporosis hepatitis cirrhosis nephropathy neuropathy
fibrillation infarction stroke angina tuberculosis hiv aids sepsis obesity hypothyroidism
hyperthyroidism hyperlipidemia gastritis appendicitis pancreatitis psoriasis eczema
dermatitis lupus endometriosis fracture bronchopneumonia covid hypertonie herzinsuffizienz
vorhofflimmern bluthochdruck lungenentzundung grippe krebs asthme diabete hypertonia
hipertension cancer sclerosis cardiomyopathy thrombosis embolism autism bipolar insomnia
gout sciatica tonsillitis sinusitis colitis crohn cystitis
"""

MEMBER = Detector(
    entity="diagnosis",
    noun="diagnoses",
    headers=(
        "diagnosis",
        "diagnoses",
        "primary diagnosis",
        "secondary diagnosis",
        "admitting diagnosis",
        "diagnosis description",
        "medical condition",
        "health condition",
        "chronic condition",
        "disease",
        "diseases",
        "illness",
        "comorbidity",
        "comorbidities",
        "medical history",
        "diagnose",
        "diagnosen",
        "hauptdiagnose",
        "nebendiagnose",
        "befund",
        "krankheit",
        "vorerkrankung",
        "vorerkrankungen",
        "maladie",
        "pathologie",
        "antecedents medicaux",
        "diagnostico",
        "enfermedad",
        "malattia",
        "diagnosi",
    ),
    exact_headers=("diagnostic", "dx", "dx description", "diagnosis text"),
    not_beside=frozenset({"date", "code", "id", "plant", "vehicle", "year", "age"}),
    patterns=(WORDED,),
    weak_patterns=(r"[A-Za-z]",),
    words=frozenset(_DISEASES.split()),
    content_alone=True,
    content_share=0.5,
    number_range=(0, 99_999),
    examples=("Type 2 diabetes mellitus", "essential hypertension", "Vorhofflimmern", "asthma"),
    near_misses=("Garden hose", "in stock", "12.5", "covidien stapler"),
)
