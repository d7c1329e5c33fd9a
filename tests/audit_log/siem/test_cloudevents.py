"""CloudEvents: the attributes that version 1.0.2 requires, in the forms that it requires."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest

from assay.audit_log.entry import entry_bytes
from assay.audit_log.merkle import leaf_hash
from assay.audit_log.siem.cloudevents import MEMBER
from assay.audit_log.siem.interface import lines, logged_event
from assay.canonical import canonical_bytes
from tests.audit_log.siem.events import ORIGIN, examples

ENTRIES = [entry_bytes(event) for event in examples()]
LINES: list[dict[str, Any]] = [
    json.loads(line) for line in lines(MEMBER, enumerate(ENTRIES), ORIGIN)
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["type"])
def test_the_envelope_has_its_form(line: dict[str, Any]) -> None:
    assert line["specversion"] == "1.0"
    for name in ("id", "source", "type", "subject"):
        assert isinstance(line[name], str)
        assert line[name]
    assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in line if name != "data")
    assert all(isinstance(value, str) for name, value in line.items() if name != "data")
    assert datetime.fromisoformat(line["time"]).tzinfo is not None
    assert re.fullmatch(r"[a-z]+(\.[a-z_]+)+", line["type"])


def test_the_data_are_the_bytes_that_were_hashed() -> None:
    for line, entry in zip(LINES, ENTRIES, strict=True):
        assert leaf_hash(canonical_bytes(line["data"])) == leaf_hash(entry)


def test_text_order_is_log_order() -> None:
    indices = [0, 9, 10, 99, 2**40, 2**63 - 1]
    texts = [
        json.loads(MEMBER.line(logged_event(index, ENTRIES[0], ORIGIN)))["sequence"]
        for index in indices
    ]
    assert texts == sorted(texts)
    assert [int(text) for text in texts] == indices


@pytest.mark.parametrize("origin", ["a log/ä", "x?y#z", "%41", "assay.local/log/1"])
def test_the_source_is_a_uri_whatever_the_origin(origin: str) -> None:
    line = json.loads(MEMBER.line(logged_event(0, ENTRIES[0], origin)))
    assert re.fullmatch(r"//[A-Za-z0-9/:.\-_~%]*", line["source"])
    assert line["logorigin"] == origin
