"""Keys: the standard's vectors, files that only their owner reads, and nothing that shows a key."""

from __future__ import annotations

import copy
import pickle
import stat
from pathlib import Path

import pytest

from assay.crypto.signing import (
    MlDsa44Key,
    SigningKey,
    ml_dsa_44_signature_holds,
    secret_from_file,
    signature_holds,
)
from assay.errors import NotWritable, UnreadableFile

VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), VECTORS)
def test_vectors_of_the_standard(seed: str, public: str, message: str, signature: str) -> None:
    """RFC 8032, 7.1, TEST 1 and TEST 2."""
    key = SigningKey(bytes.fromhex(seed))

    assert key.public_bytes.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert signature_holds(key.public_bytes, bytes.fromhex(signature), bytes.fromhex(message))


def test_every_changed_bit_is_seen() -> None:
    key = SigningKey(bytes(range(32)))
    signature = key.sign(b"message")
    for place in range(64):
        changed = bytearray(signature)
        changed[place] ^= 1
        assert not signature_holds(key.public_bytes, bytes(changed), b"message")
    assert not signature_holds(key.public_bytes, signature, b"massage")


def test_ml_dsa_44_signs_what_it_verifies() -> None:
    key = MlDsa44Key(bytes(range(32)))
    signature = key.sign(b"message")

    assert (len(key.public_bytes), len(signature)) == (1312, 2420)
    assert ml_dsa_44_signature_holds(key.public_bytes, signature, b"message")
    assert MlDsa44Key(bytes(range(32))).public_bytes == key.public_bytes
    assert not ml_dsa_44_signature_holds(key.public_bytes, signature, b"massage")
    other = MlDsa44Key(bytes(32)).public_bytes
    assert not ml_dsa_44_signature_holds(other, signature, b"message")


def test_every_changed_byte_of_an_ml_dsa_44_signature_is_seen() -> None:
    key = MlDsa44Key(bytes(range(32)))
    signature = key.sign(b"message")
    for place in range(0, 2420, 7):
        changed = bytearray(signature)
        changed[place] ^= 1
        assert not ml_dsa_44_signature_holds(key.public_bytes, bytes(changed), b"message")


@pytest.mark.parametrize(
    ("public", "signature"), [(b"", b""), (bytes(1311), bytes(2420)), (bytes(1312), bytes(2419))]
)
def test_malformed_ml_dsa_44_is_false(public: bytes, signature: bytes) -> None:
    assert not ml_dsa_44_signature_holds(public, signature, b"")


def test_ml_dsa_44_key_shows_nothing_of_itself() -> None:
    key = MlDsa44Key(bytes(range(32)))

    assert repr(key) == str(key) == "MlDsa44Key(...)"
    assert not hasattr(key, "__dict__")
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            leak(key)


@pytest.mark.parametrize(
    ("public", "signature"), [(b"", b""), (bytes(31), bytes(64)), (bytes(32), bytes(63))]
)
def test_malformed_is_false(public: bytes, signature: bytes) -> None:
    assert not signature_holds(public, signature, b"")


def test_key_shows_nothing_of_itself() -> None:
    seed = bytes(range(32))
    key = SigningKey(seed)

    assert repr(key) == str(key) == "SigningKey(...)"
    assert not hasattr(key, "__dict__")
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            leak(key)


def test_secret_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "key"
    made = secret_from_file(file, create=True)

    assert len(made) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_from_file(file, create=True) == made
    assert secret_from_file(file, create=False) == made


def test_secrets_differ(tmp_path: Path) -> None:
    made = {secret_from_file(tmp_path / str(number), create=True) for number in range(20)}
    assert len(made) == 20


def test_missing_secret(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="cannot be read") as caught:
        secret_from_file(tmp_path / "key", create=False)
    assert "Restore it" in caught.value.next_step
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("length", [0, 31, 33])
def test_secret_of_another_length(tmp_path: Path, length: int) -> None:
    (tmp_path / "key").write_bytes(b"k" * length)
    with pytest.raises(UnreadableFile, match=f"holds {length} bytes instead of 32") as caught:
        secret_from_file(tmp_path / "key", create=True)
    assert "kkk" not in str(caught.value)


def test_secret_that_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotWritable):
        secret_from_file(tmp_path / "file" / "key", create=True)
