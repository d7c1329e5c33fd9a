"""Checkpoints (c2sp.org/tlog-checkpoint): a log's signed promise of its size and root.

The note's text has three lines: origin, tree size in decimal, root in base64. Extension lines are
read past and kept, for they are signed too.
"""

from __future__ import annotations

import base64
import binascii

from assay.audit_log.merkle import HASH_BYTES
from assay.audit_log.notes import VerifierKey, open_note, sign_note
from assay.crypto.signing import SigningKey
from assay.errors import BadNote
from assay.vocabulary import Checkpoint


def sign_checkpoint(origin: str, size: int, root: bytes, key: SigningKey) -> Checkpoint:
    """The checkpoint of a tree; the key is named like the origin, as the format asks."""
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    return Checkpoint(origin, size, root, sign_note(text, origin, key))


def open_checkpoint(note: str, key: VerifierKey) -> Checkpoint:
    """The checkpoint in a note that this key signed.

    Raises:
        BadNote: the signature is wrong, or the text is not a checkpoint of the key's origin.
    """
    lines = open_note(note, key).split("\n")
    if len(lines) < 4:
        raise BadNote("The note is not a checkpoint: it has fewer than three lines.")
    origin, size, encoded = lines[:3]
    if origin != key.name:
        raise BadNote(f"The checkpoint is of {origin!r}, not of {key.name!r}.")
    if not (size.isascii() and size.isdecimal()) or str(int(size)) != size:
        raise BadNote("The checkpoint's size is not a decimal number.")
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("The checkpoint's root is not base64.") from error
    if len(root) != HASH_BYTES or base64.b64encode(root).decode() != encoded:
        raise BadNote("The checkpoint's root is not a SHA-256 hash.")
    return Checkpoint(origin, int(size), root, note)
