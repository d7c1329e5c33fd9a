"""One JSON value, sealed for one person, so that it can stand in a log entry and still be erased.

A sealed value is a JSON object of six members (`docs/formats/sealed-field.md`):

    {"sealed": 1, "suite": "AES-256-GCM+HKDF-SHA-512", "subject": "subject:...",
     "salt": "...", "commitment": "...", "data": "..."}

The value's JSON text is padded with spaces to a multiple of 32 bytes, so that `true` and `false` are of
one length, and encrypted as `aead.py` describes. Event id, field name and subject are associated
data: a sealed value that is moved to another event, field or person does not open.

What it does not hide: that the field is there, for whom, and its length in steps of 32 bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from typing import NamedTuple, cast

from assay.canonical import to_json
from assay.crypto.aead import (
    TAG_BYTES,
    Ciphertext,
    DataKey,
    RandomBytes,
    open_sealed,
    seal,
)
from assay.errors import BadInput, Tampered, Truncated, UnsupportedSuite
from assay.vocabulary import Json

VERSION = 1
SUITE = "AES-256-GCM+HKDF-SHA-512"
SUITES = (SUITE,)
PADDING_BYTES = 32
_LABEL = b"assay sealed field v1"
_WRITER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_MEMBERS = frozenset({"sealed", "suite", "subject", "salt", "commitment", "data"})


class Place(NamedTuple):
    """Where a sealed value belongs: the id of its event, the name of its field, its subject."""

    event_id: str
    field: str
    subject: str


def seal_value(
    value: Json, key: DataKey, place: Place, *, random: RandomBytes = os.urandom
) -> Mapping[str, Json]:
    """The value sealed under the key of `place.subject`.

    Raises:
        BadInput: the value is not JSON. Nothing of it is in the error.
    """
    message = _padded(_text(value, place.field))
    sealed = seal(message, key, label=_LABEL, associated_data=_bound_to(place), random=random)
    return {
        "sealed": VERSION,
        "suite": SUITE,
        "subject": place.subject,
        "salt": _base64(sealed.salt),
        "commitment": _base64(sealed.commitment),
        "data": _base64(sealed.data),
    }


def open_value(sealed: Json, key: DataKey, place: Place) -> Json:
    """The value again.

    Raises:
        UnsupportedSuite: a version or suite that is not on the list.
        Truncated: it is cut short.
        WrongKey: another key sealed it, or its salt or commitment was changed.
        Tampered: it was changed, was sealed for another place, or is no sealed value.
    """
    parts = _parts(sealed)
    if parts["subject"] != place.subject:
        raise Tampered(
            f"The field {place.field!r} was sealed for another subject than {place.subject}.",
            next_step="Verify the log, and restore what is damaged from a copy.",
        )
    ciphertext = Ciphertext(*(_bytes(parts[name], name) for name in ("salt", "commitment", "data")))
    padded = len(ciphertext.data) - TAG_BYTES
    if padded <= 0 or padded % PADDING_BYTES:
        raise Truncated(
            f"The sealed field {place.field!r} is cut short.",
            next_step="Verify the log, and restore what is damaged from a copy.",
        )
    message = open_sealed(ciphertext, key, label=_LABEL, associated_data=_bound_to(place))
    return cast(Json, json.loads(message))


def subject_of(sealed: Json) -> str:
    """Whose key a sealed value needs.

    Raises:
        UnsupportedSuite, Tampered: as `open_value`.
    """
    return _parts(sealed)["subject"]


def _parts(sealed: Json) -> dict[str, str]:
    """The text members, after version and suite were found on the list."""
    if not isinstance(sealed, Mapping):
        raise _malformed("it is no object")
    version, suite = sealed.get("sealed"), sealed.get("suite")
    if version is not True and version == VERSION and suite in SUITES:
        if set(sealed) != _MEMBERS:
            raise _malformed("a member is missing or unknown")
        texts = {name: sealed[name] for name in _MEMBERS - {"sealed"}}
        if not all(isinstance(text, str) for text in texts.values()):
            raise _malformed("a member is no text")
        return cast(dict[str, str], texts)
    raise UnsupportedSuite(
        "A sealed value names a version or suite that this release does not open.",
        next_step=f"Known: version {VERSION} with {', '.join(SUITES)}. Use a newer release, "
        "or verify the log if it should be one of these.",
    )


def _text(value: Json, field: str) -> bytes:
    """JSON text in ASCII: every text survives, as does every number that JSON has."""
    try:
        return _WRITER.encode(to_json(value)).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        # The error that is being replaced may show the value.
        raise BadInput(
            f"The value of the personal field {field!r} is not JSON.",
            next_step="Give text, finite numbers, lists, and objects whose keys are text.",
        ) from None


def _padded(text: bytes) -> bytes:
    return text + b" " * (-len(text) % PADDING_BYTES)


def _bound_to(place: Place) -> bytes:
    encoded = [part.encode("utf-8", "surrogatepass") for part in place]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str, name: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed(f"its {name} is not base64") from None
    # Base64 can spell the same bytes in several ways; only one of them is what was written.
    if _base64(data) != text:
        raise _malformed(f"its {name} is not base64 as it is written here")
    return data


def _malformed(why: str) -> Tampered:
    return Tampered(
        f"A sealed value has not the form of one: {why}.",
        next_step="Verify the log, and restore what is damaged from a copy.",
    )
