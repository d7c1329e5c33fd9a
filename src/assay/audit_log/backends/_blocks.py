"""Blocks: what the index says of up to 4,096 consecutive entries, as four arrays. Pure.

    at      8 bytes each   microseconds since 1970
    kind    2 bytes each   number of (type, severity, outcome)
    actor   4 bytes each   number of the actor's text
    target  4 bytes each   number of the target's text

All little-endian. An index by rows in four B-trees would touch a page for each actor in every batch; a
block is written once, at 18 bytes an entry. A value is found in an array by searching its bytes, which
Python does at memory speed.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

BLOCK_MAX = 4_096
SUPER_SHIFT = 16
"""A super-block is 65,536 entries; blocks do not cross its border."""

_KIND, _WORD = 2, 4


Numbers = tuple[int, int, int, int]
"""What the index says of one entry: instant, kind, actor, target."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of the entries from `first` on."""

    first: int
    at: bytes
    kind: bytes
    actor: bytes
    target: bytes

    def __len__(self) -> int:
        return len(self.at) // 8

    def instants(self) -> Sequence[int]:
        """The instants, in microseconds, in the order of the entries."""
        return _numbers("q", self.at)

    def rows(self) -> Iterator[Numbers]:
        """The rows, in the order of the entries."""
        kinds, actors = _numbers("H", self.kind), _numbers("I", self.actor)
        return zip(self.instants(), kinds, actors, _numbers("I", self.target), strict=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for in blocks; None does not filter. Instants are both included."""

    low: int
    high: int
    kinds: frozenset[int] | None = None
    actor: int | None = None
    target: int | None = None


def block_of(first: int, rows: Sequence[Numbers]) -> Block:
    """The block of these rows."""
    at, kind, actor, target = zip(*rows, strict=True)
    return Block(first, _bytes("q", at), _bytes("H", kind), _bytes("I", actor), _bytes("I", target))


def joined(blocks: Sequence[Block]) -> Block:
    """One block for several that follow each other.

    Raises:
        ValueError: there is a gap between them.
    """
    if any(a.first + len(a) != b.first for a, b in pairwise(blocks)):
        raise ValueError("blocks with a gap between them")
    return Block(
        blocks[0].first,
        b"".join(b.at for b in blocks),
        b"".join(b.kind for b in blocks),
        b"".join(b.actor for b in blocks),
        b"".join(b.target for b in blocks),
    )


def hits(block: Block, wanted: Wanted) -> Iterator[tuple[int, int]]:
    """Instant and index of the entries that are wanted, in no order that is promised."""
    instants = block.instants()
    for place in _places(block, wanted):
        if wanted.low <= instants[place] <= wanted.high:
            yield instants[place], block.first + place


def _places(block: Block, wanted: Wanted) -> Iterator[int]:
    """Where everything but the time fits."""
    if wanted.actor is not None:
        places = _found(block.actor, wanted.actor, _WORD)
    elif wanted.target is not None:
        places = _found(block.target, wanted.target, _WORD)
    elif wanted.kinds is not None:
        for kind in wanted.kinds:
            yield from _found(block.kind, kind, _KIND)
        return
    else:
        yield from range(len(block))
        return
    kinds = _numbers("H", block.kind)
    targets = _numbers("I", block.target)
    for place in places:
        if wanted.kinds is not None and kinds[place] not in wanted.kinds:
            continue
        if wanted.target is None or targets[place] == wanted.target:
            yield place


def _found(data: bytes, value: int, width: int) -> Iterator[int]:
    """The places of a value in an array of numbers of this width."""
    pattern = value.to_bytes(width, "little")
    at = data.find(pattern)
    while at >= 0:
        if at % width == 0:
            yield at // width
            at = data.find(pattern, at + width)
        else:
            at = data.find(pattern, at + 1)


def _numbers(code: str, data: bytes) -> array[int]:
    numbers = array(code)
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _bytes(code: str, numbers: Sequence[int]) -> bytes:
    packed = array(code, numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()
