"""Makes `docs/formats/vectors/sealed/*.json` with assay itself: python -m tests.crypto.vectors

`test_vectors.py` checks that the files are what this makes, and that a second implementation, written
from the pages alone, opens every one of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assay.audit_log.sealing import token
from assay.canonical import canonical_bytes
from assay.crypto.aead import DataKey
from assay.crypto.key_encryption import KeyEncryptionKey
from assay.crypto.sealed_field import Place, seal_value
from assay.crypto.subject_keys import _place
from assay.vocabulary import Json
from tests.crypto.scenes import MIA, TOM, predictable

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "formats" / "vectors" / "sealed"
_EVENT = "00000000-0000-4000-8000-000000000001"
_VALUES: dict[str, Json] = {
    "email": "mia.muster@example.com",
    "consented": True,
    "objected": False,
    "address": {"street": "Seestraße 1", "postal_code": 8000},
    "nothing": None,
    "twenty_nine": "x" * 29,
    "thirty": "x" * 30,
    "thirty_one": "x" * 31,
}


def make() -> dict[str, Any]:
    """The content of every file, by name."""
    return {"sealed-field.json": _sealed_fields(), "subject-keys.json": _wrapped_keys()}


def text_of(value: Any) -> str:
    """The file that holds a value."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _sealed_fields() -> Any:
    random = predictable("sealed field")
    rows = []
    for name, value in _VALUES.items():
        secret = random(32)
        sealed = seal_value(value, DataKey(secret), Place(_EVENT, name, MIA), random=random)
        rows.append(
            {
                "key": secret.hex(),
                "event_id": _EVENT,
                "field": name,
                "value": value,
                "sealed": canonical_bytes(sealed).decode(),
            }
        )
    token_key = bytes(range(32))
    tokens = [
        {"field": name, "value": _VALUES[name], "token": token(token_key, name, _VALUES[name])}
        for name in ("email", "address")
    ]
    return {"fields": rows, "token_key": token_key.hex(), "tokens": tokens}


def _wrapped_keys() -> Any:
    random = predictable("subject keys")
    rows = []
    for version, subject in ((1, MIA), (1, TOM), (2, MIA)):
        wrapping, secret = random(32), random(32)
        wrapper = KeyEncryptionKey(wrapping, version=version, random=random)
        place = _place(wrapper, bytes.fromhex(subject.removeprefix("subject:")))
        rows.append(
            {
                "key_encryption_key": wrapping.hex(),
                "id": wrapper.id,
                "version": version,
                "subject": subject,
                "key": secret.hex(),
                "commitment": DataKey(secret).commitment().hex(),
                "wrapped": wrapper.wrap(DataKey(secret), place).hex(),
            }
        )
    return {"keys": rows}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file_name, content in make().items():
        (FOLDER / file_name).write_text(text_of(content), "utf-8")
