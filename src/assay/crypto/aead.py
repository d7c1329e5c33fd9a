"""AES-256-GCM with a fresh key for every message, and a commitment to the key it came from.

From a data key and 24 random bytes of salt, HKDF-SHA-512 (its expand step, RFC 5869, 2.3) makes a
message key, a nonce and a commitment, in the manner of c2sp.org/chunked-encryption:

    message key (32) || nonce (12) || commitment (32) = HKDF-Expand(data key, label || 0x00 || salt)

So no key is ever used with two nonces or for two messages: a pair would repeat only if a 192-bit salt
did. The commitment is compared first, in constant time. AES-GCM alone does not commit to its key:
whoever knows the keys could build one ciphertext that opens to two texts. With the commitment beside
it, there is one key that opens it, and so one text.

A `DataKey` shows nothing of itself: not in a repr, not in a pickle or a copy.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from assay.errors import Tampered, Truncated, WrongKey

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
SALT_BYTES = 24
COMMITMENT_BYTES = 32
_NAME_LABEL = b"assay data key commitment v1"

RandomBytes = Callable[[int], bytes]
"""Gives that many random bytes; `os.urandom` but in tests."""


class DataKey:
    """32 secret bytes from which message keys are made."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a data key has {KEY_BYTES} bytes, not {len(secret)}")
        self._secret = bytes(secret)

    def __repr__(self) -> str:
        return "DataKey(...)"

    def __reduce__(self) -> str:
        raise TypeError("a data key is not pickled")

    def expand(self, info: bytes, length: int) -> bytes:
        """`length` bytes (at most 16,320) that this key and `info` determine: HKDF-Expand, SHA-512."""
        return HKDFExpand(SHA512(), length, info).derive(self._secret)

    def commitment(self) -> bytes:
        """32 bytes that name this key and tell nothing of it."""
        return self.expand(_NAME_LABEL, COMMITMENT_BYTES)

    def unsafe_secret(self) -> bytes:
        """The secret itself, for wrapping it under another key and for nothing else."""
        return self._secret


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """A sealed message. `data` is as long as the message and 16 bytes of tag."""

    salt: bytes
    commitment: bytes
    data: bytes


def seal(
    message: bytes,
    key: DataKey,
    *,
    label: bytes,
    associated_data: bytes,
    random: RandomBytes = os.urandom,
) -> Ciphertext:
    """Seal a message. `label` names the format, `associated_data` the place it belongs to."""
    salt = random(SALT_BYTES)
    cipher, nonce, commitment = _expanded(key, label, salt)
    data = cipher.encrypt(nonce, message, associated_data)
    return Ciphertext(salt, commitment, data)


def open_sealed(sealed: Ciphertext, key: DataKey, *, label: bytes, associated_data: bytes) -> bytes:
    """The message.

    Raises:
        Truncated: the salt or the commitment is too short, or the data shorter than a tag.
        WrongKey: another key sealed it, or its salt or commitment was changed.
        Tampered: its data were changed, or it belongs to another place.
    """
    lengths = len(sealed.salt), len(sealed.commitment)
    if lengths != (SALT_BYTES, COMMITMENT_BYTES) or len(sealed.data) < TAG_BYTES:
        raise Truncated("A sealed value is cut short.", next_step=_RESTORE)
    cipher, nonce, commitment = _expanded(key, label, sealed.salt)
    if not hmac.compare_digest(commitment, sealed.commitment):
        raise WrongKey(
            "This key did not seal the value, or the value's salt or commitment was changed.",
            next_step="Verify the log; if it is clean, open it with the key store that sealed it.",
        )
    try:
        return cipher.decrypt(nonce, sealed.data, associated_data)
    except InvalidTag:
        raise Tampered(
            "A sealed value was changed, or was taken from another place.", next_step=_RESTORE
        ) from None


_RESTORE = "Verify the log, and restore what is damaged from a copy."


def _expanded(key: DataKey, label: bytes, salt: bytes) -> tuple[AESGCM, bytes, bytes]:
    """The message key as a cipher, so that no frame of a traceback holds its bytes."""
    made = key.expand(label + b"\x00" + salt, KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES)
    ends = KEY_BYTES + NONCE_BYTES
    return AESGCM(made[:KEY_BYTES]), made[KEY_BYTES:ends], made[ends:]
