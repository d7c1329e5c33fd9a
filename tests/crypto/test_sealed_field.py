"""A sealed value opens where it belongs, with its key, as it was; anything else is named and refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.canonical import canonical_bytes
from assay.crypto.aead import DataKey
from assay.crypto.sealed_field import SUITE, Place, open_value, seal_value, subject_of
from assay.errors import (
    AssayError,
    BadInput,
    CryptoError,
    Tampered,
    Truncated,
    UnsupportedSuite,
    WrongKey,
)
from assay.vocabulary import Json
from tests.crypto.scenes import MIA, TOM

KEY = DataKey(bytes(range(32)))
PLACE = Place("event 1", "email", MIA)
SECRET_TEXT = "mia.muster@example.com"
SEALED = seal_value(SECRET_TEXT, KEY, PLACE)

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def exactly(value: Any) -> Any:
    """Tells apart what Python calls equal: 1, 1.0 and True, 0.0 and -0.0."""
    if isinstance(value, dict):
        return {key: exactly(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exactly(item) for item in value]
    return type(value).__name__, repr(value)


@given(value=JSON_VALUES)
def test_any_json_value_survives(value: Any) -> None:
    """Through the text of a log entry, as it is kept."""
    kept = json.loads(canonical_bytes(seal_value(value, KEY, PLACE)))
    assert exactly(open_value(kept, KEY, PLACE)) == exactly(value)


@given(value=JSON_VALUES)
def test_nothing_of_the_value_shows(value: Any) -> None:
    sealed = seal_value(value, KEY, PLACE)
    assert {**sealed, "salt": "", "commitment": "", "data": ""} == {
        "sealed": 1,
        "suite": SUITE,
        "subject": MIA,
        "salt": "",
        "commitment": "",
        "data": "",
    }
    text = json.dumps(value).encode()
    if len(text) > 4:
        assert text not in b"".join(raw(sealed, name) for name in ("salt", "commitment", "data"))


@pytest.mark.parametrize("other", [False, None, 0, "", "x" * 29, [1, 2, 3]])
def test_short_values_are_of_one_length(other: Json) -> None:
    assert length(seal_value(True, KEY, PLACE)) == length(seal_value(other, KEY, PLACE)) == 48


def test_the_same_value_never_looks_the_same() -> None:
    sealed = [seal_value(True, KEY, PLACE) for _ in range(1000)]
    for member in ("salt", "commitment", "data"):
        assert len({value[member] for value in sealed}) == 1000


# What is refused


@pytest.mark.parametrize("member", ["salt", "commitment", "data"])
def test_every_changed_bit_is_refused(member: str) -> None:
    whole = raw(SEALED, member)
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        refused(
            with_member(member, base64.b64encode(changed).decode()),
            Tampered if member == "data" else WrongKey,
        )


def test_every_changed_byte_of_the_text_is_refused() -> None:
    """Each byte of the stored JSON, names and punctuation too, made another one."""
    text = canonical_bytes(SEALED)
    for at in range(len(text)):
        changed = text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
        try:
            value = json.loads(changed)
        except ValueError:
            continue  # no JSON any more, so no entry
        with pytest.raises(CryptoError):
            open_value(value, KEY, PLACE)


@pytest.mark.parametrize(
    "place",
    [
        Place("event 2", "email", MIA),
        Place("event 1", "phone", MIA),
        Place("event 1", "email", TOM),
        Place("event 1e", "mail", MIA),
        Place("", "event 1email", MIA),
    ],
    ids=["event", "field", "subject", "shifted", "joined"],
)
def test_another_place_is_refused(place: Place) -> None:
    with pytest.raises(Tampered):
        open_value(SEALED, KEY, place)


def test_a_value_readdressed_to_another_subject_is_refused() -> None:
    for key in (KEY, DataKey(bytes(32))):
        with pytest.raises((Tampered, WrongKey)):
            open_value({**SEALED, "subject": TOM}, key, Place("event 1", "email", TOM))


def test_the_key_of_another_subject_is_named_as_one() -> None:
    refused(SEALED, WrongKey, key=DataKey(bytes(32)))


@pytest.mark.parametrize("lost", [1, 15, 16, 17, 31, 33, 48, 63, 64])
def test_a_value_that_is_cut_short_is_named_as_one(lost: int) -> None:
    data = raw(SEALED, "data")
    assert len(data) == 48
    refused(with_member("data", base64.b64encode(data[: max(0, 48 - lost)]).decode()), Truncated)


def test_a_value_that_lost_a_whole_block_is_refused() -> None:
    long = seal_value("x" * 100, KEY, PLACE)
    data = base64.b64encode(raw(long, "data")[:-32]).decode()
    refused({**long, "data": data}, Tampered)


@pytest.mark.parametrize("member", ["salt", "commitment"])
def test_a_header_that_is_cut_short_is_named_as_one(member: str) -> None:
    refused(with_member(member, base64.b64encode(raw(SEALED, member)[:-1]).decode()), Truncated)


@pytest.mark.parametrize(
    "change",
    [
        {"sealed": 2},
        {"sealed": 0},
        {"sealed": True},
        {"sealed": "1"},
        {"sealed": None},
        {"suite": "none"},
        {"suite": "AES-256-CTR"},
        {"suite": "aes-256-gcm+hkdf-sha-512"},
        {"suite": None},
        {"suite": ["AES-256-GCM+HKDF-SHA-512"]},
    ],
    ids=str,
)
def test_what_is_not_on_the_list_is_refused(change: Mapping[str, Json]) -> None:
    refused({**SEALED, **change}, UnsupportedSuite)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "sealed",
        [SEALED],
        {name: SEALED[name] for name in SEALED if name != "salt"},
        {**SEALED, "note": "x"},
        {**SEALED, "salt": None},
        {**SEALED, "data": 7},
        {**SEALED, "data": "%%%%"},
        {**SEALED, "data": str(SEALED["data"]) + "\n"},
        {**SEALED, "salt": "é" * 32},
    ],
    ids=["null", "text", "list", "lost", "added", "empty", "number", "letters", "line", "accents"],
)
def test_what_is_no_sealed_value_is_refused(value: Any) -> None:
    refused(value, Tampered)


def test_base64_in_another_spelling_is_refused() -> None:
    """`QQ==` and `QR==` are one byte: a change that decodes to the same bytes is a change."""
    text = str(SEALED["commitment"])
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    respelt = text[:-2] + alphabet[alphabet.index(text[-2]) ^ 1] + "="
    assert base64.b64decode(respelt) == base64.b64decode(text)
    refused(with_member("commitment", respelt), Tampered)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), {"secret of Mia": object()}, {1, 2}, [[float("-inf")]]],
    ids=["nan", "inf", "object", "set", "nested"],
)
def test_what_is_not_json_is_refused_unshown(value: Any) -> None:
    with pytest.raises(BadInput, match="'email' is not JSON") as caught:
        seal_value(value, KEY, PLACE)
    assert "Mia" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_list_without_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(BadInput):
        seal_value(endless, KEY, PLACE)


def test_whose_key_it_needs() -> None:
    assert subject_of(SEALED) == MIA
    with pytest.raises(UnsupportedSuite):
        subject_of({**SEALED, "sealed": 3})
    with pytest.raises(Tampered):
        subject_of(None)


def refused(value: Any, error: type[AssayError], key: DataKey = KEY) -> None:
    with pytest.raises(error) as caught:
        open_value(value, key, PLACE)
    assert type(caught.value) is error
    assert SECRET_TEXT not in str(caught.value)


def with_member(name: str, text: str) -> Mapping[str, Json]:
    return {**SEALED, name: text}


def raw(sealed: Mapping[str, Json], name: str) -> bytes:
    return base64.b64decode(str(sealed[name]))


def length(sealed: Mapping[str, Json]) -> int:
    return len(raw(sealed, "data"))
