"""The tree of RFC 6962: published roots, and proofs that hold for what is true and nothing else."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.audit_log.merkle import (
    EMPTY_ROOT,
    CompactRange,
    consistency_holds,
    consistency_proof,
    full_root,
    inclusion_holds,
    inclusion_proof,
    leaf_hash,
    root_of,
)

# google/certificate-transparency, python/ct/crypto/merkle_test.py: eight entries and the roots of
# the trees over the first n of them.
ENTRIES = [
    bytes.fromhex(text) for text in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
] + [bytes.fromhex("606162636465666768696a6b6c6d6e6f")]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}

leaf_lists = st.lists(st.binary(max_size=8).map(leaf_hash), min_size=1, max_size=40)


@pytest.mark.parametrize("size", sorted(ROOTS))
def test_roots_are_the_published_ones(size: int) -> None:
    assert root_of([leaf_hash(entry) for entry in ENTRIES[:size]]).hex() == ROOTS[size]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert CompactRange().root == EMPTY_ROOT == hashlib.sha256(b"").digest()


@given(leaf_lists, st.data())
def test_appending_in_two_batches_gives_the_same_tree(
    leaves: list[bytes], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(leaves)))
    assert CompactRange().append(leaves[:cut]).append(leaves[cut:]) == CompactRange().append(leaves)


@given(leaf_lists, st.data())
def test_an_inclusion_proof_holds_for_its_leaf_and_place_only(
    leaves: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, proof = root_of(leaves), inclusion_proof(leaves, index)
    assert inclusion_holds(leaves[index], index, len(leaves), proof, root)
    assert not inclusion_holds(leaf_hash(b"another entry"), index, len(leaves), proof, root)
    assert not inclusion_holds(leaves[index], index, len(leaves), (*proof, root), root)
    assert not inclusion_holds(leaves[index], len(leaves), len(leaves), proof, root)


@given(leaf_lists, st.data())
def test_a_consistency_proof_holds_for_its_own_past_only(
    leaves: list[bytes], data: st.DataObject
) -> None:
    old = data.draw(st.integers(1, len(leaves)))
    root, old_root = root_of(leaves), root_of(leaves[:old])
    proof = consistency_proof(leaves, old)
    assert consistency_holds(old, old_root, len(leaves), root, proof)
    other = leaf_hash(b"another past")
    assert not consistency_holds(old, other, len(leaves), root, proof)
    assert not consistency_holds(old, old_root, len(leaves), other, proof)
    assert not consistency_holds(old, old_root, len(leaves), root, (*proof, other))


def test_a_consistency_proof_from_nothing_is_refused() -> None:
    leaves = [leaf_hash(b"a"), leaf_hash(b"b")]
    assert not consistency_holds(0, EMPTY_ROOT, 2, root_of(leaves), ())
    with pytest.raises(ValueError, match="no older size 0"):
        consistency_proof(leaves, 0)


def test_hashes_of_the_wrong_length_prove_nothing() -> None:
    leaf = leaf_hash(b"a")
    assert not inclusion_holds(leaf[:-1], 0, 1, (), leaf)
    assert not consistency_holds(1, leaf, 1, leaf[:-1], ())


LEAVES = [leaf_hash(b"%d" % number) for number in range(70_000)]


def reference_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    pair = reference_root(leaves[:k]) + reference_root(leaves[k:])
    return hashlib.sha256(b"\x01" + pair).digest()


def test_roots_of_all_small_sizes_are_the_definition() -> None:
    for size in range(301):
        assert CompactRange().grow(LEAVES[:size])[0].root == reference_root(LEAVES[:size]), size


@pytest.mark.parametrize("cut", [0, 1, 255, 256, 257, 300, 65_535, 65_536, 65_537, 69_999])
def test_growing_in_two_steps_gives_the_same_tree_and_nodes(cut: int) -> None:
    first, nodes = CompactRange().grow(LEAVES[:cut])
    both, more = first.grow(LEAVES[cut:])
    whole, all_nodes = CompactRange().grow(LEAVES)
    assert both == whole
    assert nodes + more == all_nodes
    one_by_one = CompactRange(cut, first.subtrees)
    for leaf in LEAVES[cut : cut + 600]:
        one_by_one = one_by_one.grow([leaf])[0]
    assert one_by_one == first.append(LEAVES[cut : cut + 600])


def test_nodes_are_the_roots_of_full_subtrees_in_order() -> None:
    _, nodes = CompactRange().grow(LEAVES)
    below = [node for node in nodes if node[0] == 1]
    assert [index for _, index, _ in below] == list(range(273))
    for _, index, node in (below[0], below[100], below[272]):
        assert node == reference_root(LEAVES[256 * index : 256 * (index + 1)])
    assert [node for node in nodes if node[0] == 2] == [(2, 0, reference_root(LEAVES[:65_536]))]
    assert nodes.index((2, 0, full_root(LEAVES[:65_536]))) == nodes.index(below[255]) + 1


def test_a_row_that_is_no_power_of_two_has_no_full_root() -> None:
    with pytest.raises(ValueError, match="zip"):
        full_root(LEAVES[:3])
