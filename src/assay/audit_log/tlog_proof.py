"""Proof bundles (c2sp.org/tlog-proof, `.tlog-proof`): one entry is in a log, verified offline.

    c2sp.org/tlog-proof@v1
    extra <base64>             perhaps; nothing vouches for it
    index <decimal>
    <base64 of a hash>         from leaf to root, perhaps none
    <empty line>
    <the checkpoint, verbatim with all its signatures>

The entry itself is not in it. To verify: hash the entry, accept the checkpoint by a policy
(`trust.py`), and follow the hashes from the leaf to the checkpoint's root.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from assay.audit_log.merkle import HASH_BYTES, inclusion_holds, leaf_hash
from assay.audit_log.notes import NOTE_BYTES_MAX
from assay.audit_log.proofs import TileReader, inclusion_proof
from assay.audit_log.signed_messages import decimal
from assay.audit_log.trust import Trust, Trusted, trusted_checkpoint
from assay.errors import BadNote, BadProof
from assay.vocabulary import Checkpoint

SUFFIX = ".tlog-proof"
EXTRA_BYTES_MAX = 65_536
_HEADER = "c2sp.org/tlog-proof@v1"
_HASHES_MAX = 63
_TEXT_BYTES_MAX = NOTE_BYTES_MAX + 100_000


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A proof bundle: the hashes run from leaf to root, `note` is the checkpoint verbatim."""

    index: int
    hashes: tuple[bytes, ...]
    note: str
    extra: bytes | None = None

    def __str__(self) -> str:
        lines = [_HEADER]
        if self.extra is not None:
            lines.append(f"extra {_base64(self.extra)}")
        lines.append(f"index {self.index}")
        return "\n".join([*lines, *map(_base64, self.hashes), "", self.note])


def prove(
    tiles: TileReader, checkpoint: Checkpoint, index: int, extra: bytes | None = None
) -> TlogProof:
    """The proof that entry `index` is in the log that the checkpoint was signed for.

    Raises:
        LogError: the checkpoint does not cover the entry.
        LogDamaged: a tile does not have the bytes that it must have.
    """
    hashes = inclusion_proof(tiles, index, checkpoint.size)
    return TlogProof(index, hashes, checkpoint.note, extra)


def parse_proof(text: str) -> TlogProof:
    """The proof bundle with this text; nothing is verified yet.

    Raises:
        BadProof: it is malformed.
    """
    if len(text) > _TEXT_BYTES_MAX:
        raise BadProof("The proof is longer than a million bytes.")
    head, separator, note = text.partition("\n\n")
    if not separator:
        raise BadProof("The proof has no checkpoint.", next_step="Copy the whole file.")
    lines = head.split("\n")
    if lines.pop(0) != _HEADER:
        raise BadProof(f"The text is not a proof: it does not begin with {_HEADER}.")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _decoded(lines.pop(0).removeprefix("extra "), "The proof's extra data")
        if len(extra) > EXTRA_BYTES_MAX:
            raise BadProof(f"The proof has more than {EXTRA_BYTES_MAX} bytes of extra data.")
    if not lines or not lines[0].startswith("index "):
        raise BadProof("The proof does not say the index of its entry.")
    index = _index(lines.pop(0).removeprefix("index "))
    if len(lines) > _HASHES_MAX:
        raise BadProof(f"The proof has more than {_HASHES_MAX} hashes.")
    hashes = tuple(_decoded(line, "A hash of the proof") for line in lines)
    if any(len(node) != HASH_BYTES for node in hashes):
        raise BadProof("A hash of the proof is not 32 bytes long.")
    return TlogProof(index, hashes, note, extra)


def verify_bundle(text: str, entry: bytes, trust: Trust, *, now: int | None = None) -> Trusted:
    """The checkpoint, accepted by the policy, of a log that has this entry where the proof says.

    `now` is the verifier's clock in seconds since 1970; None where it has none.

    Raises:
        BadProof: malformed, or the entry is not at that place of the log.
        NotTrusted, BadNote: the policy does not accept the checkpoint.
    """
    proof = parse_proof(text)
    trusted = trusted_checkpoint(proof.note, trust, now=now)
    size, root = trusted.checkpoint.size, trusted.checkpoint.root
    if not inclusion_holds(leaf_hash(entry), proof.index, size, proof.hashes, root):
        raise BadProof(
            f"The proof does not show that this is entry {proof.index} of the log at size {size}.",
            next_step="Check that the entry's bytes are those that were logged, without a line feed.",
        )
    return trusted


def _index(text: str) -> int:
    try:
        return decimal(text, "The proof's index")
    except BadNote as error:
        raise BadProof(error.message) from error


def _decoded(text: str, what: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadProof(f"{what} is not base64.") from error
    if _base64(raw) != text:
        raise BadProof(f"{what} is not base64 in its one form.")
    return raw


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
