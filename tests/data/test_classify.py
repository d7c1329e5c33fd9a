"""Odd tables as people have them: what must be found, and what must stay none."""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest

from assay.data.classify import classify_file, classify_table, labels_as_json
from assay.data.interface import ColumnLabel, Override, TableLabel
from assay.data.tables import ArrowTable
from assay.errors import BadInput
from assay.vocabulary import Category, SecurityLevel

_ROWS = 200


def _labels(columns: dict[str, object]) -> dict[str, ColumnLabel]:
    label = classify_table(ArrowTable("t", pa.table(columns)))
    return {column.name: column for column in label.columns}


def _repeated(*values: object) -> list[object]:
    return [values[row % len(values)] for row in range(_ROWS)]


CLINIC = {
    "PatientenID": (_repeated("P10023", "P20411"), "medical_record_number"),
    "Vorname": (_repeated("Jürgen", "Lena", "Thorben"), "person_name"),
    "Nachname": (_repeated("Müller", "von der Heide", "Öztürk"), "person_name"),
    "Geburtsdatum": (_repeated("29.02.1984", "01.12.1950"), "date_of_birth"),
    "Straße": (_repeated("Hauptstraße 12a", "Am Alten Markt 3"), "street_address"),
    "PLZ": (_repeated("01067", "80331"), "postal_code"),
    "Telefon": (_repeated("+49 351 4960", "0351/496020", "(0351) 49 60 21"), "phone"),
    "Hauptdiagnose": (_repeated("E11.9", "I10", "J45.0"), "icd10"),
    "Medikation": (_repeated("Metformin 500 mg", "Ramipril", "Sonstiges"), "medication"),
    "Laborwert": (_repeated("5,6", "<0,1", "negativ"), "lab_result"),
    "Blutgruppe": (_repeated("A+", "0-", "AB+"), "blood_type"),
    "Versichertennummer": (_repeated("A123456780", "B987654321"), "health_plan_id"),
    "Aufnahme": (_repeated("2024-01-03", "2024-02-11"), None),
    "Station": (_repeated("3B", "Intensiv"), None),
}
HR = {
    "employee_id": (_repeated(1001, 1002, 1003), None),
    "full_name": (_repeated("Mary Johnson", "Xiu Oyelaran"), "person_name"),
    "workEmail": (_repeated("mary@corp.example", "x.o@corp.example"), "email"),
    "SSN": (_repeated(219099999, 78051120), "ssn"),
    "home_address": (_repeated("12 Main Street, Denver, CO 80202", "PO Box 7"), "street_address"),
    "zip": (_repeated(2139, 80202), "postal_code"),
    "base_salary": (_repeated(85000, 120500), "salary"),
    "bank_account": (_repeated("0532013000", "998-2213-1"), "account_number"),
    "age": (_repeated(34, 61), "age"),
    "job_title": (_repeated("Engineer", "Sales Manager"), None),
    "email_verified": (_repeated(True, False), None),
    "performance_score": (_repeated(0.4, 0.9), None),
}
_RANDOM = random.Random(7)  # noqa: S311 - decoys, not keys
SHOP = {
    "order_id": [f"ORD-{_RANDOM.randrange(10**9, 10**10)}" for _ in range(_ROWS)],
    "trace_no": [str(_RANDOM.randrange(10**15, 10**16)) for _ in range(_ROWS)],
    "trace_int": [_RANDOM.randrange(10**15, 10**16) for _ in range(_ROWS)],
    "uuid": [str(uuid.UUID(int=_RANDOM.getrandbits(128))) for _ in range(_ROWS)],
    "sha256": [hashlib.sha256(str(row).encode()).hexdigest() for row in range(_ROWS)],
    "sku": [f"SKU-{_RANDOM.randrange(100, 999)}-12-{row:04}" for row in range(_ROWS)],
    "part": [
        f"{_RANDOM.randrange(100, 999)}-{_RANDOM.randrange(100, 999)}-{_RANDOM.randrange(1000, 9999)}"
        for _ in range(_ROWS)
    ],
    "version": [
        f"{_RANDOM.randrange(9)}.{_RANDOM.randrange(30)}.{row % 9}.0" for row in range(_ROWS)
    ],
    "epoch": [_RANDOM.randrange(1_500_000_000, 1_700_000_000) for _ in range(_ROWS)],
    "imei": [str(_RANDOM.randrange(35 * 10**13, 36 * 10**13)) for _ in range(_ROWS)],
    "product_name": _repeated("Blue Widget", "Garden Hose 20m", "Oak Table", "Steel Kettle"),
    "created_at": _repeated("2024-01-15T10:00:00", "2024-02-15 11:30:00"),
    "price": _repeated("12.99", "7.50"),
    "email_sent": _repeated("yes", "no"),
    "valid": _repeated("true", "false"),
    "grid": _repeated("A10", "B22"),
    "width": _repeated(1.5, 2.25),
    "class_name": _repeated("Economy Plus", "Business Class"),
    "covid": _repeated("0", "1"),
    "image": _repeated("logo@2x.png", "hero@3x.jpg"),
    "city": _repeated("Springfield", "New York", "Charlotte"),
    "grade": _repeated("A+", "A-", "B+", "C-"),
    "mean radius": _repeated(14.2, 20.1),
    "time": _repeated("12:30:59", "08:00:01"),
    "user_agent": _repeated("Mozilla/5.0 (X11; Linux; rv:1.9.6.20) Gecko/20100101 Firefox/3.8"),
    "description": _repeated("A sturdy hose for gardens of every size and shape."),
}


