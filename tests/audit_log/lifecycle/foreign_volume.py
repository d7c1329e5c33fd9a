"""A reader of archives that has never seen assay: written from `docs/formats/log-archive.md` alone."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _full_root(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [_sha256(b"\x01" + hashes[n] + hashes[n + 1]) for n in range(0, len(hashes), 2)]
    return hashes[0]


def _grouped(number: int) -> str:
    text = f"{number:03}"
    text = text.zfill(-(-len(text) // 3) * 3)
    groups = [text[n : n + 3] for n in range(0, len(text), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def _entries(bundle: bytes) -> list[bytes]:
    entries, at = [], 0
    while at < len(bundle):
        length = int.from_bytes(bundle[at : at + 2], "big")
        entries.append(bundle[at + 2 : at + 2 + length])
        at += 2 + length
    return entries


def read_volume(folder: Path) -> tuple[str, bytes, list[bytes]]:
    """Note, root and entries of a volume of which all holds but the note's signatures.

    Raises:
        ValueError: something does not hold.
    """
    said: Any = json.loads((folder / "archive.json").read_bytes())
    origin, size, root = said["checkpoint"].split("\n")[:3]
    subtrees = {(start, height): bytes.fromhex(node) for start, height, node in said["known"]}
    expected, entries = {"archive.json"}, list[bytes]()
    for number in range(said["first"] // 256, said["end"] // 256):
        tile = f"tile/0/{_grouped(number)}"
        packed = f"tile/entries/{_grouped(number)}.gz"
        data = (folder / tile).read_bytes()
        hashes = [data[at : at + 32] for at in range(0, 8192, 32)]
        expected.add(tile)
        if not any(first <= 256 * number < end for first, end in said["removed"]):
            expected.add(packed)
            found = _entries(gzip.decompress((folder / packed).read_bytes()))
            if [_sha256(b"\x00" + entry) for entry in found] != hashes:
                raise ValueError(f"bundle {number}")
            entries += found
        subtrees[256 * number, 8] = _full_root(hashes)
    for entry in entries:
        for cite in json.loads(entry).get("detail", {}).get("cites", []):
            digits = cite["digest"].removeprefix("sha256:")
            path = f"cited/sha256/{digits}.gz"
            expected.add(path)
            if _sha256(gzip.decompress((folder / path).read_bytes())).hex() != digits:
                raise ValueError(path)
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    if there != expected or origin != said["origin"]:
        raise ValueError("files")
    computed = _root(subtrees, 0, int(size))
    if computed != base64.b64decode(root):
        raise ValueError("root")
    return said["checkpoint"], computed, entries


def _root(subtrees: dict[tuple[int, int], bytes], start: int, end: int) -> bytes:
    """RFC 6962, 2.1, where the hashes of some full subtrees are known."""
    count = end - start
    if count & (count - 1) == 0 and (start, count.bit_length() - 1) in subtrees:
        return subtrees[start, count.bit_length() - 1]
    split = start + (1 << ((count - 1).bit_length() - 1))
    return _sha256(b"\x01" + _root(subtrees, start, split) + _root(subtrees, split, end))
