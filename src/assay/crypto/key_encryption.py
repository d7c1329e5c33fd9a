"""Keys that wrap other keys (NIST SP 800-57, 5.1.1), from a file, the environment or a descriptor.

What a store of wrapped keys needs of a key-encryption key is the protocol `KeyWrapper`: an id and a
version, kept beside every wrapped key, and the two calls `wrap` and `unwrap`. Here it is 32 bytes in
this process; a keyring or a key service can stand in its place.

Wrapping is AES-256-GCM with a random 96-bit nonce: 12 bytes nonce, 32 bytes of key, 16 bytes of tag.
One such key may wrap 2^32 keys (NIST SP 800-38D, 8.3). The id is eight bytes that HKDF makes of the
key, so that a wrong key is named as one before it is tried.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from assay.atomic import write_atomically
from assay.crypto.aead import KEY_BYTES, NONCE_BYTES, TAG_BYTES, DataKey, RandomBytes
from assay.errors import BadInput, Tampered, Truncated, UnreadableFile

WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
_ID_LABEL = b"assay key-encryption key id v1"
_FORM = "32 random bytes, or 64 hexadecimal digits of them (`openssl rand -hex 32` makes some)"


class KeyWrapper(Protocol):
    """Wraps and unwraps data keys under one version of one key-encryption key."""

    @property
    def id(self) -> str:
        """The key's name, safe to show."""

    @property
    def version(self) -> int:
        """Which of the key's versions; they count from 1."""

    def wrap(self, key: DataKey, associated_data: bytes) -> bytes:
        """The key, wrapped for the place that `associated_data` names."""

    def unwrap(self, wrapped: bytes, associated_data: bytes) -> DataKey:
        """The key again.

        Raises:
            Truncated: it is cut short.
            Tampered: it was changed, was wrapped for another place, or by another key.
        """


class KeyEncryptionKey:
    """A key-encryption key in this process. It shows nothing but its id and version."""

    __slots__ = ("_cipher", "_id", "_random", "_version")

    def __init__(
        self, secret: bytes, *, version: int = 1, random: RandomBytes = os.urandom
    ) -> None:
        self._id = DataKey(secret).expand(_ID_LABEL, 8).hex()
        self._cipher = AESGCM(secret)
        self._version = version
        self._random = random

    def __repr__(self) -> str:
        return f"KeyEncryptionKey(id={self._id}, version={self._version})"

    def __reduce__(self) -> str:
        raise TypeError("a key-encryption key is not pickled")

    @property
    def id(self) -> str:
        """16 hexadecimal digits."""
        return self._id

    @property
    def version(self) -> int:
        """Which of the key's versions."""
        return self._version

    def wrap(self, key: DataKey, associated_data: bytes) -> bytes:
        """The key wrapped, 60 bytes."""
        nonce = self._random(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key.unsafe_secret(), associated_data)

    def unwrap(self, wrapped: bytes, associated_data: bytes) -> DataKey:
        """The key again.

        Raises:
            Truncated: it is not 60 bytes long.
            Tampered: it was changed, was wrapped for another place, or by another key.
        """
        if len(wrapped) != WRAPPED_BYTES:
            raise Truncated(
                f"A wrapped key has {len(wrapped)} bytes instead of {WRAPPED_BYTES}.",
                next_step="Restore the key store from a copy.",
            )
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return DataKey(self._cipher.decrypt(nonce, sealed, associated_data))
        except InvalidTag:
            raise Tampered(
                f"A wrapped key was changed, or key-encryption key {self._id} did not wrap it.",
                next_step="Restore the key store from a copy, or give the key that wrapped it.",
            ) from None


def key_from_file(path: Path, *, create: bool = False, version: int = 1) -> KeyEncryptionKey:
    """The key in a file that only its owner may read; made at random, mode 0600, if `create`.

    Raises:
        UnreadableFile: missing, not permitted, open to other accounts, or not of the form.
        NotWritable, DiskFull: it cannot be made.
    """
    if create and not path.exists():
        write_atomically(path, os.urandom(KEY_BYTES))
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            key = _key_in(stream.read(4 * KEY_BYTES), version)
    except OSError as error:
        raise UnreadableFile(
            f"The key file {path} cannot be read ({error.strerror}).",
            next_step="Restore it from your copy; without it what it protects stays unreadable.",
        ) from error
    if mode & 0o077:
        raise UnreadableFile(
            f"The key file {path} has mode {mode:04o}: other accounts may use it.",
            next_step=f"Run chmod 0600 {path}; if others have read it, make a new key and rewrap.",
        )
    if key is None:
        raise UnreadableFile(
            f"The key file {path} does not hold a key.", next_step=f"It holds {_FORM}."
        )
    return key


def key_from_environment(
    name: str, environment: Mapping[str, str] = os.environ, *, version: int = 1
) -> KeyEncryptionKey:
    """The key in an environment variable, 64 hexadecimal digits.

    Every child process inherits it; prefer a file or a descriptor where you can.

    Raises:
        BadInput: the variable is not set, or not of the form.
    """
    if name not in environment:
        raise BadInput(
            f"The environment variable {name} is not set.", next_step=f"Set it to {_FORM}."
        )
    key = _key_in(environment[name].encode("utf-8", "replace"), version, raw=False)
    if key is None:
        raise BadInput(
            f"The environment variable {name} does not hold a key.",
            next_step="It holds 64 hexadecimal digits: `openssl rand -hex 32` makes some.",
        )
    return key


def key_from_descriptor(descriptor: int, *, version: int = 1) -> KeyEncryptionKey:
    """The key that an open file descriptor (a pipe, say) delivers; it is read to its end and closed.

    Raises:
        UnreadableFile: it cannot be read, or does not deliver a key.
    """
    try:
        with os.fdopen(descriptor, "rb") as stream:
            key = _key_in(stream.read(4 * KEY_BYTES), version)
    except OSError as error:
        raise UnreadableFile(
            f"File descriptor {descriptor} cannot be read ({error.strerror}).",
            next_step="Hand the key over on a descriptor that is open for reading.",
        ) from error
    if key is None:
        raise UnreadableFile(
            f"File descriptor {descriptor} does not deliver a key.",
            next_step=f"It delivers {_FORM}.",
        )
    return key


def _key_in(data: bytes, version: int, *, raw: bool = True) -> KeyEncryptionKey | None:
    """Its bytes stay in this frame, which raises nothing that a traceback could show them with."""
    if raw and len(data) == KEY_BYTES:
        return KeyEncryptionKey(data, version=version)
    digits = data.rstrip(b"\r\n")
    if len(digits) != 2 * KEY_BYTES:
        return None
    try:
        return KeyEncryptionKey(bytes.fromhex(digits.decode("ascii")), version=version)
    except ValueError:
        return None
