"""Signing keys of our own: made, kept in a file that only its owner can read, and never shown.

Ed25519 is RFC 8032, ML-DSA-44 is FIPS 204 with an empty context, both as `cryptography` implements
them; the second stays safe should quantum computers break the first. Both keys come from 32 secret
bytes; one secret serves one key. What is signed is the business of `audit_log/notes.py`; this file
only makes and keeps keys. A key object refuses to be pickled and shows nothing of itself in a
traceback.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from assay.atomic import write_atomically
from assay.errors import UnreadableFile

SEED_BYTES = 32
ED25519_PUBLIC_BYTES = 32
ED25519_SIGNATURE_BYTES = 64
ML_DSA_44_PUBLIC_BYTES = 1312
ML_DSA_44_SIGNATURE_BYTES = 2420
KEY_FILE_MODE = 0o600


class SigningKey:
    """An Ed25519 private key."""

    __slots__ = ("_private",)

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)

    def __repr__(self) -> str:
        return "SigningKey(...)"

    def __reduce__(self) -> str:
        raise TypeError("a signing key is not pickled")

    @property
    def public_bytes(self) -> bytes:
        """The public key, 32 bytes."""
        return self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(message)


class MlDsa44Key:
    """An ML-DSA-44 private key. Its signatures are randomised: two of one message differ."""

    __slots__ = ("_private",)

    def __init__(self, seed: bytes) -> None:
        self._private = MLDSA44PrivateKey.from_seed_bytes(seed)

    def __repr__(self) -> str:
        return "MlDsa44Key(...)"

    def __reduce__(self) -> str:
        raise TypeError("a signing key is not pickled")

    @property
    def public_bytes(self) -> bytes:
        """The public key, 1312 bytes."""
        return self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature, 2420 bytes."""
        return self._private.sign(message)


def signature_holds(public_bytes: bytes, signature: bytes, message: bytes) -> bool:
    """Whether this is the key's signature of the message; malformed input is simply False."""
    try:
        Ed25519PublicKey.from_public_bytes(public_bytes).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def ml_dsa_44_signature_holds(public_bytes: bytes, signature: bytes, message: bytes) -> bool:
    """Whether this is the key's signature of the message; malformed input is simply False."""
    try:
        MLDSA44PublicKey.from_public_bytes(public_bytes).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def secret_from_file(path: Path, *, create: bool) -> bytes:
    """The 32 secret bytes in a file; made at random, mode 0600, if there is none and `create`.

    Raises:
        UnreadableFile: missing, not permitted, or not 32 bytes.
        NotWritable: it cannot be made.
    """
    if create and not path.exists():
        secret = os.urandom(SEED_BYTES)
        write_atomically(path, secret, mode=KEY_FILE_MODE)
        return secret
    try:
        secret = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(
            f"The key file {path} cannot be read ({error.strerror}).",
            next_step="Restore it from your copy; without it nothing new can be signed.",
        ) from error
    if len(secret) != SEED_BYTES:
        raise UnreadableFile(
            f"The key file {path} holds {len(secret)} bytes instead of {SEED_BYTES}.",
            next_step="Restore it from your copy.",
        )
    return secret
