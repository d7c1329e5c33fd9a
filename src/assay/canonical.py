"""One value, one byte string, one digest.

JSON in the canonical form of RFC 8785 (sorted keys, shortest numbers, UTF-8, no spaces), hashed
with SHA-256. Values of `vocabulary.py` become JSON by `to_json`: enums are their word, instants are
RFC 3339 in UTC with microseconds and `Z`, tuples are arrays.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

import orjson
import rfc8785

from assay.errors import BadInput
from assay.vocabulary import Basis, Json, Method, Observation, Target, TargetKind

_CHUNK_BYTES = 1 << 20
_EXACT_INTEGER_MAX = (1 << 53) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_json(value: Any) -> Json:
    """The JSON form of a value of the vocabulary, or of JSON itself.

    Raises:
        TypeError: there is no JSON form, or an instant has no zone.
    """
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return instant(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"no JSON form for {type(value).__name__}")


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC: `2026-11-22T10:00:00.000000Z`.

    Raises:
        TypeError: the instant has no zone.
    """
    if moment.tzinfo is None:
        raise TypeError("an instant without a zone")
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")[:-6] + "Z"


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970 in UTC; the form of an instant in an index."""
    return (moment - _EPOCH) // _MICROSECOND


def instant_of(microseconds_since_1970: int) -> datetime:
    """The instant that `microseconds` counted."""
    return _EPOCH + microseconds_since_1970 * _MICROSECOND


def parse_instant(text: str) -> datetime:
    """The instant that `instant` wrote.

    Raises:
        ValueError: not RFC 3339, or without a zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"an instant without a zone: {text}")
    return moment.astimezone(UTC)


def canonical_bytes(value: Any) -> bytes:
    """The one byte string of a value (RFC 8785).

    RFC 8785 differs from sorting keys only in how it writes floats, in how it orders keys beyond
    ASCII, and in what it refuses. Where nothing of that is there, orjson writes the same bytes twenty
    times as fast.

    Raises:
        TypeError, ValueError: there is no JSON form, a number that JSON does not hold exactly, or
            text that is not Unicode.
    """
    if _plain(value):
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:
            pass  # nested too deeply for it, or text that is not Unicode: the other one says which
    return rfc8785.dumps(to_json(value))


def _plain(value: Any) -> bool:
    """Whether this is JSON on which the fast writer and RFC 8785 agree."""
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                return False
            if type(item) is not str and item is not None and not _plain(item):
                return False
        return True
    if kind is list or kind is tuple:
        return all(map(_plain, value))
    if kind is int:
        return bool(-_EXACT_INTEGER_MAX <= value <= _EXACT_INTEGER_MAX)
    return kind is str or kind is bool or value is None


def digest(data: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of(value: Any) -> str:
    """The digest of a value's canonical bytes."""
    return digest(canonical_bytes(value))


def file_digest(path: Path) -> str:
    """The digest of a file's bytes, read a mebibyte at a time.

    Raises:
        OSError: the file cannot be read.
    """
    running = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            running.update(chunk)
    return "sha256:" + running.hexdigest()


def observation_from_bytes(data: bytes) -> Observation:
    """The observation whose canonical bytes these are.

    Raises:
        BadInput: the bytes are not an observation.
    """
    try:
        row = json.loads(data)
        target = row["target"]
        return Observation(
            kind=row["kind"],
            source=row["source"],
            source_version=row["source_version"],
            method=Method(row["method"]),
            target=Target(TargetKind(target["kind"]), target["name"], target["digest"]),
            facts=row["facts"],
            observed_at=parse_instant(row["observed_at"]),
            expires_at=_optional_instant(row["expires_at"]),
            effective_from=_optional_instant(row["effective_from"]),
            effective_to=_optional_instant(row["effective_to"]),
            basis=Basis[row["basis"].upper()],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"These bytes are not an observation ({type(error).__name__}).") from error


def _optional_instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)
