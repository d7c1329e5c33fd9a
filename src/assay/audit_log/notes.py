"""Signed notes (c2sp.org/signed-note): a text, an empty line, and signature lines.

    <text, ending in a line feed>
    <empty line>
    — <key name> <base64(4-byte key id || signature)>

The key id is the first four bytes of SHA-256(name || 0x0A || type || public key), the type 0x01 for
Ed25519. A verifier ignores signatures of keys that it does not know; one of a key that it does know
must hold, and at least one known signature must be there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from assay.crypto.signing import SigningKey, signature_holds
from assay.errors import BadNote

_ED25519 = b"\x01"
_ID_BYTES = 4
_MAX_NOTE_BYTES = 1_000_000
_MAX_SIGNATURES = 100


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public Ed25519 key with its name; as text `name+keyid+base64(type || key)`."""

    name: str
    public_bytes: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that name the key in a signature line."""
        preimage = self.name.encode() + b"\n" + _ED25519 + self.public_bytes
        return hashlib.sha256(preimage).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        encoded = base64.b64encode(_ED25519 + self.public_bytes).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


def parse_verifier_key(text: str) -> VerifierKey:
    """The key whose text this is.

    Raises:
        BadNote: malformed, of another type than Ed25519, or with a key id that is not its own.
    """
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise BadNote("The verifier key is not base64.") from error
    if raw[:1] != _ED25519 or len(raw) != 33:
        raise BadNote("The verifier key is not an Ed25519 key.")
    key = VerifierKey(name, raw[1:])
    if not _name_is_good(name) or key.key_id.hex() != key_id:
        raise BadNote("The verifier key's name and id do not belong together.")
    return key


def sign_note(text: str, name: str, key: SigningKey) -> str:
    """The note of this text, signed by one key.

    Raises:
        BadNote: the text does not end in a line feed or holds control characters, or the name holds
            a space or a plus.
    """
    _check_text(text)
    if not _name_is_good(name):
        raise BadNote(f"{name!r} cannot name a key.")
    verifier = VerifierKey(name, key.public_bytes)
    signature = verifier.key_id + key.sign(text.encode())
    return f"{text}\n— {name} {base64.b64encode(signature).decode()}\n"


def open_note(note: str, *known: VerifierKey) -> str:
    """The text of a note that at least one known key signed.

    Raises:
        BadNote: malformed, a known key's signature is wrong, or no known key signed.
    """
    if len(note.encode("utf-8", "surrogatepass")) > _MAX_NOTE_BYTES:
        raise BadNote("The note is longer than a million bytes.")
    body, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise BadNote("The note has no signatures.")
    text, lines = body + "\n", tail[:-1].split("\n")
    _check_text(text)
    if len(lines) > _MAX_SIGNATURES:
        raise BadNote(f"The note has more than {_MAX_SIGNATURES} signatures.")
    verified = [_known_signature_holds(line, text, known) for line in lines]
    if not any(verified):
        raise BadNote("No key that is known here signed the note.")
    return text


def _known_signature_holds(line: str, text: str, known: tuple[VerifierKey, ...]) -> bool:
    if not line.startswith("— ") or line.count(" ") != 2:
        raise BadNote("A signature line of the note is malformed.")
    _, name, encoded = line.split(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("A signature of the note is not base64.") from error
    if base64.b64encode(raw).decode() != encoded or len(raw) <= _ID_BYTES:
        raise BadNote("A signature of the note is malformed.")
    for key in known:
        if key.name == name and key.key_id == raw[:_ID_BYTES]:
            if not signature_holds(key.public_bytes, raw[_ID_BYTES:], text.encode()):
                raise BadNote(f"The signature of {name} does not hold.")
            return True
    return False


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise BadNote("A note's text ends in a line feed.")
    if any(ord(character) < 0x20 and character != "\n" for character in text):
        raise BadNote("A note's text holds no control characters.")


def _name_is_good(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)
