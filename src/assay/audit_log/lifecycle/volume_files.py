"""What a volume of an archive consists of (`docs/formats/log-archive.md`).

    archive.json                 which entries, which checkpoint, what was removed; written last
    tile/0/<N>                   the 256 leaf hashes of a bundle
    tile/entries/<N>.gz          256 entries, compressed
    cited/sha256/<hex>.gz        what the entries cite, compressed

Compression is gzip of the standard library, so that any machine can read an archive in twenty years;
its header is always the same ten bytes, so that no byte of a file is free to be changed but the last
bits of the compressed stream, which say nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.atomic import PRIVATE_FILE, make_folder, write_error
from assay.audit_log.lifecycle.known_tree import Subtree, covering
from assay.audit_log.merkle import HASH_BYTES, TILE_WIDTH
from assay.audit_log.notes import split_note
from assay.audit_log.signed_messages import tree_head
from assay.audit_log.tiles import Tile
from assay.audit_log.tiles_folder import cited_path
from assay.canonical import canonical_bytes
from assay.errors import BadNote, NotAnArchive

MANIFEST = "archive.json"
MANIFEST_BYTES_MAX = 16_000_000
UNFINISHED = ".unfinished"

_GZIP_HEADER = bytes.fromhex("1f8b0800000000000003")
_GZIP_BITS = 31
_LEVEL = 6
_CHUNK_BYTES = 1 << 20

Range = tuple[int, int]
"""Entries from the first up to the second, which is not included."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a volume says of itself: entries `first` up to `end` of a log, multiples of 256."""

    origin: str
    first: int
    end: int
    note: str
    """A checkpoint of the log that covers these entries, verbatim."""
    known: Mapping[Subtree, bytes]
    """The roots of the full subtrees before `first` and from `end` on, to the checkpoint's size."""
    removed: tuple[Range, ...] = ()
    """Whose bytes a retention rule removed: whole bundles, in order; their hashes are here."""

    @property
    def size(self) -> int:
        """The size that the checkpoint says; nothing is believed by that."""
        return tree_head(split_note(self.note)[0]).size

    @property
    def bundles(self) -> range:
        """The numbers of its bundles."""
        return range(self.first // TILE_WIDTH, self.end // TILE_WIDTH)

    def is_removed(self, bundle: int) -> bool:
        """Whether a retention rule removed the entries of this bundle."""
        index = bundle * TILE_WIDTH
        return any(first <= index < end for first, end in self.removed)

    def to_bytes(self) -> bytes:
        """Its file: canonical JSON and a line feed."""
        value = {
            "v": 1,
            "origin": self.origin,
            "first": self.first,
            "end": self.end,
            "checkpoint": self.note,
            "known": [[*place, root.hex()] for place, root in self.known.items()],
            "removed": [list(each) for each in self.removed],
        }
        return canonical_bytes(value) + b"\n"


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in these bytes; nothing is verified yet but their form.

    Raises:
        NotAnArchive: they are not one.
    """
    try:
        manifest = _manifest(json.loads(data))
        size = manifest.size
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, BadNote) as error:
        raise NotAnArchive(
            f"{MANIFEST} does not describe an archive ({type(error).__name__})."
        ) from error
    places = [*covering(0, manifest.first), *covering(manifest.end, size)]
    ordered = [*manifest.removed, (manifest.end, manifest.end)]
    numbers = [manifest.first, *(number for each in ordered for number in each)]
    holds = (
        manifest.to_bytes() == data,
        0 <= manifest.first < manifest.end <= size,
        list(manifest.known) == places,
        all(len(root) == HASH_BYTES for root in manifest.known.values()),
        all(number % TILE_WIDTH == 0 for number in numbers),
        numbers == sorted(numbers) and all(first < end for first, end in manifest.removed),
    )
    if not all(holds):
        raise NotAnArchive(f"{MANIFEST} does not say what it must (rule {holds.index(False) + 1}).")
    return manifest


def read_manifest(volume: Path) -> Manifest:
    """The manifest of a volume.

    Raises:
        NotAnArchive: there is none, or it is malformed.
    """
    path = volume / MANIFEST
    try:
        with path.open("rb") as stream:
            return parse_manifest(stream.read(MANIFEST_BYTES_MAX + 1))
    except OSError as error:
        raise NotAnArchive(
            f"{volume} is not a volume of an archive: {MANIFEST} cannot be read ({error.strerror}).",
            next_step="Name a folder that `assay log archive` wrote.",
        ) from error


def volumes_in(folder: Path) -> list[Path]:
    """The volumes of an archive by their first entry; a volume stands for itself.

    Raises:
        NotAnArchive: there is none.
    """
    if (folder / MANIFEST).is_file():
        return [folder]
    found = [path.parent for path in folder.glob(f"*/{MANIFEST}")]
    if not found:
        raise NotAnArchive(
            f"{folder} holds no volume of an archive.",
            next_step="Name the folder that `assay log archive` wrote.",
        )
    return sorted(found, key=lambda volume: (len(volume.name), volume.name))


def volume_path(folder: Path, first: int) -> Path:
    """Where the volume that begins at this entry lies in an archive."""
    return folder / f"{first:012}"


def tile_of(bundle: int) -> Tile:
    """The leaf hashes of a bundle."""
    return Tile(0, bundle, TILE_WIDTH)


def bundle_path(bundle: int) -> str:
    """The file of a bundle, relative to the volume."""
    return f"{Tile(None, bundle, TILE_WIDTH).path}.gz"


def packed_cited_path(digest: str) -> str:
    """The file of cited bytes, relative to the volume."""
    return f"{cited_path(digest)}.gz"


def packed(data: bytes) -> bytes:
    """The data as a gzip file; the same data give the same header."""
    return _GZIP_HEADER + zlib.compress(data, _LEVEL, _GZIP_BITS)[len(_GZIP_HEADER) :]


def unpacked(data: bytes, bytes_max: int) -> bytes:
    """What `packed` made these from.

    Raises:
        ValueError: they are not that, or hold more than `bytes_max`.
    """
    return b"".join(_pieces(data, bytes_max))


def packed_digest(data: bytes, bytes_max: int) -> str:
    """SHA-256, in hexadecimal, of what `packed` made these from; memory does not grow with it.

    Raises:
        ValueError: as `unpacked`.
    """
    running = hashlib.sha256()
    for piece in _pieces(data, bytes_max):
        running.update(piece)
    return running.hexdigest()


def _pieces(data: bytes, bytes_max: int) -> Iterator[bytes]:
    if not data.startswith(_GZIP_HEADER):
        raise ValueError("is not a gzip file as assay writes it")
    stream, waiting, done = zlib.decompressobj(_GZIP_BITS), data, 0
    while not stream.eof:
        try:
            piece = stream.decompress(waiting, _CHUNK_BYTES)
        except zlib.error as error:
            raise ValueError("does not decompress") from error
        done, waiting = done + len(piece), stream.unconsumed_tail
        if done > bytes_max:
            raise ValueError(f"holds more than {bytes_max} bytes")
        if not piece and not stream.eof and not waiting:
            raise ValueError("is cut short")
        yield piece
    if stream.unused_data:
        raise ValueError("goes on after its end")


def put(volume: Path, place: str, data: bytes) -> None:
    """Write a file that is there whole or not at all; who writes many syncs them all at once.

    Raises:
        NotWritable, DiskFull
    """
    path, unfinished = volume / place, volume / UNFINISHED
    make_folder(path.parent)
    try:
        unfinished.write_bytes(data)
        unfinished.chmod(PRIVATE_FILE)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise write_error(path, error) from error


def put_manifest(volume: Path, manifest: Manifest) -> None:
    """Put the manifest in its place, durably, in one step.

    Its temporary file has a name that every later run knows, so that a crash leaves nothing unknown.

    Raises:
        NotWritable, DiskFull
    """
    path, unfinished = volume / MANIFEST, volume / UNFINISHED
    try:
        with unfinished.open("wb") as stream:
            stream.write(manifest.to_bytes())
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.chmod(PRIVATE_FILE)
        unfinished.replace(path)
        folder = os.open(volume, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise write_error(path, error) from error


def clear_unfinished(volume: Path) -> None:
    """Remove what a run that was cut off left of a volume; nothing where there is none.

    Raises:
        NotAnArchive: there is something else in the folder.
        NotWritable: it cannot be removed.
    """
    if not volume.exists():
        return
    strangers = sorted({path.name for path in volume.iterdir()} - {"tile", "cited", UNFINISHED})
    if strangers:
        raise NotAnArchive(
            f"{volume} holds something else than an unfinished volume: {strangers[0]!a}.",
            next_step="Choose an empty folder.",
        )
    try:
        shutil.rmtree(volume)
    except OSError as error:
        raise write_error(volume, error) from error


def _manifest(value: Any) -> Manifest:
    if value["v"] != 1:
        raise ValueError("another version")
    numbers = [value["first"], value["end"], *(n for each in value["removed"] for n in each)]
    if not all(type(number) is int for number in numbers):
        raise TypeError("not a number")
    return Manifest(
        origin=str(value["origin"]),
        first=value["first"],
        end=value["end"],
        note=str(value["checkpoint"]),
        known={(int(at), int(high)): bytes.fromhex(root) for at, high, root in value["known"]},
        removed=tuple((first, end) for first, end in value["removed"]),
    )
