"""Which of a volume's bundles and tiles belong to its checkpoint, told apart by the root. Pure.

Each bundle of 256 entries is there twice: as entries, and as their leaf hashes. Where the two agree
there is one root to count with. Where they disagree, the choice with which the whole tree has the
checkpoint's root says which of the two was changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from assay.audit_log.exported_files import place_of
from assay.audit_log.interface import Fault
from assay.audit_log.lifecycle.known_tree import KnownTree, Subtree
from assay.audit_log.lifecycle.volume_files import MANIFEST, Manifest, tile_of
from assay.audit_log.merkle import TILE_HEIGHT, TILE_WIDTH, full_root
from assay.audit_log.tiles import hashes_of
from assay.vocabulary import Checkpoint

_TRIED_MAX = 8
"""So many disagreeing bundles are told apart by trying; 2^8 roots over 32 bytes a bundle."""


class BundleRoots:
    """The roots of a volume's bundles, added one by one and compared once."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._agreed: dict[int, bytes] = {}
        self._doubtful: dict[int, tuple[list[bytes], list[bytes]]] = {}

    def add(self, bundle: int, tile: bytes | None, leaves: list[bytes] | None) -> None:
        """A bundle's stored leaf hashes, and those of its entries; None for what cannot be read."""
        stored = None if tile is None else hashes_of(tile)
        if stored is not None and leaves is not None and stored != leaves:
            self._doubtful[bundle] = stored, leaves
        elif (known := stored or leaves) is not None:
            self._agreed[bundle] = full_root(known)

    def compare(self, checkpoint: Checkpoint) -> tuple[bool, list[Fault]]:
        """Whether the bundles have the checkpoint's root, and which of what disagrees has not."""
        whole = len(self._agreed) + len(self._doubtful) == len(self._manifest.bundles)
        for choice in self._choices() if whole else ():
            if self._root(choice, checkpoint.size) == checkpoint.root:
                return True, [
                    fault
                    for bundle, entries_hold in choice.items()
                    for fault in self._told_apart(bundle, entries_hold=entries_hold)
                ]
        faults = [
            Fault(f"entry bundle {bundle}", "its entries and its stored leaf hashes disagree")
            for bundle in self._doubtful
        ]
        if whole:
            what = (
                "its signatures hold, but its root is not that of the archived entries: they were"
                " rewritten, are another log's, or are damaged in several places"
            )
            faults.append(Fault(f"checkpoint in {MANIFEST}", what))
        return False, faults

    def _choices(self) -> Iterator[dict[int, bool]]:
        """For each disagreeing bundle, whether its entries or its stored hashes are believed."""
        bundles = list(self._doubtful)
        if len(bundles) <= _TRIED_MAX:
            for believed in product((False, True), repeat=len(bundles)):
                yield dict(zip(bundles, believed, strict=True))
            return
        for one in (False, True):
            yield dict.fromkeys(bundles, one)

    def _root(self, choice: Mapping[int, bool], size: int) -> bytes:
        known: dict[Subtree, bytes] = dict(self._manifest.known)
        for bundle, root in self._agreed.items():
            known[bundle * TILE_WIDTH, TILE_HEIGHT] = root
        for bundle, entries_hold in choice.items():
            known[bundle * TILE_WIDTH, TILE_HEIGHT] = full_root(
                self._doubtful[bundle][entries_hold]
            )
        return KnownTree(size, known).root

    def _told_apart(self, bundle: int, *, entries_hold: bool) -> Iterator[Fault]:
        if entries_hold:
            yield Fault(place_of(tile_of(bundle)), "does not have the hashes of its entries")
            return
        stored, leaves = self._doubtful[bundle]
        for index, (leaf, wanted) in enumerate(zip(leaves, stored, strict=True)):
            if leaf != wanted:
                place = f"entry {bundle * TILE_WIDTH + index}"
                yield Fault(place, "its bytes do not have the hash in its tile")
