"""Verifies an exported folder with public keys alone: no database, no network.

The rules, in the order in which they are applied:

1. The checkpoint is accepted by the verifier's policy (`trust.py`).
2. The partial tiles at the right edge together have the checkpoint's root. Where they have not, each
   is made again from what is below it; if that has the root, the tiles that differ are at fault. If
   nothing has, everything was rewritten together, and only the checkpoint shows it.
3. Every full tile has the root that the tile above it says, which was verified before. Where it has
   not, it is made again from what is below, in the same way.
4. Every entry has the hash that its verified level 0 tile says.
5. Everything that entries cite is there and has its digest; `log.vkey` names the trusted keys.
6. There is no other file. An older partial tile may have stayed: it is the start of a newer one.

So a fault is found in the file where it is, not in what follows from it. Signatures of keys that the
policy does not name are not evidence and are not looked at. Memory does not grow with the log, but
for 32 bytes of digest for every piece of evidence that is cited.
"""

from __future__ import annotations

from pathlib import Path

from assay.audit_log.entry import citations
from assay.audit_log.exported_files import (
    FAULTS_MAX,
    ExportedFiles,
    TooManyFaultsError,
    place_of,
)
from assay.audit_log.exported_tree import ExportedTree
from assay.audit_log.interface import Fault, Verification
from assay.audit_log.merkle import EMPTY_ROOT, HASH_BYTES, TILE_WIDTH, leaf_hashes
from assay.audit_log.notes import NOTE_BYTES_MAX, parse_verifier_key
from assay.audit_log.tiles import (
    BUNDLE_BYTES_MAX,
    Tile,
    encode_bundle,
    hashes_of,
    tile_in_tree,
    tile_of_path,
)
from assay.audit_log.tiles_folder import CHECKPOINT, CITED, VERIFIER_KEYS, Progress, cited_path
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.errors import BadNote, LogDamaged, LogError
from assay.vocabulary import Checkpoint

_KEYS_BYTES_MAX = 100_000


def verify_export(
    folder: Path, trust: Trust, *, now: int | None = None, progress: Progress | None = None
) -> Verification:
    """Everything that does not hold in an exported folder; the first fault comes first.

    `now` is the verifier's clock in seconds since 1970, for the times of witnesses; None where it
    has none.

    Raises:
        LogError: there is no such folder.
    """
    if not folder.is_dir():
        raise LogError(f"There is no exported log at {folder}.")
    files = ExportedFiles(folder)
    checkpoint = _checkpoint(files, trust, now)
    if checkpoint is None:
        return Verification(0, EMPTY_ROOT, None, 0, 0, tuple(files.faults))
    walk = _Walk(files, checkpoint)
    try:
        walk.check(trust, progress)
    except TooManyFaultsError:
        files.faults.append(Fault("export", f"has {FAULTS_MAX} faults; the rest was not looked at"))
    return Verification(
        checkpoint.size,
        checkpoint.root,
        checkpoint if walk.holds else None,
        1,
        len(walk.cited),
        tuple(files.faults),
    )


def _checkpoint(files: ExportedFiles, trust: Trust, now: int | None) -> Checkpoint | None:
    """Rule 1."""
    raw = files.read(CHECKPOINT, NOTE_BYTES_MAX, CHECKPOINT)
    if raw is None:
        return None
    try:
        return trusted_checkpoint(raw.decode("utf-8", "surrogateescape"), trust, now=now).checkpoint
    except BadNote as error:
        files.fault(CHECKPOINT, error.message)
        return None


