"""Who signs a log's checkpoints: its own keys, and whoever cosigns what is published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assay.audit_log.checkpoint import sign_checkpoint
from assay.audit_log.merkle import CompactRange
from assay.audit_log.notes import VerifierKey, with_signatures
from assay.crypto.signing import MlDsa44Key, SigningKey
from assay.vocabulary import Checkpoint

Cosigners = Callable[[Checkpoint], Sequence[str]]
"""Gives the signature lines of witnesses for a checkpoint; raises where fewer than needed answer."""


def no_cosigners(_: Checkpoint) -> Sequence[str]:
    """For a log that nobody witnesses."""
    return ()


@dataclass(frozen=True, slots=True)
class LogSigner:
    """A log's origin and keys. The head is signed in every commit, with Ed25519 alone, which takes
    microseconds; a published checkpoint carries ML-DSA-44 and the witnesses' cosignatures beside it.
    """

    origin: str
    key: SigningKey
    beside: MlDsa44Key | None = None
    cosigners: Cosigners = no_cosigners

    @property
    def verifier(self) -> VerifierKey:
        """The public half of the log's Ed25519 key."""
        return VerifierKey(self.origin, self.key.public_bytes)

    @property
    def is_cosigned(self) -> bool:
        """Whether witnesses are asked before a checkpoint is published."""
        return self.cosigners is not no_cosigners

    def head(self, tree: CompactRange) -> str:
        """The note of a head."""
        return sign_checkpoint(self.origin, tree.size, tree.root, self.key).note

    def published(self, size: int, root: bytes, at: int) -> Checkpoint:
        """A checkpoint to publish; `at` in seconds since 1970.

        Raises:
            LogError: too few witnesses cosigned.
        """
        own = sign_checkpoint(self.origin, size, root, self.key, beside=self.beside, at=at)
        lines = self.cosigners(own)
        return (
            Checkpoint(own.origin, size, root, with_signatures(own.note, lines)) if lines else own
        )
