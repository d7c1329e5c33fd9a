"""Small worlds for readers to look at: a folder with data, keys, a log and an assay.toml."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.parquet import encryption

from assay.audit_log.entry import new_event
from assay.audit_log.notes import VerifierKey
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.signer import LogSigner
from assay.compliance.interface import Check, Reader, Scene
from assay.compliance.judge import judge
from assay.compliance.readers import declarations
from assay.crypto.signing import SigningKey
from assay.settings import read_settings
from assay.vocabulary import Evidence, Facts, Finding, Observation, Target, TargetKind

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = SigningKey(bytes(range(32)))
VERIFIER = VerifierKey("example.com/log", KEY.public_bytes)
HEALTH: Facts = {
    "level": "restricted",
    "columns": {
        "subject": {
            "category": "personal_identifiable",
            "entity": "username",
            "level": "confidential",
        },
        "diagnosis": {"category": "health_data", "entity": "diagnosis", "level": "restricted"},
    },
}
PEOPLE = {
    "subject": ["p1", "p2", "p3"],
    "diagnosis": ["nothing found at all", "hypertension", "hypertension"],
    "seen": ["2025-01-01", "2024-05-06", "2026-02-03"],
}
CONSENTS = (
    "subject,purpose,granted_at,withdrawn_at\n"
    "p1,research,2024-01-01,\np2,research,2024-01-01,\np3,research,2024-01-01,\n"
)
TOML = """
schema = 1
[organisation]
name = "Clinic"
[access]
[purposes.research]
basis = "consent"
special_category_condition = "explicit consent"
consent = { source = "consents.csv" }
[datasets.people]
source = "people.parquet"
purposes = ["research"]
subject_column = "subject"
key_file = "people.key"
[datasets.people.retention]
start_column = "seen"
maximum = "P3Y"
"""


def parquet(columns: Mapping[str, list[Any]], key: bytes | None = None) -> bytes:
    """A Parquet file, encrypted under a key if one is given."""
    properties = None if key is None else encryption.create_encryption_properties(key)
    buffer = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), buffer, encryption_properties=properties)
    return buffer.getvalue()


def good_world(folder: Path) -> Path:
    """A folder in which every check passes; its assay.toml."""
    folder.chmod(0o700)
    key = os.urandom(32)
    put(folder / "people.key", key, 0o600)
    put(folder / "people.parquet", parquet(PEOPLE, key), 0o640)
    put(folder / "consents.csv", CONSENTS.encode(), 0o640)
    put(folder / "assay.toml", TOML.encode(), 0o640)
    with open_sqlite_log(folder / ".assay", LogSigner(VERIFIER.name, KEY)) as log:
        event = new_event(
            "note",
            occurred_at=NOW,
            actor="actor:1",
            action="begin",
            target=Target(TargetKind.SYSTEM, "Clinic"),
        )
        log.keep([event])
    return folder / "assay.toml"


def begin_log(folder: Path, *entries: tuple[str, str]) -> None:
    """Begin the log of this folder anew with these entries, each a type and an action."""
    shutil.rmtree(folder / ".assay")
    with open_sqlite_log(folder / ".assay", LogSigner(VERIFIER.name, KEY)) as log:
        clinic = Target(TargetKind.SYSTEM, "Clinic")
        log.keep(
            [
                new_event(type_, occurred_at=NOW, actor="actor:1", action=action, target=clinic)
                for type_, action in entries
            ]
        )


def put(path: Path, data: bytes, mode: int) -> None:
    """A file with exactly this mode."""
    path.write_bytes(data)
    path.chmod(mode)


def scene_of(toml: Path, labels: Facts | None = HEALTH, now: datetime = NOW) -> Scene:
    """What readers see of the folder of this assay.toml."""
    return Scene(
        settings=read_settings(toml),
        log_folder=toml.parent / ".assay",
        verifier_key=str(VERIFIER),
        now=now,
        labels={} if labels is None else {"people": labels},
    )


def evidence_of(observations: list[Observation]) -> list[Evidence]:
    """The observations as if they had been kept."""
    return [Evidence(f"sha256:{n:064x}", seen, n) for n, seen in enumerate(observations)]


def found(check: Check, reader: Reader, toml: Path, labels: Facts | None = HEALTH) -> Finding:
    """What a check finds after its reader has really looked."""
    scene = scene_of(toml, labels)
    seen = [*declarations.MEMBER.observe(scene), *reader.observe(scene)]
    (finding,) = judge([check], evidence_of(seen), NOW)
    return finding
