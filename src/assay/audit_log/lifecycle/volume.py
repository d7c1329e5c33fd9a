"""Reads a volume of an archive: entries, what they cite, and proofs of them.

Nothing is believed here; `verify_archive.py` verifies a volume.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator
from pathlib import Path

from assay.audit_log.exported_files import ExportedFiles
from assay.audit_log.lifecycle.known_tree import KnownTree, Subtree
from assay.audit_log.lifecycle.volume_files import (
    Manifest,
    bundle_path,
    packed_cited_path,
    read_manifest,
    tile_of,
    unpacked,
    volumes_in,
)
from assay.audit_log.merkle import HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, full_root
from assay.audit_log.tiles import BUNDLE_BYTES_MAX, decode_bundle, hashes_of
from assay.audit_log.tlog_proof import TlogProof
from assay.canonical import digest
from assay.errors import LogDamaged, LogError

CITED_BYTES_MAX = 1 << 30
"""As much as SQLite keeps in one value."""


class Volume:
    """One volume: entries `first` up to `end` of a log."""

    def __init__(self, folder: Path) -> None:
        """Read its manifest.

        Raises:
            NotAnArchive: it is none.
        """
        self.folder = folder
        self.manifest: Manifest = read_manifest(folder)
        self._known: dict[Subtree, bytes] | None = None

    def entry(self, index: int) -> bytes:
        """The bytes of an entry.

        Raises:
            LogError: it is not in this volume, or a retention rule removed it.
            LogDamaged: its bundle cannot be read.
        """
        bundle, place = divmod(index, TILE_WIDTH)
        if bundle not in self.manifest.bundles:
            raise LogError(f"Entry {index} is not in the volume {self.folder}.")
        if self.manifest.is_removed(bundle):
            raise LogError(
                f"Entry {index} was removed by a retention rule.",
                next_step="`assay log query --type retention_applied` says by which, and when.",
            )
        return self.bundle(bundle)[place]

    def entries(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the entries that are here, in order.

        Raises:
            LogDamaged: a bundle cannot be read.
        """
        for bundle in self.manifest.bundles:
            first = bundle * TILE_WIDTH
            if first + TILE_WIDTH <= start or first >= end or self.manifest.is_removed(bundle):
                continue
            for index, data in enumerate(self.bundle(bundle), first):
                if start <= index < end:
                    yield index, data

    def bundle(self, number: int) -> list[bytes]:
        """The 256 entries of a bundle.

        Raises:
            LogDamaged: they cannot be read.
        """
        return decode_bundle(self._unpacked(bundle_path(number), BUNDLE_BYTES_MAX), TILE_WIDTH)

    def leaves(self, number: int) -> bytes:
        """The 256 leaf hashes of a bundle, joined.

        Raises:
            LogDamaged: they cannot be read.
        """
        data = ExportedFiles(self.folder).tile(tile_of(number))
        if data is None:
            raise LogDamaged(f"{tile_of(number).path} of {self.folder} cannot be read.")
        return data

    def cited_bytes(self, wanted: str) -> bytes:
        """The bytes with this digest, checked against it.

        Raises:
            LogDamaged: they are missing, or are others.
        """
        data = self._unpacked(packed_cited_path(wanted), CITED_BYTES_MAX)
        if digest(data) != wanted:
            raise LogDamaged(f"The bytes kept as {wanted} in {self.folder} have another digest.")
        return data

    def tree(self, around: int) -> KnownTree:
        """The tree of the checkpoint; of the bundle `around` every leaf hash is known.

        Raises:
            LogDamaged: a tile cannot be read.
        """
        if self._known is None:
            self._known = dict(self.manifest.known)
            for bundle in self.manifest.bundles:
                root = full_root(hashes_of(self.leaves(bundle)))
                self._known[bundle * TILE_WIDTH, TILE_HEIGHT] = root
        leaves = enumerate(hashes_of(self.leaves(around)), around * TILE_WIDTH)
        inside: dict[Subtree, bytes] = {(index, 0): leaf for index, leaf in leaves}
        return KnownTree(self.manifest.size, ChainMap(inside, self._known))

    def proof(self, index: int) -> TlogProof:
        """The proof that an entry is in the log that the volume's checkpoint was signed for.

        Raises:
            LogDamaged: a tile cannot be read.
        """
        hashes = self.tree(index // TILE_WIDTH).inclusion_proof(index)
        return TlogProof(index, hashes, self.manifest.note)

    def _unpacked(self, place: str, bytes_max: int) -> bytes:
        files = ExportedFiles(self.folder)
        data = files.read(place, bytes_max + HASH_BYTES + (bytes_max >> 8), place)
        if data is None:
            raise LogDamaged(f"{place} of {self.folder} {files.faults[-1].what}.")
        try:
            return unpacked(data, bytes_max)
        except ValueError as error:
            raise LogDamaged(f"{place} of {self.folder} {error}.") from error


def archived_volume(folder: Path, index: int) -> Volume:
    """The volume of an archive that has this entry.

    Raises:
        NotAnArchive: the folder holds no archive.
        LogError: no volume has it.
    """
    for path in volumes_in(folder):
        volume = Volume(path)
        if volume.manifest.first <= index < volume.manifest.end:
            return volume
    raise LogError(f"No volume in {folder} has entry {index}.")
