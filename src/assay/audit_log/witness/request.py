"""What a log asks a witness (c2sp.org/tlog-witness): the body of `add-checkpoint`.

    old <size that the witness cosigned last, in decimal>
    <base64 of a hash>         from the consistency proof (RFC 6962, 2.1.2), at most 63, perhaps none
    <empty line>
    <the checkpoint, verbatim with its signatures>

Every line ends in a line feed. The proof is of the growth from the old size to the checkpoint's; it
is empty where the old size is zero, for an empty tree is the start of any other. Nothing is verified
here.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from assay.audit_log.merkle import HASH_BYTES
from assay.audit_log.proofs import TileReader, consistency_proof
from assay.audit_log.signed_messages import decimal
from assay.errors import BadNote, BadProof
from assay.vocabulary import Checkpoint

ADD_CHECKPOINT = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
HASHES_MAX = 63
BODY_BYTES_MAX = 256 << 10
"""Room for 63 hashes and 70 ML-DSA-44 signatures."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request. `note` is the checkpoint, verbatim."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str

    def __bytes__(self) -> bytes:
        hashes = [base64.b64encode(node).decode() for node in self.proof]
        return "\n".join([f"old {self.old_size}", *hashes, "", self.note]).encode()


def request_for(tiles: TileReader, checkpoint: Checkpoint, old_size: int) -> AddCheckpoint:
    """The request of a log whose witness cosigned `old_size` entries last.

    Raises:
        LogError: the log is not that long.
        LogDamaged: a tile does not have the bytes that it must have.
    """
    proof = consistency_proof(tiles, old_size, checkpoint.size) if old_size else ()
    return AddCheckpoint(old_size, proof, checkpoint.note)


def parse_request(body: bytes) -> AddCheckpoint:
    """The request with this body.

    Raises:
        BadProof: it is malformed.
    """
    if len(body) > BODY_BYTES_MAX:
        raise BadProof(f"The request is longer than {BODY_BYTES_MAX} bytes.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadProof("The request is not UTF-8.") from error
    head, separator, note = text.partition("\n\n")
    if not separator:
        raise BadProof("The request has no checkpoint after an empty line.")
    first, *lines = head.split("\n")
    if not first.startswith("old "):
        raise BadProof("The request does not begin with `old` and a size.")
    if len(lines) > HASHES_MAX:
        raise BadProof(f"The request has more than {HASHES_MAX} hashes.")
    try:
        old_size = decimal(first.removeprefix("old "), "The old size")
    except BadNote as error:
        raise BadProof(error.message) from error
    return AddCheckpoint(old_size, tuple(map(_hash, lines)), note)


def _hash(line: str) -> bytes:
    try:
        node = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadProof("A hash of the request is not base64.") from error
    if len(node) != HASH_BYTES or base64.b64encode(node).decode() != line:
        raise BadProof("A hash of the request is not 32 bytes in base64.")
    return node
