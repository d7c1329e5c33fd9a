"""Tables whose headers are values are refused, and the value is not said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.data.header_values import expect_headers
from assay.data.tables import open_table
from assay.errors import BadInput


@pytest.mark.parametrize(
    ("line", "entity"),
    [
        ("Ada Lovelace,ada@example.org,x", "email"),
        ("x,4111111111111111", "credit_card"),
        ("x,DE89370400440532013000", "iban"),
        ("078-05-1121,x", "ssn"),
    ],
)
def test_a_first_line_of_values_is_refused(tmp_path: Path, line: str, entity: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text(f"{line}\n{line}\n")
    with pytest.raises(BadInput, match=entity) as caught:
        open_table(path)
    for value in line.split(","):
        if len(value) > 3:
            assert value not in str(caught.value)


def test_json_keyed_by_people_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    path.write_text(json.dumps({"ada@example.org": {"diagnosis": "x"}}) + "\n")
    with pytest.raises(BadInput, match="email"):
        open_table(path)


def test_ordinary_headers_are_taken() -> None:
    names = ["email", "card_number", "iban", "ssn", "e-mail@work", "2024-01-01", "a.b", "4111", ""]
    expect_headers("people", names)
