"""Proofs from tiles are the proofs over the list of leaves, and read few tiles."""

from __future__ import annotations

import pytest

from assay.audit_log import merkle
from assay.audit_log.merkle import CompactRange, consistency_holds, inclusion_holds, leaf_hash
from assay.audit_log.proofs import compact_range, consistency_proof, inclusion_proof
from assay.errors import LogDamaged, LogError

ROWS: dict[int, list[bytes]] = {0: [leaf_hash(b"%d" % number) for number in range(70_000)]}
for _level, _, _node in CompactRange().grow(ROWS[0])[1]:
    ROWS.setdefault(_level, []).append(_node)
LEAVES = ROWS[0]


class Tiles:
    """The tiles of the first 70,000 entries; counts what is read."""

    def __init__(self) -> None:
        self.read: list[tuple[int, int, int]] = []

    def tile(self, level: int, n: int, width: int) -> bytes:
        self.read.append((level, n, width))
        return b"".join(ROWS[level][256 * n : 256 * n + width])


class EmptyTiles:
    """Ten million entries whose hashes are all alike, to count reads."""

    def __init__(self) -> None:
        self.read = 0

    def tile(self, level: int, n: int, width: int) -> bytes:
        self.read += 1
        return bytes(32 * width)


@pytest.mark.parametrize("size", [*range(1, 301), 511, 512, 513])
def test_inclusion_proofs_of_small_trees(size: int) -> None:
    places = (
        range(size)
        if size < 40
        else {0, 1, size // 3, size // 2, size - 2, size - 1, 255} & {*range(size)}
    )
    for index in places:
        proof = inclusion_proof(Tiles(), index, size)
        assert proof == merkle.inclusion_proof(LEAVES[:size], index)


@pytest.mark.parametrize("size", [*range(1, 301), 511, 512, 513])
def test_consistency_proofs_of_small_trees(size: int) -> None:
    olds = (
        range(1, size + 1)
        if size < 40
        else {1, 2, size // 2, size - 1, size, 256} & {*range(size + 1)}
    )
    for old in olds:
        proof = consistency_proof(Tiles(), old, size)
        assert proof == merkle.consistency_proof(LEAVES[:size], old)


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 69_999, 70_000])
def test_proofs_of_larger_trees_hold(size: int) -> None:
    root = CompactRange().append(LEAVES[:size]).root
    for index in (0, 255, 256, 65_279, 65_535, size - 1):
        if index < size:
            proof = inclusion_proof(Tiles(), index, size)
            assert inclusion_holds(LEAVES[index], index, size, proof, root)
    for old in (1, 255, 256, 257, 4096, 65_535, 65_536, size - 1, size):
        if old <= size:
            proof = consistency_proof(Tiles(), old, size)
            old_root = CompactRange().append(LEAVES[:old]).root
            assert consistency_holds(old, old_root, size, root, proof)
    index = size - 1
    expected = merkle.inclusion_proof(LEAVES[:size], index)
    assert inclusion_proof(Tiles(), index, size) == expected
    assert consistency_proof(Tiles(), 300, size) == merkle.consistency_proof(LEAVES[:size], 300)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_536, 70_000])
def test_the_compact_range_comes_from_tiles(size: int) -> None:
    assert compact_range(Tiles(), size) == CompactRange().append(LEAVES[:size])


@pytest.mark.parametrize("index", [0, 4_999_999, 9_999_999])
def test_a_proof_in_ten_million_entries_reads_few_tiles(index: int) -> None:
    tiles = EmptyTiles()
    assert len(inclusion_proof(tiles, index, 10_000_000)) <= 24
    assert tiles.read <= 6
    tiles = EmptyTiles()
    consistency_proof(tiles, index + 1, 10_000_000)
    assert tiles.read <= 6


def test_only_the_tiles_of_the_size_are_read() -> None:
    tiles = Tiles()
    inclusion_proof(tiles, 3, 300)
    assert set(tiles.read) <= {(0, 0, 256), (0, 1, 44), (1, 0, 1)}


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_for_an_entry_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(LogError, match="There is no entry"):
        inclusion_proof(Tiles(), index, size)


@pytest.mark.parametrize(("old", "size"), [(0, 3), (-1, 3), (4, 3)])
def test_a_log_did_not_grow_from_this(old: int, size: int) -> None:
    with pytest.raises(LogError, match="did not grow"):
        consistency_proof(Tiles(), old, size)


def test_a_tile_of_the_wrong_length_is_damage() -> None:
    class Short:
        def tile(self, level: int, n: int, width: int) -> bytes:
            return bytes(32 * width - 1)

    with pytest.raises(LogDamaged, match=r"tile/0/000\.p/5 has 159 bytes"):
        inclusion_proof(Short(), 0, 5)
