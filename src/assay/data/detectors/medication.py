"""Drugs that a person takes, by substance or brand.

A short list of the most prescribed substances (ClinCalc DrugStats, WHO essential medicines) tells
drugs from other products; under a header that speaks of medication any text counts. Package codes
(NDC, PZN) are not looked up.
"""

from __future__ import annotations

from assay.data.detectors._forms import WORDED
from assay.data.interface import Detector

_SUBSTANCES = """
metformin lisinopril atorvastatin simvastatin amlodipine metoprolol omeprazole losartan
albuterol salbutamol gabapentin hydrochlorothiazide sertraline levothyroxine furosemide
prednisone prednisolone amoxicillin azithromycin ibuprofen paracetamol acetaminophen aspirin
insulin warfarin clopidogrel apixaban rivaroxaban escitalopram fluoxetine citalopram
duloxetine trazodone alprazolam lorazepam diazepam zolpidem tramadol oxycodone morphine
fentanyl methotrexate pantoprazole rosuvastatin pravastatin montelukast cetirizine
ciprofloxacin doxycycline tamsulosin bisoprolol ramipril enalapril valsartan allopurinol
semaglutide empagliflozin sitagliptin glipizide carvedilol spironolactone digoxin
lamotrigine levetiracetam quetiapine risperidone olanzapine lithium methylphenidate
metamizol novaminsulfon torasemid ramiprilum
"""

MEMBER = Detector(
    entity="medication",
    noun="drugs",
    headers=(
        "medication",
        "medications",
        "medication name",
        "drug",
        "drug name",
        "drugs",
        "prescription",
        "prescribed drug",
        "medicine",
        "medicines",
        "rx name",
        "active ingredient",
        "medikament",
        "medikamente",
        "medikation",
        "arzneimittel",
        "wirkstoff",
        "medicament",
        "medicaments",
        "ordonnance",
        "medicamento",
        "medicamentos",
        "farmaco",
        "receta",
    ),
    exact_headers=("rx", "meds", "med", "med name"),
    not_beside=frozenset({"date", "id", "dose", "cost", "price", "code", "store", "test"}),
    patterns=(WORDED,),
    words=frozenset(_SUBSTANCES.split()),
    content_alone=True,
    content_share=0.4,
    examples=("Metformin 500 mg", "lisinopril", "Ibuprofen 400", "insulin glargine"),
    near_misses=("Garden hose", "12.5", "none taken"),
)
