"""The vectors of docs/formats are what assay makes, and what a second implementation agrees with."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assay.audit_log.backends._sqlite_index import SCHEMA as INDEX_SCHEMA
from assay.audit_log.backends.sqlite import SCHEMA
from tests.docs import vectors
from tests.docs.pages import ROOT

# A second implementation, from docs/formats/log.md alone: hashlib, base64, json, cryptography.


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def tree_root(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + tree_root(leaves[:k]) + tree_root(leaves[k:]))


def inclusion(leaves: list[bytes], index: int) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*inclusion(leaves[:k], index), tree_root(leaves[k:])]
    return [*inclusion(leaves[k:], index - k), tree_root(leaves[:k])]


def consistency(leaves: list[bytes], old: int, *, whole: bool = True) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [tree_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if old <= k:
        return [*consistency(leaves[:k], old, whole=whole), tree_root(leaves[k:])]
    return [*consistency(leaves[k:], old - k, whole=False), tree_root(leaves[:k])]


def read_note(note: str, verifier_key: str) -> tuple[int, bytes]:
    """Size and root of a checkpoint whose signature holds."""
    name, key_id, encoded = verifier_key.split("+", 2)
    typed = base64.b64decode(encoded)
    assert typed[:1] == b"\x01"
    assert sha256(name.encode() + b"\n" + typed)[:4].hex() == key_id
    text, _, signatures = note.rpartition("\n\n")
    signer, signature = re.fullmatch("— (\\S+) (\\S+)\n", signatures).groups()  # type: ignore[union-attr]
    raw = base64.b64decode(signature)
    assert (signer, raw[:4].hex()) == (name, key_id)
    Ed25519PublicKey.from_public_bytes(typed[1:]).verify(raw[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")
    assert origin == name
    return int(size), base64.b64decode(root)


def _vector(name: str) -> Any:
    return json.loads((vectors.FOLDER / name).read_text("utf-8"))


def _leaves() -> list[bytes]:
    return [sha256(b"\x00" + row["entry"].encode()) for row in _vector("entries.json")]


def test_the_files_are_what_assay_makes() -> None:
    made = {name: vectors.text_of(value) for name, value in vectors.make().items()}
    kept = {path.name: path.read_text("utf-8") for path in vectors.FOLDER.glob("*.json")}
    assert kept == made, "run python -m tests.docs.vectors"


def test_leaf_hashes() -> None:
    assert [row["leaf_hash"] for row in _vector("entries.json")] == [h.hex() for h in _leaves()]


def test_entries_are_sorted_and_without_spaces() -> None:
    for row in _vector("entries.json"):
        event = json.loads(row["entry"])
        if "numbers" in event["detail"]:  # the shortest form of a number is JavaScript's
            assert row["entry"].count("[0,-1,1.5,1e+21,1e-7]") == 1
            continue
        assert row["entry"] == _dumped(event)
        assert event["v"] == 1


def test_roots_and_proofs() -> None:
    tree, leaves = _vector("tree.json"), _leaves()
    assert tree["roots"] == [tree_root(leaves[:n]).hex() for n in range(len(leaves) + 1)]
    for row in tree["inclusion"]:
        proof = inclusion(leaves[: row["size"]], row["index"])
        assert row["proof"] == [node.hex() for node in proof]
    for row in tree["consistency"]:
        proof = consistency(leaves[: row["size"]], row["old_size"])
        assert row["proof"] == [node.hex() for node in proof]


def test_checkpoints() -> None:
    vector, leaves = _vector("checkpoints.json"), _leaves()
    for size, note in enumerate(vector["notes"]):
        assert read_note(note, vector["verifier_key"]) == (size, tree_root(leaves[:size]))


def test_a_changed_checkpoint_does_not_verify() -> None:
    vector = _vector("checkpoints.json")
    with pytest.raises(InvalidSignature):
        read_note(vector["notes"][3].replace("\n3\n", "\n4\n"), vector["verifier_key"])


def test_an_observation_and_its_citation() -> None:
    vector = _vector("observation.json")
    named = "sha256:" + sha256(vector["canonical"].encode()).hex()
    assert vector["digest"] == named
    assert vector["canonical"] == _dumped(json.loads(vector["canonical"]))
    cites = json.loads(_vector("entries.json")[1]["entry"])["detail"]["cites"]
    assert cites == [{"digest": named, "media_type": "application/vnd.assay.observation+json"}]


def test_the_page_shows_the_tables_as_they_are() -> None:
    page = (ROOT / "docs" / "formats" / "log.md").read_text("utf-8")
    for schema in (SCHEMA, INDEX_SCHEMA):
        assert [line for line in schema.split("\n") if line and line not in page] == []


def test_the_page_shows_the_first_vectors() -> None:
    page = (ROOT / "docs" / "formats" / "log.md").read_text("utf-8")
    checkpoints, entries = _vector("checkpoints.json"), _vector("entries.json")
    for shown in (
        entries[0]["entry"],
        entries[0]["leaf_hash"],
        checkpoints["verifier_key"],
        checkpoints["notes"][7],
    ):
        assert shown in page


def test_the_schema_that_the_page_points_to_is_there() -> None:
    page = (ROOT / "docs" / "formats" / "assessment.md").read_text("utf-8")
    schema = Path(ROOT, "src/assay/schemas/assessment-1.json")
    assert "schemas/assessment-1.json" in page
    properties = json.loads(schema.read_text("utf-8"))["properties"]
    assert [name for name in properties if f"`{name}`" not in page] == []


def _dumped(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
