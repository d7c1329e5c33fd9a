"""Headers as words: split, folded, matched whole."""

from __future__ import annotations

import pytest

from assay.data.headers import header_words
from assay.data.scan import fitting_headers

SPLIT = [
    ("patientDOB", ("patient", "dob")),
    ("SSNNumber", ("ssn", "number")),
    ("first_name", ("first", "name")),
    ("Geburts-Datum", ("geburts", "datum")),
    ("prénom", ("prenom",)),
    ("Straße", ("strasse",)),
    ("icd10_code", ("icd", "10", "code")),
    ("address_line2", ("address", "line", "2")),
    ("  e-mail ", ("e", "mail")),
    ("", ()),
    ("%%%", ()),
    ("年齢", ("年齢",)),
]


@pytest.mark.parametrize(("header", "words"), SPLIT)
def test_a_header_splits_into_words(header: str, words: tuple[str, ...]) -> None:
    assert header_words(header) == words


FITS = [
    ("customerEmail", "email"),
    ("E-Mail", "email"),
    ("payload.user.mail", "email"),
    ("date_of_birth", "date_of_birth"),
    ("patientDOB", "date_of_birth"),
    ("Geburtsdatum", "date_of_birth"),
    ("Vorname", "person_name"),
    ("prénom", "person_name"),
    ("apellidos", "person_name"),
    ("name", "person_name"),
    ("PLZ", "postal_code"),
    ("Straße", "street_address"),
    ("téléphone", "phone"),
    ("phone2", "phone"),
    ("base_salary", "salary"),
    ("Gehalt", "salary"),
    ("icd10", "icd10"),
    ("MRN", "medical_record_number"),
    ("HbA1c", "lab_result"),
    ("client_ip", "ip_address"),
    ("password_hash", "password"),
    ("blood_type", "blood_type"),
    ("age", "age"),
    ("insurance_id", "health_plan_id"),
]


@pytest.mark.parametrize(("header", "entity"), FITS)
def test_a_header_names_its_entity(header: str, entity: str) -> None:
    assert entity in fitting_headers(header)


DECOYS = [
    "valid", "grid", "width", "email_sent", "classname", "class_name", "covid", "page", "storage",
    "image", "message", "email_verified", "product_name", "file_name", "phone_model", "percentage",
    "password_updated_at", "shipping", "zip_file", "account_age", "card_type",
    "ip_rating", "company", "mean radius", "usage", "average", "tickets", "stage",
]  # fmt: skip


@pytest.mark.parametrize("header", DECOYS)
def test_a_decoy_names_nothing(header: str) -> None:
    assert fitting_headers(header) == {}