@pytest.mark.parametrize("table", [CLINIC, HR], ids=["german clinic", "us human resources"])
def test_every_column_of_a_table_is_labelled(table: dict[str, tuple[list[object], str]]) -> None:
    labels = _labels({name: values for name, (values, _) in table.items()})
    expected = {name: entity for name, (_, entity) in table.items()}
    assert {name: label.entity for name, label in labels.items()} == expected


@pytest.mark.parametrize("name", SHOP)
def test_a_decoy_stays_none(name: str) -> None:
    label = _labels({name: SHOP[name]})[name]
    assert (label.entity, label.category, label.rare) == (None, Category.NONE, ())
    assert label.level is SecurityLevel.INTERNAL


WITHOUT_HEADER = {
    "email": ["ada@example.org", "bob@example.com"],
    "ssn": ["219-09-9999", "078-05-1120"],
    "phone": ["(415) 555-2671", "+49 30 901820"],
    "credit_card": ["4111 1111 1111 1111", "5555555555554444"],
    "iban": ["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"],
    "ip_address": ["203.0.113.77", "2001:db8::1"],
    "icd10": ["E11.9", "S52.501A"],
    "person_name": ["Mary Johnson", "Robert K. Smith", "Xiu Oyelaran"],
    "street_address": ["12 Main Street", "Hauptstraße 12a"],
    "diagnosis": ["Type 2 diabetes mellitus", "Essential hypertension", "Ankle sprain"],
    "medication": ["Metformin 500 mg", "Lisinopril 10 mg", "Sonstiges"],
    "national_id": ["12345678Z", "X1234567L"],
    "api_key": ["AKIA" + "EXAMPLEEXAMPLE00"],
    "private_key": ["-----BEGIN PRIVATE KEY-----\nMII"],
    "password": ["$2b$12$" + "ab" * 26 + "c"],
    "npi": ["1234567893", "1245319599"],
}


@pytest.mark.parametrize("entity", WITHOUT_HEADER)
def test_content_alone_names_the_entity(entity: str) -> None:
    label = _labels({"column_1": _repeated(*WITHOUT_HEADER[entity])})["column_1"]
    assert label.entity == entity
    assert 0.5 <= label.confidence < 0.95


def test_a_fitting_header_is_surer_than_content_alone() -> None:
    values = _repeated("ada@example.org")
    labels = _labels({"email": values, "x": values})
    assert labels["email"].confidence > labels["x"].confidence


def test_free_text_with_personal_data_is_labelled_by_what_is_in_it() -> None:
    notes = [
        *_repeated("the delivery was late again, nothing else to report"),
        "please call the customer back at (415) 555-2671 tomorrow",
        "card 4111 1111 1111 1111 was declined twice at the terminal",
    ]
    label = _labels({"notes": notes})["notes"]
    assert label.entity == "free_text_pii"
    assert {find.entity: find.first_rows for find in label.rare} == {
        "credit_card": (_ROWS + 1,),
        "phone": (_ROWS,),
    }
    assert label.level is SecurityLevel.RESTRICTED


def test_a_rare_find_raises_an_otherwise_empty_column() -> None:
    values = ["ok", "retry"] * 500
    values[613] = values[977] = "ada@example.org"
    label = _labels({"status": values})["status"]
    assert [(find.entity, find.rows, find.first_rows) for find in label.rare] == [
        ("email", 2, (613, 977))
    ]
    assert (label.category, label.level) == (
        Category.PERSONAL_IDENTIFIABLE,
        SecurityLevel.CONFIDENTIAL,
    )


def test_a_rare_find_raises_the_level_of_a_labelled_column() -> None:
    values = [f"user{row}@example.org" for row in range(500)]
    values[7] = "4111 1111 1111 1111"
    label = _labels({"email": values})["email"]
    assert (label.entity, label.level) == ("email", SecurityLevel.RESTRICTED)


