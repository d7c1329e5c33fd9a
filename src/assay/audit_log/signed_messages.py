"""What is signed about a checkpoint: its text, and the two messages of those who cosign it.

A checkpoint's text (c2sp.org/tlog-checkpoint) has three lines that are not empty (origin, tree size
in decimal, root in base64) and perhaps further ones. A log's Ed25519 key signs that text. A cosigner
signs one of two messages that also hold a time, in seconds since 1970 (c2sp.org/tlog-cosignature):

    Ed25519    cosignature/v1 LF, time <seconds> LF, the whole text
    ML-DSA-44  "subtree/v1\\n\\0", the cosigner's name, u64 time, the origin, u64 0, u64 size, root

Names have one byte of length before them, numbers are big-endian. ML-DSA-44 says nothing about
further lines of the text; a time of zero in it says nothing about the time.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from assay.audit_log.merkle import HASH_BYTES
from assay.errors import BadNote

SECONDS_MAX = 2**63 - 1
SIZE_MAX = 2**63 - 1
_NAME_BYTES_MAX = 255
_DECIMALS_MAX = 19


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The three lines of a checkpoint."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def tree_head(text: str) -> TreeHead:
    """The tree head in a checkpoint's text; further lines are signed too, and read past.

    Raises:
        BadNote: the text is not a checkpoint.
    """
    lines = text.split("\n")
    if len(lines) < 4:
        raise BadNote("The note is not a checkpoint: it has fewer than three lines.")
    if not all(lines[:-1]):
        raise BadNote("The note is not a checkpoint: it has an empty line.")
    origin, size, encoded = lines[:3]
    return TreeHead(origin, decimal(size, "The checkpoint's size"), _root(encoded))


def decimal(text: str, what: str) -> int:
    """A number of at most 2^63-1, in ASCII digits without a leading zero.

    Raises:
        BadNote: it is anything else; `what` begins the sentence.
    """
    digits = text.isascii() and text.isdecimal() and len(text) <= _DECIMALS_MAX
    if not digits or str(int(text)) != text or int(text) > SIZE_MAX:
        raise BadNote(f"{what} is not a decimal number.")
    return int(text)


def ed25519_message(at: int, text: str) -> bytes:
    """What an Ed25519 cosigner signs about a checkpoint's text."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def ml_dsa_44_message(name: str, at: int, head: TreeHead) -> bytes:
    """What an ML-DSA-44 cosigner signs about a tree head.

    Raises:
        BadNote: a name is longer than 255 bytes.
    """
    return b"".join(
        (
            b"subtree/v1\n\x00",
            _with_length(name),
            at.to_bytes(8, "big"),
            _with_length(head.origin),
            bytes(8),
            head.size.to_bytes(8, "big"),
            head.root,
        )
    )


def _with_length(name: str) -> bytes:
    raw = name.encode()
    if len(raw) > _NAME_BYTES_MAX:
        raise BadNote("A name in an ML-DSA-44 signature is longer than 255 bytes.")
    return bytes([len(raw)]) + raw


def _root(encoded: str) -> bytes:
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("The checkpoint's root is not base64.") from error
    if len(root) != HASH_BYTES or base64.b64encode(root).decode() != encoded:
        raise BadNote("The checkpoint's root is not a SHA-256 hash.")
    return root
