"""Roots and proofs from a part of a tree are those of RFC 6962 over the whole of it."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.audit_log.lifecycle.known_tree import KnownTree, covering, subtree_root
from assay.audit_log.merkle import inclusion_proof, root_of
from assay.errors import LogDamaged
from tests.audit_log.in_memory import log_of

LEAVES = [sha256(b"%d" % n).digest() for n in range(700)]


@given(st.data())
def test_a_part_and_what_surrounds_it_give_root_and_proofs(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700))
    end = data.draw(st.integers(1, size))
    first = data.draw(st.integers(0, end - 1))
    outside = [*covering(0, first), *covering(end, size)]
    known = {(at, high): root_of(LEAVES[at : at + (1 << high)]) for at, high in outside}
    known |= {(n, 0): LEAVES[n] for n in range(first, end)}
    tree = KnownTree(size, known)
    assert tree.root == root_of(LEAVES[:size])
    index = data.draw(st.integers(first, end - 1))
    assert tree.inclusion_proof(index) == inclusion_proof(LEAVES[:size], index)


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_covering_is_without_gap_and_aligned(start: int, length: int) -> None:
    at = start
    for first, height in covering(start, start + length):
        assert first == at
        assert first % (1 << height) == 0
        at += 1 << height
    assert at == start + length


@pytest.mark.parametrize("subtree", [(0, 0), (511, 0), (256, 8), (0, 9), (512, 4), (513, 0)])
def test_subtree_roots_come_from_tiles(subtree: tuple[int, int]) -> None:
    log = log_of(529)
    hashes = log.tile(0, 0, 256) + log.tile(0, 1, 256) + log.tile(0, 2, 17)
    leaves = [hashes[n : n + 32] for n in range(0, len(hashes), 32)]
    start, height = subtree
    assert subtree_root(log, 529, subtree) == root_of(leaves[start : start + (1 << height)])


def test_too_little_known_is_told() -> None:
    with pytest.raises(LogDamaged, match="hash of leaf 0 is not known"):
        _ = KnownTree(2, {(1, 0): LEAVES[1]}).root
    with pytest.raises(LogDamaged, match="no leaf 2"):
        KnownTree(2, {(0, 1): LEAVES[1]}).inclusion_proof(2)
