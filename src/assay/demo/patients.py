"""The clinic's patients: real measurements, generated people.

The thirty measurements and the diagnosis of each row are the Wisconsin breast-cancer data that
scikit-learn ships (569 real cases, without any identity). Everything that points at a person is made
up by Faker from a fixed seed: names, contacts, insurance, notes. The Parquet schema says so too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from faker import Faker
from sklearn.datasets import load_breast_cancer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SEED = 20261122
LABEL = "generated: names, contacts, insurance and notes are made up; measurements are real"
TRAINING = "model_training"

_LAST_VISITS = date(2013, 1, 7), date(2026, 10, 30)
_WITHDRAWN, _NEVER_ASKED = 17, 6
_FIRST_NOTICE = date(2020, 3, 2)
_CODES = {"malignant": ("C50.911", "C50.412", "C50.919"), "benign": ("D24.1", "D24.2", "N60.21")}
_BLOOD_TYPES = ("O+", "A+", "B+", "AB+", "O-", "A-", "B-", "AB-")


@dataclass(frozen=True, slots=True)
class Clinic:
    """The clinic's tables, as columns, and the measurements as arrays."""

    patients: dict[str, list[Any]]
    consents: dict[str, list[str]]
    measurements: npt.NDArray[np.float64]
    """Shape (569, 30)."""
    malignant: npt.NDArray[np.int64]
    """Shape (569,): 1 where the diagnosis is malignant."""
    names: tuple[str, ...]
    """Of the thirty measurements, as column names."""


def make_clinic() -> Clinic:
    """The clinic, always the same."""
    cases = load_breast_cancer()
    names = tuple(str(name).replace(" ", "_") for name in cases.feature_names)
    malignant = (1 - cases.target).astype("int64")
    rng, faker = Random(SEED), Faker("en_US", use_weighting=False)  # noqa: S311 - not for secrets
    faker.seed_instance(SEED)
    people = [_person(number, int(bad), rng, faker) for number, bad in enumerate(malignant, 1)]
    patients = {column: [person[column] for person in people] for column in people[0]}
    for place, name in enumerate(names):
        patients[name] = [float(value) for value in cases.data[:, place]]
    return Clinic(patients, _consents(patients["patient_id"], rng), cases.data, malignant, names)


def live_consent(clinic: Clinic) -> list[bool]:
    """For each patient, whether the consent to model training was given and not withdrawn."""
    rows = zip(clinic.consents["subject"], clinic.consents["withdrawn_at"], strict=True)
    live = {subject for subject, withdrawn in rows if not withdrawn}
    return [patient in live for patient in clinic.patients["patient_id"]]


def _person(number: int, malignant: int, rng: Random, faker: Faker) -> dict[str, Any]:
    diagnosis = "malignant" if malignant else "benign"
    born = faker.date_of_birth(minimum_age=28, maximum_age=90)
    first, last = faker.first_name_female(), faker.last_name()
    phone = faker.numerify("(2%#) 555-01##")
    visit = _between(*_LAST_VISITS, rng)
    return {
        "patient_id": f"P{number:05d}",
        "medical_record_number": faker.numerify("MRN-%#######"),
        "full_name": f"{first} {last}",
        "date_of_birth": born,
        "email": f"{first}.{last}{number}@example.org".lower(),
        "phone": phone,
        "street_address": faker.street_address(),
        "zip_code": faker.zipcode(),
        "ssn": faker.ssn(),
        "health_plan_id": faker.bothify("?###-######-##").upper(),
        "card_number": faker.credit_card_number("visa16"),
        "blood_type": rng.choices(_BLOOD_TYPES, weights=(38, 34, 9, 3, 7, 6, 2, 1))[0],
        "icd10_code": rng.choice(_CODES[diagnosis]),
        "diagnosis": diagnosis,
        "last_visit": visit,
        "notes": _note(f"{first} {last}", phone, rng),
    }


def _note(name: str, phone: str, rng: Random) -> str:
    """One sentence of a kind that ends up in free text; one in four names somebody."""
    return rng.choice(
        (
            f"Spoke with {name}, prefers a call at {phone} after 5 pm.",
            "Imaging reviewed, follow-up in six months.",
            "Biopsy scheduled, fasting instructions handed out.",
            "No complaints, wound dry, stitches out next week.",
        )
    )


def _consents(patients: list[str], rng: Random) -> dict[str, list[str]]:
    """The consent table: most people agreed, some withdrew, a few were never asked."""
    never = set(rng.sample(patients, _NEVER_ASKED))
    asked = [patient for patient in patients if patient not in never]
    withdrew = set(rng.sample(asked, _WITHDRAWN))
    granted = {patient: _between(_FIRST_NOTICE, date(2025, 6, 30), rng) for patient in asked}
    ended = {
        patient: granted[patient] + timedelta(days=rng.randint(9, 400)) for patient in withdrew
    }
    return {
        "subject": asked,
        "purpose": [TRAINING] * len(asked),
        "notice_version": ["2020-03"] * len(asked),
        "granted_at": [granted[patient].isoformat() for patient in asked],
        "withdrawn_at": [ended[p].isoformat() if p in ended else "" for p in asked],
    }


def _between(first: date, last: date, rng: Random) -> date:
    return first + timedelta(days=rng.randint(0, (last - first).days))