class _Walk:
    """One pass over an export: its tiles, its entries, and what else is there."""

    def __init__(self, files: ExportedFiles, checkpoint: Checkpoint) -> None:
        self._files = files
        self._checkpoint = checkpoint
        self.cited: set[bytes] = set()
        self.holds = False

    def check(self, trust: Trust, progress: Progress | None) -> None:
        tree = ExportedTree(self._files, self._checkpoint)
        self.holds = self._check_entries(tree, progress) and tree.holds
        self._check_cited()
        _check_verifier_keys(self._files, trust)
        for path in self._files.paths():
            self._check_path(path)

    def _check_entries(self, tree: ExportedTree, progress: Progress | None) -> bool:
        """Rules 3 and 4, in the order of the entries; whether all are as they were signed for."""
        size, holds = self._checkpoint.size, True
        for index in range(-(-size // TILE_WIDTH)):
            tile = tile_in_tree(0, index, size)
            expected = tree.leaves(tile)
            entries = self._files.entries(Tile(None, index, tile.width))
            if entries is None:
                holds = False
            else:
                holds &= self._block_holds(index * TILE_WIDTH, entries, expected)
            if progress is not None:
                progress(index * TILE_WIDTH + tile.width, size)
        return holds

    def _block_holds(self, first: int, entries: list[bytes], expected: bytes | None) -> bool:
        leaves = leaf_hashes(entries)
        if b"".join(leaves) == expected:
            if b'"cites"' in b"".join(entries):
                for index, entry in enumerate(entries, first):
                    self._note_citations(index, entry)
            return True
        known = hashes_of(expected) if expected is not None else leaves
        for index, (entry, leaf, wanted) in enumerate(
            zip(entries, leaves, known, strict=True), first
        ):
            if leaf != wanted:
                self._files.fault(f"entry {index}", "its bytes do not have the hash in its tile")
            else:
                self._note_citations(index, entry)
        return False

    def _note_citations(self, index: int, entry: bytes) -> None:
        for digest, _ in citations(entry):
            try:
                path = cited_path(digest)
            except LogDamaged as error:
                self._files.fault(f"entry {index}", error.message)
                continue
            raw = bytes.fromhex(digest.removeprefix("sha256:"))
            if raw not in self.cited:
                self.cited.add(raw)
                if not self._files.has(path):
                    self._files.fault(f"cited {digest}", f"is missing; entry {index} cites it")

    def _check_cited(self) -> None:
        """Rule 5; what is missing was found before."""
        for digest in sorted(self.cited):
            path, place = f"{CITED}/sha256/{digest.hex()}", f"cited sha256:{digest.hex()}"
            found = self._files.digest(path, place) if self._files.has(path) else None
            if found is not None and found != digest.hex():
                self._files.fault(place, "its bytes have another digest")

    def _check_path(self, path: str) -> None:
        """Rule 6."""
        if path in (CHECKPOINT, VERIFIER_KEYS) or self._may_be_cited(path):
            return
        tile = tile_of_path(path)
        there = tile.in_tree(self._checkpoint.size) if tile is not None else 0
        if tile is None or not there:
            self._files.fault(f"file {path!a}", "does not belong to the export")
        elif tile.width > there:
            self._files.fault(f"file {path!a}", f"is wider than the {there} of the checkpoint")
        elif tile.width < there:
            self._check_older(tile)

    def _check_older(self, tile: Tile) -> None:
        """A partial tile of an older checkpoint is the start of the one that is there now."""
        newer = tile_in_tree(tile.level, tile.index, self._checkpoint.size)
        expected: bytes | None
        if tile.level is None:
            entries = self._files.entries_if_good(newer)
            expected = None if entries is None else encode_bundle(entries[: tile.width])
            limit = BUNDLE_BYTES_MAX
        else:
            limit = tile.width * HASH_BYTES
            whole = self._files.tile(newer)
            expected = None if whole is None else whole[:limit]
        place = f"{place_of(tile)} of {tile.width}" if tile.level is None else place_of(tile)
        data = self._files.read(tile.path, limit, place)
        if data is not None and expected is not None and data != expected:
            self._files.fault(place, "is not the start of the one that replaced it")

    def _may_be_cited(self, path: str) -> bool:
        """Whether an entry cites it; one that cannot be read might."""
        digits = path.removeprefix(f"{CITED}/sha256/")
        if digits == path or len(digits) != 2 * HASH_BYTES or not set(digits) <= _HEX:
            return False
        return bytes.fromhex(digits) in self.cited or not self.holds


_HEX = set("0123456789abcdef")


def _check_verifier_keys(files: ExportedFiles, trust: Trust) -> None:
    """`log.vkey` is a courtesy and no source of trust; but it must not name other keys."""
    raw = files.read(VERIFIER_KEYS, _KEYS_BYTES_MAX, VERIFIER_KEYS)
    if raw is None:
        return
    text = raw.decode("utf-8", "surrogateescape")
    try:
        keys = [parse_verifier_key(line) for line in text.removesuffix("\n").split("\n")]
    except BadNote as error:
        files.fault(VERIFIER_KEYS, error.message)
        return
    trusted = {key.type: key for key in trust.log_keys}
    if "".join(f"{key}\n" for key in dict.fromkeys(keys)) != text:
        files.fault(VERIFIER_KEYS, "is not one verifier key a line")
    elif any(key.name != trust.origin or trusted.get(key.type, key) != key for key in keys):
        files.fault(VERIFIER_KEYS, "names another key than the one that is trusted")
    elif not set(trust.log_keys) <= set(keys):
        files.fault(VERIFIER_KEYS, "does not name a key that is trusted")
