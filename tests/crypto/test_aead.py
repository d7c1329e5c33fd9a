"""A fresh key for every message, one key that opens it, and nothing that shows a key."""

from __future__ import annotations

import copy
import hashlib
import hmac
import pickle
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from assay.crypto.aead import Ciphertext, DataKey, open_sealed, seal
from assay.errors import Tampered, Truncated, WrongKey
from tests.crypto.scenes import shown

SECRET = bytes(range(32))
KEY = DataKey(SECRET)


def sealed(message: bytes = b"message", key: DataKey = KEY) -> Ciphertext:
    return seal(message, key, label=b"test", associated_data=b"here")


def opened(value: Ciphertext, key: DataKey = KEY) -> bytes:
    return open_sealed(value, key, label=b"test", associated_data=b"here")


@given(message=st.binary(max_size=300))
def test_a_message_survives(message: bytes) -> None:
    assert opened(sealed(message)) == message


def test_what_is_written_is_what_the_format_says() -> None:
    """The derivation again, from RFC 5869 with hmac alone."""
    value = sealed()
    info = b"test\x00" + value.salt
    first = hmac.digest(SECRET, info + b"\x01", hashlib.sha512)
    made = first + hmac.digest(SECRET, first + info + b"\x02", hashlib.sha512)

    assert value.commitment == made[44:76]
    assert AESGCM(made[:32]).decrypt(made[32:44], value.data, b"here") == b"message"


def test_no_two_messages_share_a_salt() -> None:
    assert len({sealed().salt for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("part", ["salt", "commitment", "data"])
def test_every_changed_bit_is_refused(part: str) -> None:
    value = sealed()
    whole = getattr(value, part)
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered if part == "data" else WrongKey):
            opened(replace(value, **{part: bytes(changed)}))


def test_another_key_is_named_as_one() -> None:
    with pytest.raises(WrongKey, match="did not seal"):
        opened(sealed(), DataKey(bytes(32)))


def test_another_place_or_format_is_refused() -> None:
    with pytest.raises(Tampered, match="another place"):
        open_sealed(sealed(), KEY, label=b"test", associated_data=b"there")
    with pytest.raises(WrongKey):
        open_sealed(sealed(), KEY, label=b"toast", associated_data=b"here")


@pytest.mark.parametrize(
    "cut",
    [
        Ciphertext(bytes(23), bytes(32), bytes(16)),
        Ciphertext(bytes(24), bytes(31), bytes(16)),
        Ciphertext(bytes(24), bytes(32), bytes(15)),
        Ciphertext(b"", b"", b""),
    ],
    ids=["salt", "commitment", "tag", "nothing"],
)
def test_what_is_cut_short_is_refused(cut: Ciphertext) -> None:
    with pytest.raises(Truncated):
        opened(cut)


def test_commitments_tell_keys_apart() -> None:
    assert KEY.commitment() == DataKey(SECRET).commitment()
    assert KEY.commitment() != DataKey(bytes(32)).commitment()
    assert KEY.commitment() not in (SECRET, KEY.expand(b"other", 32))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes") as caught:
        DataKey(b"k" * length)
    assert "kkk" not in str(caught.value)


def test_a_key_shows_nothing_of_itself() -> None:
    assert repr(KEY) == str(KEY) == "DataKey(...)"
    assert not hasattr(KEY, "__dict__")
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            leak(KEY)


def test_no_traceback_shows_a_key() -> None:
    value = sealed()
    message_key = KEY.expand(b"test\x00" + value.salt, 32)
    changed = replace(value, data=value.data[:-1] + b"?")
    for wrong, key in ((changed, KEY), (value, DataKey(b"\x01" * 32))):
        with pytest.raises((Tampered, WrongKey)) as caught:
            open_sealed(wrong, key, label=b"test", associated_data=b"here")
        text = shown(caught.value)
        assert "DataKey(...)" in text, "locals are in it"
        assert repr(SECRET)[2:-1] not in text
        assert repr(message_key)[2:-1] not in text
