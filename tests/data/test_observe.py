"""A classification as an observation: complete, canonical, and without any value."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from assay.canonical import canonical_bytes, observation_from_bytes
from assay.data.classify import classify_table
from assay.data.detectors import every_detector
from assay.data.observe import observe_classification
from assay.data.tables import ArrowTable
from assay.vocabulary import Method, Observation, Target, TargetKind

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
TARGET = Target(TargetKind.DATASET, "people")


def _observation() -> Observation:
    table = pa.table({"status": ["ok"] * 400 + ["quagga@example.org"], "width": [1.5] * 401})
    return observe_classification(TARGET, classify_table(ArrowTable("people", table)), NOW)


def test_it_says_what_was_seen_and_with_what() -> None:
    seen = _observation()
    assert (seen.kind, seen.source, seen.method) == (
        "classification_labels",
        "data.classify",
        Method.TEST,
    )
    assert seen.facts["rows"] == 401
    assert seen.facts["level"] == "confidential"
    assert seen.facts["detectors"] == [detector.entity for detector in every_detector()]
    assert seen.facts["engine"] == {"name": "re2 in arrow", "pyarrow": pa.__version__}


def test_it_survives_its_canonical_bytes() -> None:
    seen = _observation()
    again = observation_from_bytes(canonical_bytes(seen))
    assert canonical_bytes(again) == canonical_bytes(seen)


def test_the_same_table_gives_the_same_bytes_and_no_value_is_in_them() -> None:
    data = canonical_bytes(_observation())
    assert data == canonical_bytes(_observation())
    assert b"quagga" not in data
    assert b'"first_rows":[400]' in data
