"""Verifies a volume of an archive with public keys alone: no log, no database, no network.

The rules, in the order in which they are applied:

1. `archive.json` is well formed, and its checkpoint is accepted by the verifier's policy.
2. The leaf hashes of all bundles, with the roots of what lies before and behind the volume, have the
   checkpoint's root. Where a bundle's entries and its stored leaf hashes disagree, the one is at fault
   without which the root holds. If nothing has the root, the volume was rewritten or is damaged in
   several places.
3. A bundle that a retention rule removed is not there; its leaf hashes are, and rule 2 holds them.
4. Everything that the entries cite is there with its digest, and there is no other file.

Memory: 32 bytes for every 256 entries and for every piece of evidence that is cited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.audit_log.entry import citations
from assay.audit_log.exported_files import FAULTS_MAX, ExportedFiles, TooManyFaultsError, place_of
from assay.audit_log.interface import Fault, Verification
from assay.audit_log.lifecycle.bundle_roots import BundleRoots
from assay.audit_log.lifecycle.volume import CITED_BYTES_MAX
from assay.audit_log.lifecycle.volume_files import (
    MANIFEST,
    MANIFEST_BYTES_MAX,
    Manifest,
    bundle_path,
    packed_cited_path,
    packed_digest,
    parse_manifest,
    tile_of,
    unpacked,
    volumes_in,
)
from assay.audit_log.merkle import EMPTY_ROOT, HASH_BYTES, TILE_WIDTH, leaf_hashes
from assay.audit_log.tiles import BUNDLE_BYTES_MAX, Tile, decode_bundle
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.errors import BadNote, LogDamaged, LogError, NotAnArchive
from assay.vocabulary import Checkpoint

Progress = Callable[[int, int], None]
"""Told how many entries are done, of how many."""


@dataclass(frozen=True, slots=True)
class VolumeVerification:
    """What verifying a volume found. `seen.size` counts its entries, the removed ones too."""

    first: int
    end: int
    removed: int
    """How many of its entries a retention rule removed."""
    seen: Verification


def verify_archive(
    folder: Path,
    trust: Trust,
    *,
    now: int | None = None,
    progress: Progress = lambda done, total: None,
) -> list[VolumeVerification]:
    """What verifying each volume of an archive found, by first entry; with public keys alone.

    Raises:
        NotAnArchive: the folder holds none.
    """
    return [
        verify_volume(volume, trust, now=now, progress=progress) for volume in volumes_in(folder)
    ]


def verify_volume(
    folder: Path,
    trust: Trust,
    *,
    now: int | None = None,
    manifest: Manifest | None = None,
    progress: Progress = lambda done, total: None,
) -> VolumeVerification:
    """Everything that does not hold in a volume; the first fault comes first.

    `now` is the verifier's clock in seconds since 1970, for the times of witnesses; None where it has
    none. `manifest` stands for the file while a volume is being written.

    Raises:
        LogError: there is no such folder.
    """
    if not folder.is_dir():
        raise LogError(f"There is no archive at {folder}.")
    files = ExportedFiles(folder)
    said = _manifest(files) if manifest is None else manifest
    checkpoint = None if said is None else _checkpoint(files, said, trust, now)
    if said is None or checkpoint is None:
        seen = Verification(0, EMPTY_ROOT, None, 0, 0, tuple(files.faults))
        return VolumeVerification(0, 0, 0, seen)
    walk = _Walk(files, said, checkpoint)
    try:
        walk.check(progress)
    except TooManyFaultsError:
        files.faults.append(
            Fault("archive", f"has {FAULTS_MAX} faults; the rest was not looked at")
        )
    seen = Verification(
        said.end - said.first,
        checkpoint.root,
        checkpoint if walk.holds else None,
        1,
        len(walk.cited),
        tuple(files.faults),
    )
    removed = sum(end - first for first, end in said.removed)
    return VolumeVerification(said.first, said.end, removed, seen)


def _manifest(files: ExportedFiles) -> Manifest | None:
    data = files.read(MANIFEST, MANIFEST_BYTES_MAX, MANIFEST)
    if data is None:
        return None
    try:
        return parse_manifest(data)
    except NotAnArchive as error:
        files.fault(MANIFEST, error.message)
        return None


def _checkpoint(
    files: ExportedFiles, manifest: Manifest, trust: Trust, now: int | None
) -> Checkpoint | None:
    """Rule 1."""
    try:
        checkpoint = trusted_checkpoint(manifest.note, trust, now=now).checkpoint
    except BadNote as error:
        files.fault(f"checkpoint in {MANIFEST}", error.message)
        return None
    if manifest.origin != checkpoint.origin:
        files.fault(MANIFEST, "names another log than its checkpoint")
        return None
    return checkpoint


class _Walk:
    """One pass over a volume: its bundles, its tiles, and what else is there."""

    def __init__(self, files: ExportedFiles, manifest: Manifest, checkpoint: Checkpoint) -> None:
        self._files = files
        self._manifest = manifest
        self._checkpoint = checkpoint
        self._roots = BundleRoots(manifest)
        self.cited: set[bytes] = set()
        self.holds = False

    def check(self, progress: Progress) -> None:
        total = self._manifest.end - self._manifest.first
        for done, bundle in enumerate(self._manifest.bundles, 1):
            self._read_bundle(bundle)
            progress(done * TILE_WIDTH, total)
        self._check_root()
        self._check_cited()
        for path in self._files.paths():
            self._check_path(path)

    def _read_bundle(self, bundle: int) -> None:
        stored = self._files.tile(tile_of(bundle))
        if stored is None:
            self._tile_fault(bundle)
        if self._manifest.is_removed(bundle):
            self._roots.add(bundle, stored, None)
            return
        entries = self._entries(bundle)
        self._roots.add(bundle, stored, None if entries is None else leaf_hashes(entries))
        if entries is not None and b'"cites"' in b"".join(entries):
            for entry in entries:
                self._note_citations(entry)

    def _check_root(self) -> None:
        """Rule 2."""
        self.holds, faults = self._roots.compare(self._checkpoint)
        for fault in faults:
            self._files.fault(fault.place, fault.what)

    def _entries(self, bundle: int) -> list[bytes] | None:
        place = f"entry bundle {bundle}"
        data = self._files.read(bundle_path(bundle), BUNDLE_BYTES_MAX + (1 << 16), place)
        try:
            if data is not None:
                return decode_bundle(unpacked(data, BUNDLE_BYTES_MAX), TILE_WIDTH)
        except ValueError as error:
            self._files.fault(place, str(error))
        except LogDamaged as error:
            self._files.fault(place, error.message)
        return None

    def _note_citations(self, entry: bytes) -> None:
        for name, _ in citations(entry):
            try:
                packed_cited_path(name)
            except LogDamaged as error:
                self._files.fault(f"cited {name!a}", error.message)
                continue
            self.cited.add(bytes.fromhex(name.removeprefix("sha256:")))

    def _check_cited(self) -> None:
        """Rule 4, first half."""
        for raw in sorted(self.cited):
            place = f"cited sha256:{raw.hex()}"
            data = self._files.read(
                packed_cited_path(f"sha256:{raw.hex()}"), CITED_BYTES_MAX, place
            )
            try:
                if data is not None and packed_digest(data, CITED_BYTES_MAX) != raw.hex():
                    self._files.fault(place, "its bytes have another digest")
            except ValueError as error:
                self._files.fault(place, str(error))

    def _check_path(self, path: str) -> None:
        """Rules 3 and 4, second half."""
        if path == MANIFEST or self._may_be_cited(path):
            return
        for bundle in self._bundle_in(path):
            if path == tile_of(bundle).path:
                return
            if path == bundle_path(bundle):
                if self._manifest.is_removed(bundle):
                    what = "is still here, though a retention rule removed it; apply it again"
                    self._files.fault(f"entry bundle {bundle}", what)
                return
        self._files.fault(f"file {path!a}", "does not belong to the archive")

    def _bundle_in(self, path: str) -> Iterator[int]:
        """The bundle that a path would be of, if it is of one in this volume."""
        digits = path.removesuffix(".gz").removeprefix("tile/").partition("/")[2]
        number = digits.replace("/", "").replace("x", "")
        if number.isascii() and number.isdecimal() and len(number) <= 18:
            bundle = int(number)
            if bundle in self._manifest.bundles:
                yield bundle

    def _may_be_cited(self, path: str) -> bool:
        """Whether an entry cites it; an entry that cannot be read might."""
        digits = path.removeprefix("cited/sha256/").removesuffix(".gz")
        if len(path) != len("cited/sha256/.gz") + 2 * HASH_BYTES or not set(digits) <= _HEX:
            return False
        return bytes.fromhex(digits) in self.cited or not self.holds or bool(self._files.faults)

    def _tile_fault(self, bundle: int) -> None:
        tile: Tile = tile_of(bundle)
        there = self._files.has(tile.path)
        what = f"is not {TILE_WIDTH * HASH_BYTES} bytes long" if there else "is missing"
        self._files.fault(place_of(tile), what)


_HEX = set("0123456789abcdef")