def test_a_header_without_values_is_a_weak_hint() -> None:
    label = _labels({"ssn": pa.nulls(5, pa.string())})["ssn"]
    assert (label.entity, label.confidence) == ("ssn", 0.3)


def test_a_header_that_its_values_contradict_is_none_and_says_so() -> None:
    label = _labels({"email": _repeated("yes", "no")})["email"]
    assert label.entity is None
    assert label.confidence == 0.5
    assert label.why == ("header words 'email', but only 0 % of 200 values are e-mail addresses",)


def test_why_is_in_words_and_never_holds_a_value() -> None:
    label = _labels({"date of birth": _repeated("1984-02-29")})["date of birth"]
    assert label.why == ("header words 'date of birth' and 100 % of 200 values are dates",)


def test_no_value_of_any_table_gets_into_its_labels() -> None:
    secret = "zebra.quagga@example.org"
    columns = {"a": [secret] * 9, "notes": [f"write to {secret} about the zebra today"] * 9}
    text = json.dumps(labels_as_json([classify_table(ArrowTable("t", pa.table(columns)))]))
    assert "quagga" not in text
    assert "zebra" not in text


def test_the_json_form_has_the_promised_keys() -> None:
    label = classify_table(ArrowTable("people", pa.table({"email": ["ada@example.org"]})))
    assert labels_as_json([label]) == {
        "schema": 1,
        "tables": {
            "people": {
                "rows": 1,
                "columns": {
                    "email": {
                        "category": "personal_identifiable",
                        "entity": "email",
                        "level": "confidential",
                        "confidence": 0.98,
                        "matched_rows": 1,
                        "nonnull_rows": 1,
                        "rare": [],
                        "why": ["header words 'email' and 100 % of 1 values are e-mail addresses"],
                    }
                },
            }
        },
    }


def _long_table() -> ArrowTable:
    rows = 150_000
    values = ["ok"] * rows
    values[140_000] = "ada@example.org"
    return ArrowTable("t", pa.table({"status": values, "n": range(rows)}))


def test_threads_give_the_same_labels_and_progress_in_order() -> None:
    done: list[int] = []
    alone = classify_table(_long_table())
    with ThreadPoolExecutor(2) as executor:
        shared = classify_table(_long_table(), executor=executor, progress=done.append)
    assert shared == alone
    assert done == [65_536, 131_072, 150_000]
    assert alone.columns[0].rare[0].first_rows == (140_000,)


def test_processes_give_the_same_labels() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        assert classify_table(_long_table(), executor=executor) == classify_table(_long_table())


def test_a_file_is_classified_as_the_table_in_it(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("zip;email\n02139;ada@example.org\n", encoding="utf-8")
    label = classify_file(path)
    assert (label.table, label.rows, label.level) == ("people", 1, SecurityLevel.CONFIDENTIAL)
    assert [column.entity for column in label.columns] == ["postal_code", "email"]


def test_a_table_without_rows_is_labelled_by_headers_alone(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("email,width\n", encoding="utf-8")
    assert [(c.entity, c.nonnull_rows) for c in classify_file(path).columns] == [
        ("email", 0),
        (None, 0),
    ]


def _overridden(override: Override) -> ColumnLabel:
    table = ArrowTable("t", pa.table({"email": ["ada@example.org"]}))
    return classify_table(table, overrides={"email": override}).columns[0]


def test_an_override_replaces_the_entity_and_keeps_what_was_measured() -> None:
    label = _overridden(Override("a public role address, decided by the owner", entity="none"))
    assert (label.category, label.entity, label.level) == (
        Category.NONE,
        None,
        SecurityLevel.INTERNAL,
    )
    assert label.why[0].startswith("declared, not measured: a public role address")
    assert "100 % of 1 values" in label.why[1]


def test_an_override_replaces_the_level() -> None:
    label = _overridden(Override("addresses of patients", level=SecurityLevel.RESTRICTED))
    assert (label.entity, label.level) == ("email", SecurityLevel.RESTRICTED)


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("mail", Override("x"), "does not have: mail"),
        ("email", Override("  "), "gives no reason"),
        ("email", Override("x", entity="shoe_size"), "names no known entity: shoe_size"),
    ],
)
def test_a_wrong_override_is_refused(name: str, override: Override, message: str) -> None:
    table = ArrowTable("t", pa.table({"email": ["ada@example.org"]}))
    with pytest.raises(BadInput, match=message):
        classify_table(table, overrides={name: override})


def test_a_table_of_no_columns_is_internal() -> None:
    assert TableLabel("t", 0, ()).level is SecurityLevel.INTERNAL
