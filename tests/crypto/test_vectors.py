"""The pages on sealed fields and subject keys say enough to write another implementation.

`expand`, `open_field` and `unwrap` are that: made from `docs/formats/sealed-field.md` and
`docs/formats/subject-keys.md`, with HMAC and AES-GCM and nothing of assay.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import apsw
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.crypto import vectors
from tests.crypto.scenes import MIA, store

PAGES = vectors.FOLDER.parents[1]


def expand(key: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, 2.3, with SHA-512."""
    made, block = b"", b""
    for counter in range(1, -(-length // 64) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), hashlib.sha512)
        made += block
    return made[:length]


def open_field(text: str, key: bytes, event_id: str, field: str) -> Any:
    sealed = json.loads(text)
    assert sealed["sealed"] == 1
    assert sealed["suite"] == "AES-256-GCM+HKDF-SHA-512"
    salt, commitment, data = (base64.b64decode(sealed[n]) for n in ("salt", "commitment", "data"))
    made = expand(key, b"assay sealed field v1\x00" + salt, 76)
    assert made[44:] == commitment
    parts = [part.encode() for part in (event_id, field, sealed["subject"])]
    bound_to = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    text_padded = AESGCM(made[:32]).decrypt(made[32:44], data, bound_to)
    assert len(text_padded) % 32 == 0
    assert len(text_padded) - len(text_padded.rstrip(b" ")) < 32
    return json.loads(text_padded)


def unwrap(wrapped: bytes, key_encryption_key: bytes, version: int, subject: str) -> bytes:
    key_id = expand(key_encryption_key, b"assay key-encryption key id v1", 8).hex()
    place = (
        b"assay subject key v1\x00"
        + bytes.fromhex(subject.split(":")[1])
        + version.to_bytes(4, "big")
        + key_id.encode()
    )
    return AESGCM(key_encryption_key).decrypt(wrapped[:12], wrapped[12:], place)


def _vector(name: str) -> Any:
    return json.loads((vectors.FOLDER / name).read_text("utf-8"))


def test_the_files_are_what_assay_makes() -> None:
    made = {name: vectors.text_of(value) for name, value in vectors.make().items()}
    kept = {path.name: path.read_text("utf-8") for path in vectors.FOLDER.iterdir()}
    assert kept == made, "run python -m tests.crypto.vectors"


def test_a_second_implementation_opens_every_field() -> None:
    for row in _vector("sealed-field.json")["fields"]:
        key = bytes.fromhex(row["key"])
        assert open_field(row["sealed"], key, row["event_id"], row["field"]) == row["value"]
        with pytest.raises(InvalidTag):
            open_field(row["sealed"], key, row["event_id"], "other")


def test_a_second_implementation_makes_the_tokens() -> None:
    vector = _vector("sealed-field.json")
    for row in vector["tokens"]:
        value = json.dumps(
            row["value"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
        said = b"assay search token v1\x00" + row["field"].encode() + b"\x00" + value
        mac = hmac.new(bytes.fromhex(vector["token_key"]), said, hashlib.sha256).hexdigest()
        assert row["token"] == f"token:{mac[:32]}"


def test_a_second_implementation_unwraps_every_key() -> None:
    for row in _vector("subject-keys.json")["keys"]:
        wrapping = bytes.fromhex(row["key_encryption_key"])
        key = unwrap(bytes.fromhex(row["wrapped"]), wrapping, row["version"], row["subject"])
        assert key.hex() == row["key"]
        assert expand(wrapping, b"assay key-encryption key id v1", 8).hex() == row["id"]
        assert expand(key, b"assay data key commitment v1", 32).hex() == row["commitment"]


def test_the_page_shows_the_first_vector() -> None:
    first = _vector("sealed-field.json")["fields"][0]
    page = (PAGES / "sealed-field.md").read_text("utf-8")
    assert first["sealed"] in page
    assert first["key"] in page


def test_the_page_has_the_tables_that_the_file_has(tmp_path: Path) -> None:
    page = (PAGES / "subject-keys.md").read_text("utf-8")
    shown = re.search(r"```sql\n(.*?)```", page, re.S)
    assert shown is not None
    store(tmp_path).close()
    assert _tables(str(tmp_path / "subjects.keys")) == _tables(":memory:", shown[1])


def test_a_second_implementation_reads_a_key_store(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        expected = keys.key_for(MIA, create=True).commitment()
    db = apsw.Connection(str(tmp_path / "subjects.keys"), flags=apsw.SQLITE_OPEN_READONLY)
    row = db.execute(
        "SELECT version, wrapped FROM subject_key JOIN wrapping_key ON number = wrapping_key"
        " WHERE subject = unhex('" + MIA.removeprefix("subject:") + "')"
    ).fetchone()
    db.close()
    assert row is not None
    key = unwrap(row[1], bytes(range(32)), row[0], MIA)
    assert expand(key, b"assay data key commitment v1", 32) == expected


def _tables(path: str, statements: str = "") -> list[Any]:
    db = apsw.Connection(path)
    db.execute(statements).fetchall()
    words = "SELECT name, replace(replace(sql, char(10), ''), ' ', '') FROM sqlite_schema"
    found = db.execute(words + " ORDER BY name").fetchall()
    marks = [db.pragma(mark) for mark in ("application_id", "user_version")]
    db.close()
    return [*found, *marks]
