"""A Merkle tree of which only some full subtrees are known: enough for its root and for proofs.

A full subtree is named by its first leaf and its height: 2^height leaves, and the first is a multiple
of that. An archive of the entries from `first` up to `end` of a log of `size` keeps the roots of the
fewest full subtrees that cover what lies before and behind it. With the hashes of its own entries that
gives the root that a checkpoint of `size` was signed for, and the inclusion proof of every entry in it
(RFC 6962, section 2.1), without the rest of the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assay.audit_log.merkle import EMPTY_ROOT, TILE_HEIGHT, TILE_WIDTH, full_root, node_hash
from assay.audit_log.proofs import TileReader
from assay.audit_log.tiles import hashes_of, tile_in_tree
from assay.errors import LogDamaged

Subtree = tuple[int, int]
"""First leaf and height of a full subtree."""


def covering(start: int, end: int) -> Iterator[Subtree]:
    """The fewest full subtrees that the leaves from `start` up to `end` (not included) fall into."""
    while start < end:
        height = (end - start).bit_length() - 1
        if start:
            height = min(height, (start & -start).bit_length() - 1)
        yield start, height
        start += 1 << height


def subtree_root(tiles: TileReader, size: int, subtree: Subtree) -> bytes:
    """The root of a full subtree of the log of `size`, from one tile.

    Raises:
        LogError: the log does not reach so far.
    """
    start, height = subtree
    level, within = divmod(height, TILE_HEIGHT)
    number, first = divmod(start >> (TILE_HEIGHT * level), TILE_WIDTH)
    hashes = hashes_of(tiles.tile(level, number, tile_in_tree(level, number, size).width))
    return full_root(hashes[first : first + (1 << within)])


class KnownTree:
    """The tree of `size` leaves, some of whose full subtrees are known."""

    def __init__(self, size: int, known: Mapping[Subtree, bytes]) -> None:
        self._size = size
        self._known = known

    @property
    def root(self) -> bytes:
        """The root of the whole tree.

        Raises:
            LogDamaged: too little is known.
        """
        return self._root(0, self._size)

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """The hashes that prove that leaf `index` is in the tree, from leaf to root.

        Raises:
            LogDamaged: too little is known, or there is no such leaf.
        """
        if not 0 <= index < self._size:
            raise LogDamaged(f"There is no leaf {index} in a tree of {self._size}.")
        start, end, siblings = 0, self._size, list[bytes]()
        while end - start > 1:
            split = start + (1 << ((end - start - 1).bit_length() - 1))
            if index < split:
                siblings.append(self._root(split, end))
                end = split
            else:
                siblings.append(self._root(start, split))
                start = split
        return tuple(reversed(siblings))

    def _root(self, start: int, end: int) -> bytes:
        """Of leaves that begin a subtree; they fall into full subtrees, largest first."""
        parts = list[bytes]()
        while start < end:
            height = (end - start).bit_length() - 1
            parts.append(self._full(start, height))
            start += 1 << height
        node = parts.pop() if parts else EMPTY_ROOT
        while parts:
            node = node_hash(parts.pop(), node)
        return node

    def _full(self, start: int, height: int) -> bytes:
        node = self._known.get((start, height))
        if node is not None:
            return node
        if not height:
            raise LogDamaged(f"The hash of leaf {start} is not known.")
        half = 1 << (height - 1)
        return node_hash(self._full(start, height - 1), self._full(start + half, height - 1))
