"""The tiles of an exported log, verified from the checkpoint's root down (rules 2 and 3).

The partial tiles at the right edge hold the roots of all full subtrees that the tree falls into, so
together they have its root. Every full tile has its root in the tile above it. A tile that does not
fit is made again from what is below it, so that it is known whether it is at fault or what it covers.
"""

from __future__ import annotations

from itertools import product

from assay.audit_log.exported_files import ExportedFiles, place_of
from assay.audit_log.merkle import HASH_BYTES, TILE_WIDTH, full_root, leaf_hashes
from assay.audit_log.proofs import compact_range
from assay.audit_log.tiles import Tile, hashes_of, partial_tiles, tile_in_tree
from assay.vocabulary import Checkpoint


class ExportedTree:
    """The tiles of the tree that a checkpoint was signed for."""

    def __init__(self, files: ExportedFiles, checkpoint: Checkpoint) -> None:
        self._files = files
        self._wanted = checkpoint.root
        self._size = checkpoint.size
        self._above: dict[int, tuple[int, bytes | None]] = {}
        self._edge: dict[Tile, bytes | None] = {}
        self.holds = True
        """False once entries, or tiles that nothing can replace, do not belong to the checkpoint."""
        self._check_edge()

    def leaves(self, tile: Tile) -> bytes | None:
        """The hashes of a level 0 tile: verified where they can be; None where there are none."""
        return self._edge[tile] if tile.is_partial else self._full(tile)

    def _check_edge(self) -> None:
        """Rule 2: find out which of the tiles, as stored or made again, have the root."""
        stored = {tile: self._files.tile(tile) for tile in partial_tiles(self._size)}
        self._edge = stored
        if _edge_root(stored, self._size) == self._wanted:
            return
        made = {tile: self._from_below(tile) for tile in stored}
        for choice in product((stored, made), repeat=len(stored)):
            edge = {tile: chosen[tile] for tile, chosen in zip(stored, choice, strict=True)}
            if _edge_root(edge, self._size) == self._wanted:
                self._edge = edge
                for tile, data in stored.items():
                    if data != edge[tile]:
                        self._tile_fault(tile, data, "does not fit the root, as what is below does")
                return
        self._report_no_root(stored)

    def _report_no_root(self, stored: dict[Tile, bytes | None]) -> None:
        self.holds = False
        for tile, data in stored.items():
            if data is None:
                self._tile_fault(tile, data, "")
        if None not in stored.values():
            self._files.fault(
                "checkpoint",
                "its signatures hold, but its root is not that of the tiles and entries: they were"
                " rewritten, are another log's, or are damaged in several places",
            )

    def _full(self, tile: Tile) -> bytes | None:
        """A full tile with the root that the tile above says; as stored where that says none."""
        expected = self._said_above(tile)
        data = self._files.tile(tile)
        if data is not None and (expected is None or full_root(hashes_of(data)) == expected):
            return data
        self._tile_fault(tile, data, "does not have the root that the tile above it says")
        made = self._from_below(tile)
        if made is None:
            return data
        if expected is not None and full_root(hashes_of(made)) != expected:
            self.holds = False
            self._rewritten(tile)
        return made

    def _said_above(self, tile: Tile) -> bytes | None:
        """The root of a full tile, as the verified tile above it says."""
        level = (tile.level or 0) + 1
        above, place = divmod(tile.index, TILE_WIDTH)
        if level not in self._above or self._above[level][0] != above:
            parent = tile_in_tree(level, above, self._size)
            data = self._edge[parent] if parent.is_partial else self._full(parent)
            self._above[level] = above, data
        known = self._above[level][1]
        return None if known is None else known[place * HASH_BYTES : (place + 1) * HASH_BYTES]

    def _from_below(self, tile: Tile) -> bytes | None:
        """A tile made again: from its entries, or from the tiles below it."""
        if not tile.level:
            entries = self._files.entries_if_good(Tile(None, tile.index, tile.width))
            return None if entries is None else b"".join(leaf_hashes(entries))
        roots = list[bytes]()
        for index in range(tile.index * TILE_WIDTH, tile.index * TILE_WIDTH + tile.width):
            below = Tile(tile.level - 1, index, TILE_WIDTH)
            data = self._files.tile(below) or self._from_below(below)
            if data is None:
                return None
            roots.append(full_root(hashes_of(data)))
        return b"".join(roots)

    def _tile_fault(self, tile: Tile, data: bytes | None, what: str) -> None:
        """A fault of a tile: that it is not there as it must be, or else `what`."""
        if data is not None:
            self._files.fault(place_of(tile), what)
        elif self._files.has(tile.path):
            self._files.fault(place_of(tile), f"is not {tile.width * HASH_BYTES} bytes long")
        else:
            self._files.fault(place_of(tile), "is missing")

    def _rewritten(self, tile: Tile) -> None:
        each = TILE_WIDTH ** ((tile.level or 0) + 1)
        first, last = tile.index * each, (tile.index + 1) * each - 1
        what = "do not have the root that the tile above them says: some were rewritten"
        self._files.fault(f"entries {first} to {last}", what)


class _Edge:
    """The right edge's tiles, for those who ask for tiles."""

    def __init__(self, tiles: dict[Tile, bytes]) -> None:
        self._tiles = tiles

    def tile(self, level: int, n: int, width: int) -> bytes:
        return self._tiles[Tile(level, n, width)]


def _edge_root(tiles: dict[Tile, bytes | None], size: int) -> bytes | None:
    there = {tile: data for tile, data in tiles.items() if data is not None}
    return compact_range(_Edge(there), size).root if len(there) == len(tiles) else None
