"""Proofs from tiles: what `merkle.py` says over a list of leaves, with a few reads at any size.

A proof is a list of subtree roots. Each subtree is a range of leaves; it falls into full subtrees
whose size is a power of two, and each of those is a run of 1, 2, 4 ... 128 hashes within one tile. A
proof in a tree of ten million entries reads at most six tiles: three on the way from leaf to root,
three at the right edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from assay.audit_log.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    TILE_HEIGHT,
    CompactRange,
    full_root,
    node_hash,
)
from assay.audit_log.tiles import hashes_of, tile_in_tree
from assay.errors import LogDamaged, LogError

_Range = tuple[int, int]
"""Leaves from the first up to the second, which is not included."""


class TileReader(Protocol):
    """Whoever has the tiles of a log."""

    def tile(self, level: int, n: int, width: int) -> bytes:
        """The first `width` (1..256) hashes of a tile, 32 bytes each."""


def inclusion_proof(tiles: TileReader, index: int, size: int) -> tuple[bytes, ...]:
    """The hashes that prove that entry `index` is in the tree of `size`, from leaf to root.

    Raises:
        LogError: `index` is not below `size`, or the log does not reach so far.
        LogDamaged: a tile does not have the bytes that it must have.
    """
    if not 0 <= index < size:
        raise LogError(f"There is no entry {index} in a log of {size} entries.")
    return _Tree(tiles, size).roots(_inclusion_ranges(index, size))


def consistency_proof(tiles: TileReader, old_size: int, size: int) -> tuple[bytes, ...]:
    """The hashes that prove that the tree of `size` grew from the tree of `old_size`.

    Raises:
        LogError: not 0 < old_size <= size, or the log does not reach so far.
        LogDamaged: a tile does not have the bytes that it must have.
    """
    if not 0 < old_size <= size:
        raise LogError(f"A log of {size} entries did not grow from one of {old_size}.")
    return _Tree(tiles, size).roots(_consistency_ranges(old_size, size))


def compact_range(tiles: TileReader, size: int) -> CompactRange:
    """The tree of the first `size` entries, ready to grow.

    Raises:
        LogError, LogDamaged: as `inclusion_proof`.
    """
    tree = _Tree(tiles, size)
    return CompactRange(size, tuple(tree.full(*part) for part in _full_subtrees(0, size)))


class _Tree:
    """The tree of `size` entries; keeps the tiles that it has read."""

    def __init__(self, tiles: TileReader, size: int) -> None:
        self._tiles = tiles
        self._size = size
        self._read: dict[tuple[int, int], bytes] = {}

    def roots(self, ranges: list[_Range]) -> tuple[bytes, ...]:
        return tuple(self._root(start, end) for start, end in ranges)

    def full(self, start: int, height: int) -> bytes:
        """The root of the full subtree of 2^height leaves that begins at `start`."""
        level, within = divmod(height, TILE_HEIGHT)
        index, first = divmod(start >> (TILE_HEIGHT * level), 1 << TILE_HEIGHT)
        data = self._tile(level, index)
        run = data[first * HASH_BYTES : (first + (1 << within)) * HASH_BYTES]
        return full_root(hashes_of(run))

    def _root(self, start: int, end: int) -> bytes:
        parts = [self.full(*part) for part in _full_subtrees(start, end)]
        node = parts.pop() if parts else EMPTY_ROOT
        while parts:
            node = node_hash(parts.pop(), node)
        return node

    def _tile(self, level: int, index: int) -> bytes:
        if (level, index) not in self._read:
            wanted = tile_in_tree(level, index, self._size)
            data = self._tiles.tile(level, index, wanted.width)
            if len(data) != wanted.width * HASH_BYTES:
                raise LogDamaged(f"{wanted.path} has {len(data)} bytes.")
            self._read[level, index] = data
        return self._read[level, index]


def _full_subtrees(start: int, end: int) -> Iterator[_Range]:
    """Start and height of the full subtrees, largest first, of a range that begins a subtree."""
    while start < end:
        height = (end - start).bit_length() - 1
        yield start, height
        start += 1 << height


def _inclusion_ranges(index: int, size: int) -> list[_Range]:
    """RFC 6962, 2.1.1: at each split, the side where the leaf is not."""
    start, end, ranges = 0, size, list[_Range]()
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            ranges.append((split, end))
            end = split
        else:
            ranges.append((start, split))
            start = split
    return ranges[::-1]


def _consistency_ranges(old_size: int, size: int) -> list[_Range]:
    """RFC 6962, 2.1.2: also the subtree where the descent ends, unless the verifier knows it."""
    start, end, ranges = 0, size, list[_Range]()
    while end != old_size:
        split = start + _split(end - start)
        if old_size <= split:
            ranges.append((split, end))
            end = split
        else:
            ranges.append((start, split))
            start = split
    if start:
        ranges.append((start, end))
    return ranges[::-1]


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)
