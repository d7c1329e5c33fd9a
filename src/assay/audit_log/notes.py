"""Signed notes (c2sp.org/signed-note): a text, an empty line, and signature lines.

    <text, ending in a line feed>
    <empty line>
    — <key name> <base64(4-byte key id || signature)>

The key id is the first four bytes of SHA-256(name || 0x0A || type || public key). Three types are
known here; the last two are cosignatures (c2sp.org/tlog-cosignature), whose signature begins with
a time:

    0x01  Ed25519      64 bytes over the text
    0x04  Ed25519      u64 seconds || 64 bytes over the cosigner's message
    0x06  ML-DSA-44    u64 seconds || 2420 bytes over the cosigner's message

A verifier ignores signatures of keys that it does not know; one of a key that it does know must
hold, and at least one known signature must be there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from assay.audit_log.signed_messages import (
    SECONDS_MAX,
    ed25519_message,
    ml_dsa_44_message,
    tree_head,
)
from assay.crypto.signing import (
    ED25519_PUBLIC_BYTES,
    ED25519_SIGNATURE_BYTES,
    ML_DSA_44_PUBLIC_BYTES,
    ML_DSA_44_SIGNATURE_BYTES,
    MlDsa44Key,
    SigningKey,
    ml_dsa_44_signature_holds,
    signature_holds,
)
from assay.errors import BadNote

NOTE_BYTES_MAX = 1_000_000
_SIGNATURES_MAX = 100
_ID_BYTES = 4
_TIME_BYTES = 8


class KeyType(IntEnum):
    """What a key signs; the byte that names it in key ids and verifier keys."""

    ED25519 = 0x01
    ED25519_COSIGNATURE = 0x04
    ML_DSA_44_COSIGNATURE = 0x06


_PUBLIC_BYTES = {
    KeyType.ED25519: ED25519_PUBLIC_BYTES,
    KeyType.ED25519_COSIGNATURE: ED25519_PUBLIC_BYTES,
    KeyType.ML_DSA_44_COSIGNATURE: ML_DSA_44_PUBLIC_BYTES,
}
_SIGNATURE_BYTES = {
    KeyType.ED25519: ED25519_SIGNATURE_BYTES,
    KeyType.ED25519_COSIGNATURE: _TIME_BYTES + ED25519_SIGNATURE_BYTES,
    KeyType.ML_DSA_44_COSIGNATURE: _TIME_BYTES + ML_DSA_44_SIGNATURE_BYTES,
}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name; as text `name+keyid+base64(type || key)`."""

    name: str
    public_bytes: bytes
    type: KeyType = KeyType.ED25519

    @property
    def key_id(self) -> bytes:
        """Four bytes that name the key in a signature line."""
        preimage = self.name.encode() + b"\n" + bytes([self.type]) + self.public_bytes
        return hashlib.sha256(preimage).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.type]) + self.public_bytes).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that holds. `at` is the cosigner's time in seconds since 1970, if it has one."""

    key: VerifierKey
    at: int | None


def parse_verifier_key(text: str) -> VerifierKey:
    """The key whose text this is.

    Raises:
        BadNote: malformed, of a type that is not known here, or with a key id that is not its own.
    """
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("The verifier key is not base64.") from error
    type_ = next((known for known in KeyType if raw[:1] == bytes([known])), None)
    if type_ is None or len(raw) != 1 + _PUBLIC_BYTES[type_]:
        raise BadNote(
            "The verifier key is not an Ed25519 key, nor an Ed25519 or ML-DSA-44 cosigner's."
        )
    key = VerifierKey(name, raw[1:], type_)
    if not _name_is_good(name) or key.key_id.hex() != key_id:
        raise BadNote("The verifier key's name and id do not belong together.")
    return key


def cosigner_key(name: str, key: SigningKey | MlDsa44Key) -> VerifierKey:
    """The verifier key of one who cosigns."""
    is_ed25519 = isinstance(key, SigningKey)
    type_ = KeyType.ED25519_COSIGNATURE if is_ed25519 else KeyType.ML_DSA_44_COSIGNATURE
    return VerifierKey(name, key.public_bytes, type_)


def sign_note(text: str, name: str, key: SigningKey) -> str:
    """The note of this text, signed by one key.

    Raises:
        BadNote: the text does not end in a line feed or holds control characters, or the name holds
            a space or a plus.
    """
    _check_text(text)
    verifier = VerifierKey(name, key.public_bytes)
    return f"{text}\n{_line(verifier, key.sign(text.encode()))}"


def cosign(note: str, name: str, key: SigningKey | MlDsa44Key, at: int) -> str:
    """The signature line, with its line feed, by which one more says it saw the note's checkpoint.

    `at` is the time in seconds since 1970; only an ML-DSA-44 key may leave it at zero. Whoever
    cosigns has verified the note before.

    Raises:
        BadNote: the note is malformed or no checkpoint, or the name or the time cannot be.
    """
    text, _ = split_note(note)
    head = tree_head(text)
    least = 1 if isinstance(key, SigningKey) else 0
    if not least <= at <= SECONDS_MAX:
        raise BadNote(f"A cosignature's time is from {least} to 2^63-1 seconds, not {at}.")
    if isinstance(key, SigningKey):
        message = ed25519_message(at, text)
    else:
        message = ml_dsa_44_message(name, at, head)
    return _line(cosigner_key(name, key), at.to_bytes(_TIME_BYTES, "big") + key.sign(message))


