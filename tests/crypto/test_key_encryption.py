"""Key-encryption keys: where they come from, who may read them, and what they wrap."""

from __future__ import annotations

import copy
import os
import pickle
import stat
from pathlib import Path

import pytest

from assay.crypto.aead import DataKey
from assay.crypto.key_encryption import (
    KeyEncryptionKey,
    key_from_descriptor,
    key_from_environment,
    key_from_file,
)
from assay.errors import AssayError, BadInput, Tampered, Truncated, UnreadableFile
from tests.crypto.scenes import KEK, shown

SECRET = bytes(range(32))
DATA_KEY = DataKey(bytes(32))


def test_a_wrapped_key_is_unwrapped() -> None:
    wrapped = KEK.wrap(DATA_KEY, b"place")
    assert len(wrapped) == 60
    assert KEK.unwrap(wrapped, b"place").commitment() == DATA_KEY.commitment()


def test_no_two_wrappings_share_a_nonce() -> None:
    assert len({KEK.wrap(DATA_KEY, b"")[:12] for _ in range(10_000)}) == 10_000


def test_every_changed_bit_of_a_wrapped_key_is_refused() -> None:
    wrapped = KEK.wrap(DATA_KEY, b"place")
    for bit in range(8 * len(wrapped)):
        changed = bytearray(wrapped)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            KEK.unwrap(bytes(changed), b"place")


def test_another_place_and_another_key_are_refused() -> None:
    wrapped = KEK.wrap(DATA_KEY, b"place")
    with pytest.raises(Tampered):
        KEK.unwrap(wrapped, b"other")
    with pytest.raises(Tampered, match=r"did not wrap it"):
        KeyEncryptionKey(bytes(32)).unwrap(wrapped, b"place")


@pytest.mark.parametrize("length", [0, 28, 59, 61])
def test_a_wrapped_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(Truncated, match=f"{length} bytes"):
        KEK.unwrap(bytes(length), b"")


def test_the_id_names_the_key_and_is_not_it() -> None:
    assert KEK.id == KeyEncryptionKey(SECRET, version=2).id
    assert KEK.id != KeyEncryptionKey(bytes(32)).id
    assert len(KEK.id) == 16
    assert KEK.id not in SECRET.hex()


def test_it_shows_nothing_of_itself() -> None:
    assert repr(KEK) == f"KeyEncryptionKey(id={KEK.id}, version=1)"
    assert not hasattr(KEK, "__dict__")
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            leak(KEK)


def test_a_key_file_is_made_once_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    made = key_from_file(path, create=True)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made.id == key_from_file(path, create=True).id == key_from_file(path).id


@pytest.mark.parametrize(
    "content", [SECRET, SECRET.hex().encode(), SECRET.hex().upper().encode() + b"\r\n"]
)
def test_a_key_file_in_each_form(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kek"
    path.write_bytes(content)
    path.chmod(0o400)
    assert key_from_file(path).id == KEK.id


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o777])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "kek"
    path.write_bytes(SECRET)
    path.chmod(mode)
    with pytest.raises(UnreadableFile, match=f"mode {mode:04o}"):
        key_from_file(path)


def test_a_missing_key_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="cannot be read"):
        key_from_file(tmp_path / "kek")
    assert not (tmp_path / "kek").exists()


NO_KEYS = [b"", b"k" * 31, b"k" * 33, b"k" * 64, b"k" * 1000, SECRET.hex().encode() + b"00"]


@pytest.mark.parametrize("content", NO_KEYS)
def test_a_file_that_holds_no_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kek"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(UnreadableFile, match="does not hold a key") as caught:
        key_from_file(path)
    assert "path = " in shown(caught.value), "locals are in it"
    assert "kkk" not in shown(caught.value)
    assert_shows_nothing(caught.value)


def test_a_key_from_the_environment() -> None:
    assert key_from_environment("KEK", {"KEK": SECRET.hex() + "\n"}, version=3).id == KEK.id
    assert key_from_environment("KEK", {"KEK": SECRET.hex()}, version=3).version == 3


@pytest.mark.parametrize("value", ["", "k" * 32, "k" * 64, "é" * 64, SECRET.hex()[:-1]])
def test_a_variable_that_holds_no_key(value: str) -> None:
    with pytest.raises(BadInput, match="KEK does not hold a key") as caught:
        key_from_environment("KEK", {"KEK": value})
    assert_shows_nothing(caught.value)


def test_a_variable_that_is_not_set() -> None:
    with pytest.raises(BadInput, match="KEK is not set"):
        key_from_environment("KEK", {})


@pytest.mark.parametrize("content", [SECRET, SECRET.hex().encode() + b"\n"])
def test_a_key_from_a_descriptor(content: bytes) -> None:
    reading = delivering(content)
    assert key_from_descriptor(reading).id == KEK.id
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)


def test_a_descriptor_that_delivers_no_key() -> None:
    with pytest.raises(UnreadableFile, match="does not deliver a key"):
        key_from_descriptor(delivering(b"k" * 40))


def test_a_descriptor_that_is_not_open() -> None:
    reading = delivering(b"")
    os.close(reading)
    with pytest.raises(UnreadableFile, match="cannot be read"):
        key_from_descriptor(reading)


def delivering(content: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def assert_shows_nothing(error: AssayError) -> None:
    assert "kkk" not in str(error)
    assert SECRET.hex()[:16] not in str(error)
