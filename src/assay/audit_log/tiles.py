"""Tiles and entry bundles (c2sp.org/tlog-tiles): a log as a finite set of files that never change.

    tile/<L>/<N>[.p/<W>]        256 hashes of 32 bytes, or the first W of a partial tile
    tile/entries/<N>[.p/<W>]    the entries of a level 0 tile, each after its length (uint16, big-endian)

Hash i of tile N at level L is the root over the entries (256 N + i) 256^L up to (256 N + i + 1)
256^L: level 0 has the leaf hashes, a level above the roots of full tiles below. N is written in
groups of three digits, all but the last after an `x`: 1234067 is `x001/x234/067`. Level L of a tree
of s entries has floor(s / 256^L) hashes; its last tile is partial unless their number is a multiple
of 256, and a tile without hashes is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from assay.audit_log.merkle import HASH_BYTES, TILE_HEIGHT, TILE_WIDTH
from assay.errors import LogDamaged, LogError

BUNDLED_ENTRY_BYTES_MAX = 65_535
BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + BUNDLED_ENTRY_BYTES_MAX)
ENTRIES = "entries"
_LEVEL_MAX = 63
_LENGTH_BYTES = 2
_NUMBER_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Tile:
    """The first `width` (1..256) hashes of tile `index` of a level; of entries if that is None."""

    level: int | None
    index: int
    width: int

    @property
    def path(self) -> str:
        """Where it is, relative to the folder or the URL of the log."""
        level = ENTRIES if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_grouped(self.index)}{partial}"

    @property
    def is_partial(self) -> bool:
        """Whether it has less than 256 hashes or entries."""
        return self.width < TILE_WIDTH

    def in_tree(self, size: int) -> int:
        """How many hashes or entries this tile has in a tree of `size`: 0 if it is not there."""
        there = hashes_at(self.level or 0, size) - self.index * TILE_WIDTH
        return max(0, min(there, TILE_WIDTH))


def tile_of_path(path: str) -> Tile | None:
    """The tile or entry bundle with this path; None if it is the path of something else."""
    parts = path.split("/")
    width = TILE_WIDTH
    if len(parts) > 3 and parts[-2].endswith(".p"):
        if not _is_number(parts[-1], 3):
            return None
        width = int(parts[-1])
        parts = [*parts[:-2], parts[-2].removesuffix(".p")]
    if len(parts) < 3 or parts[0] != "tile":
        return None
    digits = "".join(part.removeprefix("x") for part in parts[2:])
    if not _is_number(digits, 18) or not (parts[1] == ENTRIES or _is_number(parts[1], 2)):
        return None
    tile = Tile(None if parts[1] == ENTRIES else int(parts[1]), int(digits), width)
    fits = 1 <= width <= TILE_WIDTH and (tile.level or 0) <= _LEVEL_MAX
    return tile if fits and tile.path == path else None


def hashes_at(level: int, size: int) -> int:
    """How many hashes a level of the tree of `size` entries has."""
    return size >> (TILE_HEIGHT * level)


def tile_in_tree(level: int | None, index: int, size: int) -> Tile:
    """A tile, as wide as it is in the tree of `size`.

    Raises:
        LogError: it is not there.
    """
    tile = Tile(level, index, TILE_WIDTH)
    if not (width := tile.in_tree(size)):
        raise LogError(f"A log of {size} entries has no {tile.path}.")
    return Tile(level, index, width)


def partial_tiles(size: int) -> Iterator[Tile]:
    """The partial tiles at the right edge of a tree, from level 0 up."""
    level = 0
    while there := hashes_at(level, size):
        if width := there % TILE_WIDTH:
            yield Tile(level, there // TILE_WIDTH, width)
        level += 1


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """The bytes of an entry bundle.

    Raises:
        LogError: an entry is longer than 65,535 bytes.
    """
    parts = list[bytes]()
    for entry in entries:
        if len(entry) > BUNDLED_ENTRY_BYTES_MAX:
            raise LogError(f"An entry of {len(entry)} bytes does not fit into an entry bundle.")
        parts += (len(entry).to_bytes(_LENGTH_BYTES, "big"), entry)
    return b"".join(parts)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        LogDamaged: the bytes are not a bundle of `width` entries.
    """
    entries, at, end = list[bytes](), 0, len(data)
    while at + 1 < end and len(entries) < width:
        start = at + _LENGTH_BYTES
        at = start + (data[at] << 8) + data[at + 1]
        entries.append(data[start:at])
    if at != end or len(entries) != width:
        raise LogDamaged(f"{end} bytes are not an entry bundle of {width} entries.")
    return entries


def hashes_of(data: bytes) -> list[bytes]:
    """The hashes of a tile's bytes."""
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def _grouped(index: int) -> str:
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    return "/".join(reversed(groups))


def _is_number(text: str, digits_max: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= digits_max
