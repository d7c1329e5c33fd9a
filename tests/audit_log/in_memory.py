"""A log in memory, with the reader's interface: for what reads a log and cares not where it lives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from assay.audit_log.checkpoint import sign_checkpoint
from assay.audit_log.merkle import CompactRange, leaf_hash
from assay.audit_log.notes import KeyType, VerifierKey, cosigner_key
from assay.audit_log.trust import Trust
from assay.canonical import digest
from assay.crypto.signing import MlDsa44Key, SigningKey
from assay.errors import LogError

ORIGIN = "example.com/log"
KEY = SigningKey(bytes(range(32)))
BESIDE = MlDsa44Key(bytes(range(32, 64)))
VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)
BESIDE_VERIFIER = VerifierKey(ORIGIN, BESIDE.public_bytes, KeyType.ML_DSA_44_COSIGNATURE)
TRUST = Trust((VERIFIER, BESIDE_VERIFIER))
AT = 1_795_348_800
"""2026-11-22T12:00:00Z."""

WITNESS = SigningKey(b"\x01" * 32)
WITNESS_VERIFIER = cosigner_key("witness.example.com/one", WITNESS)
OTHER_WITNESS = MlDsa44Key(b"\x02" * 32)
OTHER_WITNESS_VERIFIER = cosigner_key("witness.example.com/two", OTHER_WITNESS)


class MemoryLog:
    """Entries in a list; a new checkpoint is published by `publish`."""

    def __init__(self, entries: Sequence[bytes] = (), cited: Sequence[bytes] = ()) -> None:
        self.list = list(entries)
        self.cited = {digest(data): data for data in cited}
        self.published: list[str] = []
        self._rows: dict[int, list[bytes]] = {}
        self._tree = CompactRange()

    @property
    def size(self) -> int:
        return len(self.list)

    @property
    def tree(self) -> CompactRange:
        """The tree of all entries; the rows of tiles grow with it."""
        leaves = [leaf_hash(entry) for entry in self.list[self._tree.size :]]
        self._rows.setdefault(0, []).extend(leaves)
        self._tree, nodes = self._tree.grow(leaves)
        for level, _, node in nodes:
            self._rows.setdefault(level, []).append(node)
        return self._tree

    def publish(self, *, beside: MlDsa44Key | None = BESIDE) -> str:
        tree = self.tree
        note = sign_checkpoint(ORIGIN, tree.size, tree.root, KEY, beside=beside, at=AT).note
        self.published.append(note)
        return note

    def entry(self, index: int) -> bytes:
        return self.list[index]

    def entries(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        yield from enumerate(self.list[start:end], start)

    def tile(self, level: int, n: int, width: int) -> bytes:
        assert self.tree.size == self.size
        return b"".join(self._rows[level][256 * n : 256 * n + width])

    def cited_bytes(self, wanted: str) -> bytes:
        if wanted not in self.cited:
            raise LogError(f"The log does not keep {wanted}.")
        return self.cited[wanted]

    def newest_note(self) -> str | None:
        return self.published[-1] if self.published else None


def entry(number: int, *cited: bytes) -> bytes:
    """Something like an event, which cites what it is given."""
    cites = [{"digest": digest(data), "media_type": "text/plain"} for data in cited]
    detail = {"cites": cites} if cites else {}
    return json.dumps({"detail": detail, "number": number}, separators=(",", ":")).encode()


def log_of(size: int) -> MemoryLog:
    """A published log whose entries 2 and 3 cite a piece of evidence, and 3 another one."""
    one, two = b"evidence one", b"evidence two"
    entries = [entry(n) for n in range(size)]
    if size > 3:
        entries[2:4] = [entry(2, one), entry(3, one, two)]
    log = MemoryLog(entries, [one, two])
    log.publish()
    return log
