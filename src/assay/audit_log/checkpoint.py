"""Checkpoints (c2sp.org/tlog-checkpoint): a log's signed promise of its size and root.

The note's text has three lines: origin, tree size in decimal, root in base64. Extension lines are
read past and kept, for they are signed too. A log signs with Ed25519 and, where it has such a key,
with ML-DSA-44 beside it; both keys are named like the origin.
"""

from __future__ import annotations

from assay.audit_log.notes import VerifierKey, cosign, open_note, sign_note, with_signatures
from assay.audit_log.signed_messages import TreeHead, tree_head
from assay.crypto.signing import MlDsa44Key, SigningKey
from assay.errors import BadNote
from assay.vocabulary import Checkpoint


def sign_checkpoint(
    origin: str,
    size: int,
    root: bytes,
    key: SigningKey,
    *,
    beside: MlDsa44Key | None = None,
    at: int = 0,
) -> Checkpoint:
    """The checkpoint of a tree; the keys are named like the origin, as the format asks.

    `at` is the time in seconds since 1970 that the signature of the key `beside` states: that no
    larger tree was there then. Zero states nothing.
    """
    note = sign_note(TreeHead(origin, size, root).text, origin, key)
    if beside is not None:
        note = with_signatures(note, [cosign(note, origin, beside, at)])
    return Checkpoint(origin, size, root, note)


def open_checkpoint(note: str, key: VerifierKey, *also: VerifierKey) -> Checkpoint:
    """The checkpoint in a note that `key`, or one of the others, signed.

    Raises:
        BadNote: a signature is wrong, or the text is not a checkpoint of the key's origin.
    """
    head = tree_head(open_note(note, key, *also))
    if head.origin != key.name:
        raise BadNote(f"The checkpoint is of {head.origin!r}, not of {key.name!r}.")
    return Checkpoint(head.origin, head.size, head.root, note)
