"""Paths, widths and bytes of tiles and entry bundles, as c2sp.org/tlog-tiles says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.audit_log.tiles import (
    Tile,
    decode_bundle,
    encode_bundle,
    partial_tiles,
    tile_in_tree,
    tile_of_path,
)
from assay.errors import LogDamaged, LogError


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0, 256), "tile/0/000"),
        (Tile(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (Tile(1, 1000, 17), "tile/1/x001/000.p/17"),
        (Tile(None, 273, 112), "tile/entries/273.p/112"),
        (Tile(63, 999, 255), "tile/63/999.p/255"),
    ],
)
def test_paths(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tile_of_path(path) == tile


@pytest.mark.parametrize(
    "path",
    ["", "tile", "tile/0", "checkpoint", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/0",
     "tile/0/0000", "tile/0/001/002", "tile/0/x001", "tile/0/x000/001", "tile/0/000.p",
     "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/1/2", "tile/0/000/1",
     "tile/0/00a", "tile/0/\u0661\u0662\u0663", "tile/entry/000", "tile//000", "tile/0/000/",
     "tile/0/" + "x999/" * 9 + "999", "xtile/0/000"],
)  # fmt: skip
def test_other_paths_are_no_tiles(path: str) -> None:
    assert tile_of_path(path) is None


@given(st.integers(0, 10**15), st.integers(1, 256), st.sampled_from([None, 0, 1, 63]))
def test_every_path_is_read_as_it_was_written(index: int, width: int, level: int | None) -> None:
    assert tile_of_path(Tile(level, index, width).path) == Tile(level, index, width)


def test_a_tree_of_70000_has_the_tiles_of_the_standards_example() -> None:
    assert list(partial_tiles(70_000)) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert tile_in_tree(0, 272, 70_000).width == 256
    assert tile_in_tree(None, 273, 70_000).width == 112
    assert tile_in_tree(1, 0, 70_000).width == 256


def test_a_tree_of_256_has_a_full_tile_and_one_hash_above_it() -> None:
    assert list(partial_tiles(256)) == [Tile(1, 0, 1)]
    assert tile_in_tree(0, 0, 256).width == 256


@pytest.mark.parametrize(("level", "index"), [(0, 274), (1, 2), (2, 1), (3, 0), (None, 274)])
def test_a_tile_that_is_not_in_the_tree(level: int | None, index: int) -> None:
    assert Tile(level, index, 256).in_tree(70_000) == 0
    with pytest.raises(LogError, match="A log of 70000 entries has no tile"):
        tile_in_tree(level, index, 70_000)


@given(st.lists(st.binary(max_size=600), max_size=256))
def test_a_bundle_is_read_as_it_was_written(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


def test_the_bytes_of_a_bundle() -> None:
    assert encode_bundle([b"", b"abc", b"x" * 258])[:9] == b"\x00\x00\x00\x03abc\x01\x02"


@pytest.mark.parametrize(
    ("data", "width"),
    [(b"", 1), (b"\x00", 1), (b"\x00\x01", 1), (b"\x00\x00", 2), (b"\x00\x00\x00", 1),
     (b"\x00\x00\x00\x00", 1), (b"\x00\x02a", 1), (b"x", 0)],
)  # fmt: skip
def test_what_is_no_bundle_is_refused(data: bytes, width: int) -> None:
    with pytest.raises(LogDamaged, match="are not an entry bundle"):
        decode_bundle(data, width)


def test_an_entry_too_long_for_a_bundle() -> None:
    assert decode_bundle(encode_bundle([b"x" * 65_535]), 1) == [b"x" * 65_535]
    with pytest.raises(LogError, match="65536 bytes does not fit"):
        encode_bundle([b"x" * 65_536])
