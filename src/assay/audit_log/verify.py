"""Verifies a log from its stored bytes alone, and says where the first fault is.

The rules, in the order in which they are applied:

1. Entries are numbered 0, 1, 2 ... without a gap, and every stored leaf hash is the entry's. Where
   entries were archived, their leaf hashes take their place.
2. Every checkpoint is signed by the log's key; its root is that of its first `size` entries. When
   hashes and entries agree with each other but not with the root, the fault lies between the last
   checkpoint that held and this one.
3. The head is the compact range of the entries, and its own note is signed for exactly that tree.
4. Everything an entry cites is kept, with the cited digest and media type; nothing else is kept.
5. A checkpoint held outside the database (the published one, which must be there once something was
   published, or one that the caller brings) is the start of this log. A writer can put an older
   database and an older published checkpoint back together, with or without the key; only a
   checkpoint kept where that writer cannot reach, or one that witnesses cosigned, shows it.
6. Tile hashes, ids and index say what the entries say. A fault here damages no evidence: they can be
   made again (`assay log reindex`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.entry import CITES, citations
from assay.audit_log.interface import Damage, Evidence, Fault, Verification
from assay.audit_log.merkle import HASH_BYTES, TILE_WIDTH, CompactRange, leaf_hashes
from assay.audit_log.notes import VerifierKey
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.audit_log.verify_projections import check_projections
from assay.canonical import digest
from assay.errors import BadNote, LogDamaged
from assay.vocabulary import Checkpoint

PUBLISHED = "the published checkpoint"
FAULTS_MAX = 1_000
_BATCH = 512

Progress = Callable[[int], None]
"""Told how many entries are done."""


def verify_evidence(
    evidence: Evidence,
    key: VerifierKey,
    retained: Sequence[str] = (),
    *,
    trust: Trust | None = None,
    index: bool = True,
    progress: Progress = lambda _: None,
) -> Verification:
    """Everything that does not hold in what a backend stores.

    `retained` are checkpoint notes that were kept elsewhere; `trust` names witnesses of whose
    cosignatures enough must be found on the newest published checkpoint. `index` False leaves out
    rule 6, which needs every entry parsed.
    """
    walk = _Walk(evidence, key, progress)
    return walk.verification(retained, trust, index=index)


class _Walk:
    """Goes over a log once for the evidence and once for the index; collects faults."""

    def __init__(self, evidence: Evidence, key: VerifierKey, progress: Progress) -> None:
        self._evidence = evidence
        self._key = key
        self._progress = progress
        self._faults: list[Fault] = []
        self._roots: dict[int, bytes] = {}
        self._cited: dict[str, tuple[str, int]] = {}
        self._minimum = 0

    def verification(
        self, retained: Sequence[str], trust: Trust | None, *, index: bool
    ) -> Verification:
        published = self._evidence.published_note()
        checkpoints = self._evidence.stored_checkpoints()
        outside = [] if published is None else [(PUBLISHED, published)]
        outside += [(f"retained checkpoint {n}", note) for n, note in enumerate(retained, 1)]
        opened = [pair for pair in map(self._open, outside) if pair]
        late, self._faults = self._faults, []
        tree = self._walk_entries({size for size, _ in checkpoints} | {c.size for _, c in opened})
        newest = self._check_checkpoints(checkpoints)
        self._check_head(tree)
        self._faults += late
        self._check_cited()
        self._check_outside(opened, tree.size)
        self._check_published(opened, published, checkpoints)
        witnessed = self._witnessed(published, retained, trust)
        if index:
            check_projections(self._evidence, tree.size, self._minimum, self._fault)
        return Verification(
            size=tree.size,
            root=tree.root,
            newest=newest,
            checkpoints=len(checkpoints),
            cited=len(self._cited),
            faults=tuple(self._faults),
            witnessed=witnessed,
        )

    def _fault(self, place: str, what: str, damage: Damage = Damage.EVIDENCE) -> None:
        if len(self._faults) < FAULTS_MAX:
            self._faults.append(Fault(place, what, damage))

    def _open(self, outside: tuple[str, str]) -> tuple[str, Checkpoint] | None:
        place, note = outside
        try:
            return place, open_checkpoint(note, self._key)
        except BadNote as error:
            self._fault(place, error.message)
            return None

    def _walk_entries(self, sizes: set[int]) -> CompactRange:
        tree = self._walk_archived(sizes)
        self._minimum = tree.size
        for batch in self._batches():
            numbers, data, stored = zip(*batch, strict=True)
            if set(map(type, data)) != {bytes}:
                self._fault(f"entry {numbers[0]}", "or one soon after it, is not stored as bytes")
                break
            if numbers != tuple(range(tree.size, tree.size + len(batch))):
                whole = sum(1 for n, i in enumerate(numbers, tree.size) if n == i)
                tree = self._grown(tree, leaf_hashes(data[:whole]), sizes)
                self._fault(f"entry {tree.size}", "is missing")
                break
            leaves = leaf_hashes(data)
            if leaves != list(stored):
                for number, leaf, kept in zip(numbers, leaves, stored, strict=True):
                    if leaf != kept:
                        what = "its bytes do not have the stored leaf hash"
                        self._fault(f"entry {number}", what)
            citing = [n for n, entry in zip(numbers, data, strict=True) if CITES in entry]
            for number in citing:
                for cited, media_type in citations(data[number - numbers[0]]):
                    self._cited[cited] = media_type, number
            tree = self._grown(tree, leaves, sizes)
            self._progress(tree.size)
        return tree

    def _batches(self) -> Iterator[list[tuple[int, bytes, bytes]]]:
        """The stored entries, many at a time, up to where they cannot be read."""
        rows = iter(self._evidence.stored_entries())
        batch: list[tuple[int, bytes, bytes]] = []
        number = self._minimum
        try:
            while True:
                batch = []
                batch.extend(islice(rows, _BATCH))
                if not batch:
                    return
                number = batch[-1][0] + 1
                yield batch
        except LogDamaged as error:
            if batch:  # `extend` kept what was read before the damage
                number = batch[-1][0] + 1
                yield batch
            self._fault(f"entry {number}", error.message)

    def _walk_archived(self, sizes: set[int]) -> CompactRange:
        tree = CompactRange()
        for number, hashes in self._evidence.archived_hashes():
            if number * TILE_WIDTH != tree.size or len(hashes) != TILE_WIDTH * HASH_BYTES:
                self._fault(f"tile 0/{tree.size // TILE_WIDTH}", "of archived entries is missing")
                break
            leaves = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
            tree = self._grown(tree, leaves, sizes)
        return tree

    def _grown(self, tree: CompactRange, leaves: Sequence[bytes], sizes: set[int]) -> CompactRange:
        """The tree with these leaves; its roots at the sizes that checkpoints name are noted."""
        end = tree.size + len(leaves)
        for size in sorted(s for s in sizes if tree.size < s <= end):
            count = size - tree.size
            tree, leaves = tree.append(leaves[:count]), leaves[count:]
            self._roots[size] = tree.root
        return tree.append(leaves) if leaves else tree

    def _check_checkpoints(self, checkpoints: Sequence[tuple[int, str]]) -> Checkpoint | None:
        newest: Checkpoint | None = None
        for size, note in checkpoints:
            place = f"checkpoint of size {size}"
            try:
                checkpoint = open_checkpoint(note, self._key)
            except BadNote as error:
                self._fault(place, error.message)
                continue
            if checkpoint.size != size:
                self._fault(place, f"its note says size {checkpoint.size}")
            elif size not in self._roots:
                self._fault(place, "covers entries that are not there any more")
            elif self._roots[size] != checkpoint.root:
                first = newest.size if newest else 0
                where = f"its root is not that of the entries; look at {first} to {size - 1}"
                self._fault(place, where)
            else:
                newest = checkpoint
        return newest

    def _check_head(self, tree: CompactRange) -> None:
        heads = self._evidence.stored_heads()
        if [head[:2] for head in heads] != [(tree.size, b"".join(tree.subtrees))]:
            self._fault("head", "is not the compact range of the entries")
        for _, _, note in heads:
            if note is None:
                if tree.size:
                    self._fault("head", "has no checkpoint, though there are entries")
                continue
            try:
                signed = open_checkpoint(note, self._key)
            except BadNote as error:
                self._fault("head", error.message)
                continue
            if (signed.size, signed.root) != (tree.size, tree.root):
                self._fault("head", "its checkpoint is not of these entries")

    def _check_cited(self) -> None:
        kept = set()
        for name, media_type, data in self._evidence.stored_cited():
            kept.add(name)
            said = self._cited.get(name)
            if said is None:
                if not self._minimum:
                    self._fault(f"evidence {name}", "is cited by no entry")
            elif digest(data) != name:
                what = f"its bytes have another digest; cited by entry {said[1]}"
                self._fault(f"evidence {name}", what)
            elif said[0] != media_type:
                what = f"has another media type than entry {said[1]} says"
                self._fault(f"evidence {name}", what)
        for name in sorted(self._cited.keys() - kept):
            self._fault(f"evidence {name}", f"is missing; cited by entry {self._cited[name][1]}")

    def _check_outside(self, outside: Sequence[tuple[str, Checkpoint]], size: int) -> None:
        for place, checkpoint in outside:
            if checkpoint.size > size:
                what = f"was signed at {checkpoint.size} entries, but the log has {size}"
                self._fault(place, what + ": its tail was cut")
            elif self._roots.get(checkpoint.size) != checkpoint.root and checkpoint.size:
                what = f"the first {checkpoint.size} entries are not those it was signed for"
                self._fault(place, what)

    def _check_published(
        self,
        opened: Sequence[tuple[str, Checkpoint]],
        published: str | None,
        checkpoints: Sequence[tuple[int, str]],
    ) -> None:
        """A checkpoint is kept before it is published, never the other way round. So a crash before
        the first one was published leaves one that is kept and none that is published."""
        if len(checkpoints) > 1 and published is None:
            self._fault(PUBLISHED, "is missing: the tail may have been cut")
        for place, checkpoint in opened:
            if place == PUBLISHED and checkpoint.size not in dict(checkpoints):
                what = "is missing, though it was published"
                self._fault(f"checkpoint of size {checkpoint.size}", what)

    def _witnessed(
        self, published: str | None, retained: Sequence[str], trust: Trust | None
    ) -> Checkpoint | None:
        """The newest checkpoint, published or brought along, that enough witnesses cosigned."""
        if trust is None:
            return None
        found: Checkpoint | None = None
        missing: BadNote | None = None
        for note in filter(None, (published, *retained)):
            try:
                checkpoint = trusted_checkpoint(note, trust).checkpoint
            except BadNote as error:
                missing = missing or error
                continue
            if found is None or checkpoint.size > found.size:
                found = checkpoint
        if found is None and missing is not None:
            self._fault(PUBLISHED, missing.message)
        return found
