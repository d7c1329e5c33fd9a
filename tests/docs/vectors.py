"""Makes `docs/formats/vectors/*.json` with assay itself: python -m tests.docs.vectors

`test_formats.py` checks that the files are what this makes, and that a second implementation, which
uses nothing of assay, agrees with every byte of them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from assay.audit_log.checkpoint import sign_checkpoint
from assay.audit_log.entry import citation, entry_bytes, new_event
from assay.audit_log.merkle import consistency_proof, inclusion_proof, leaf_hash, root_of
from assay.audit_log.notes import VerifierKey
from assay.canonical import canonical_bytes, digest
from assay.crypto.signing import SigningKey
from assay.vocabulary import Basis, Exhibit, Method, Observation, Target, TargetKind
from tests.docs.pages import ROOT

FOLDER = ROOT / "docs" / "formats" / "vectors"
SEED = bytes(range(32))
ORIGIN = "assay.local/log/0001020304050607"
_AT = datetime(2026, 11, 22, 10, 0, 0, 250_000, tzinfo=UTC)


def make() -> dict[str, Any]:
    """The content of every file, by name."""
    observation, entries = _observation(), _entries()
    leaves = [leaf_hash(entry) for entry in entries]
    key = SigningKey(SEED)
    return {
        "observation.json": {
            "canonical": canonical_bytes(observation).decode(),
            "digest": digest(canonical_bytes(observation)),
        },
        "entries.json": [
            {"entry": entry.decode(), "leaf_hash": leaf.hex()}
            for entry, leaf in zip(entries, leaves, strict=True)
        ],
        "tree.json": {
            "roots": [root_of(leaves[:size]).hex() for size in range(len(leaves) + 1)],
            "inclusion": [
                {"index": index, "size": size, "proof": _hex(inclusion_proof(leaves[:size], index))}
                for size in range(1, len(leaves) + 1)
                for index in range(size)
            ],
            "consistency": [
                {
                    "old_size": old,
                    "size": size,
                    "proof": _hex(consistency_proof(leaves[:size], old)),
                }
                for size in range(1, len(leaves) + 1)
                for old in range(1, size + 1)
            ],
        },
        "checkpoints.json": {
            "seed": SEED.hex(),
            "verifier_key": str(VerifierKey(ORIGIN, key.public_bytes)),
            "notes": [
                sign_checkpoint(ORIGIN, size, root_of(leaves[:size]), key).note
                for size in range(len(leaves) + 1)
            ],
        },
    }


def text_of(value: Any) -> str:
    """The file that holds a value."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _observation() -> Observation:
    return Observation(
        kind="retention_scan",
        source="readers.retention",
        source_version=1,
        method=Method.EXAMINE,
        target=Target(TargetKind.DATASET, "patients", digest(b"the bytes of a table")),
        facts={
            "rows": 569,
            "past": 161,
            "share": 0.5,
            "start_column": "Geburtstag ü",
            "hold": None,
        },
        observed_at=_AT,
        basis=Basis.MEASURED,
    )


def _entries() -> list[bytes]:
    seen = canonical_bytes(_observation())
    cited = Exhibit(digest(seen), "application/vnd.assay.observation+json", seen)
    system = Target(TargetKind.SYSTEM, "Seeblick Clinic (generated)")
    details: list[tuple[str, Any]] = [
        ("assessment", {}),
        (
            "observation",
            {"source": "readers.retention", "reused": False, "cites": [citation(cited)]},
        ),
        ("data_access", {"rows": 569}),
        ("note", {"text": 'quote " backslash \\ line\nfeed tab\t umlaut ü'}),
        ("note", {}),
        ("note", {"numbers": [0, -1, 1.5, 1e21, 1e-7]}),
        ("assessment", {"evidence": [{"digest": cited.digest, "index": 1}]}),
    ]
    return [
        entry_bytes(
            new_event(
                type_,
                occurred_at=_AT,
                actor="actor:000102030405060708090a0b0c0d0e0f",
                action=f"vector {number}",
                target=system,
                client_agent="assay/0.1.0",
                detail=detail,
                event_id=f"00000000-0000-4000-8000-{number:012d}",
            )
        )
        for number, (type_, detail) in enumerate(details)
    ]


def _hex(hashes: tuple[bytes, ...]) -> list[str]:
    return [node.hex() for node in hashes]


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, value in make().items():
        (FOLDER / name).write_text(text_of(value), "utf-8")