def with_signatures(note: str, lines: Sequence[str]) -> str:
    """The note with these signature lines after its own; a line that it has already stays once.

    Raises:
        BadNote: the note or a line is malformed, or there would be too many.
    """
    there = split_note(note)[1]
    added = dict.fromkeys(line for line in lines if line not in there)
    joined = note + "".join(added)
    if any(line.count("\n") != 1 or not line.endswith("\n") for line in added):
        raise BadNote("A signature line is not one line that ends in a line feed.")
    for line in split_note(joined)[1]:
        _parsed(line)
    return joined


def open_note(note: str, *known: VerifierKey) -> str:
    """The text of a note that at least one known key signed.

    Raises:
        BadNote: malformed, a known key's signature is wrong, or no known key signed.
    """
    signatures_of(note, *known)
    return split_note(note)[0]


def signatures_of(note: str, *known: VerifierKey) -> tuple[Signature, ...]:
    """The signatures of known keys, all of which hold, in the order of their lines; at least one.

    Raises:
        BadNote: malformed, a known key's signature is wrong, or no known key signed.
    """
    text, lines = split_note(note)
    found = tuple(signature for line in lines for signature in _signatures(line, text, known))
    if not found:
        raise BadNote("No key that is known here signed the note.")
    return found


def split_note(note: str) -> tuple[str, list[str]]:
    """The text of a note and its signature lines, each with its line feed; nothing is verified.

    Raises:
        BadNote: it is not a note.
    """
    if len(note.encode("utf-8", "surrogatepass")) > NOTE_BYTES_MAX:
        raise BadNote("The note is longer than a million bytes.")
    body, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise BadNote("The note has no signatures.")
    text, lines = body + "\n", [line + "\n" for line in tail[:-1].split("\n")]
    _check_text(text)
    if len(lines) > _SIGNATURES_MAX:
        raise BadNote(f"The note has more than {_SIGNATURES_MAX} signatures.")
    return text, lines


def _line(key: VerifierKey, signature: bytes) -> str:
    if not _name_is_good(key.name):
        raise BadNote(f"{key.name!r} cannot name a key.")
    return f"— {key.name} {base64.b64encode(key.key_id + signature).decode()}\n"


def _signatures(line: str, text: str, known: tuple[VerifierKey, ...]) -> Iterator[Signature]:
    name, raw = _parsed(line)
    for key in dict.fromkeys(known):
        if key.name == name and key.key_id == raw[:_ID_BYTES]:
            yield _verified(key, raw[_ID_BYTES:], text)


def _verified(key: VerifierKey, signature: bytes, text: str) -> Signature:
    at = int.from_bytes(signature[:_TIME_BYTES], "big")
    bare = signature[_TIME_BYTES:]
    if len(signature) != _SIGNATURE_BYTES[key.type]:
        holds = False
    elif key.type is KeyType.ED25519:
        holds = signature_holds(key.public_bytes, signature, text.encode())
    elif at > SECONDS_MAX:
        holds = False
    elif key.type is KeyType.ED25519_COSIGNATURE:
        tree_head(text)
        holds = signature_holds(key.public_bytes, bare, ed25519_message(at, text))
    else:
        message = ml_dsa_44_message(key.name, at, tree_head(text))
        holds = ml_dsa_44_signature_holds(key.public_bytes, bare, message)
    if not holds:
        raise BadNote(f"The signature of {key.name} does not hold.")
    return Signature(key, None if key.type is KeyType.ED25519 else at)


def _parsed(line: str) -> tuple[str, bytes]:
    """The name and the bytes of a signature line."""
    if not line.startswith("— ") or line.count(" ") != 2 or not line.endswith("\n"):
        raise BadNote("A signature line of the note is malformed.")
    _, name, encoded = line[:-1].split(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("A signature of the note is not base64.") from error
    if base64.b64encode(raw).decode() != encoded or len(raw) <= _ID_BYTES:
        raise BadNote("A signature of the note is malformed.")
    if not _name_is_good(name):
        raise BadNote("A signature line of the note names no key.")
    return name, raw


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise BadNote("A note's text ends in a line feed.")
    if any(_is_control(character) for character in text if character != "\n"):
        raise BadNote("A note's text holds no control characters, and no bytes that are not UTF-8.")


def _name_is_good(name: str) -> bool:
    return bool(name) and not any(c == "+" or c.isspace() or _is_control(c) for c in name)


def _is_control(character: str) -> bool:
    """Also half a surrogate pair, which is how bytes that are not UTF-8 are read."""
    return character < " " or "\ud800" <= character <= "\udfff"
