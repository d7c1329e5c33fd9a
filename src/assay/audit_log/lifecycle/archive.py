"""Moves the oldest entries of a log into cold storage, and keeps what proofs need.

Life of a volume: the entries from the log's first one up to a multiple of 256 below its newest
published checkpoint are written into a folder of their own, compressed, with their leaf hashes and
what they cite. Everything is synced to disk, read back and verified against the checkpoint; only then
`archive.json` is put there, in one step, and the volume is one. Then the log records `log_archived`,
and then the entries are dropped from it, in one transaction.

A run that was cut off is run again. Before `archive.json` is there, the volume is written anew; after
it, the volume is verified and what was not yet done is done. At no instant is an entry in neither.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from assay.atomic import make_folder
from assay.audit_log.backends.sqlite_archive import Dropped
from assay.audit_log.entry import citations, event_of
from assay.audit_log.interface import LogReader, Verification
from assay.audit_log.lifecycle.access import ArchivableLog, LogAccess
from assay.audit_log.lifecycle.known_tree import KnownTree, Subtree, covering, subtree_root
from assay.audit_log.lifecycle.verify_archive import verify_volume
from assay.audit_log.lifecycle.volume import Volume
from assay.audit_log.lifecycle.volume_files import (
    MANIFEST,
    Manifest,
    bundle_path,
    clear_unfinished,
    packed,
    packed_cited_path,
    put,
    put_manifest,
    read_manifest,
    tile_of,
    volume_path,
)
from assay.audit_log.merkle import TILE_HEIGHT, TILE_WIDTH, full_root, leaf_hashes
from assay.audit_log.tiles import encode_bundle
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.canonical import digest
from assay.errors import LogBusy, LogDamaged, LogError, NotAnArchive
from assay.vocabulary import Checkpoint

Progress = Callable[[int, int], None]
"""Told how many entries are done, of how many."""


@dataclass(frozen=True, slots=True)
class Archived:
    """What one run did: the volume, the entry that records it, and what left the log."""

    volume: Path
    first: int
    end: int
    recorded_in: int
    dropped: Dropped


def archive(
    access: LogAccess,
    folder: Path,
    *,
    keep: int | None = None,
    before: datetime | None = None,
    progress: Progress = lambda done, total: None,
) -> Archived | None:
    """Archive the oldest entries into `folder`; None where there is nothing to archive.

    All but the newest `keep` entries are archived, or all up to the first that did not occur before
    the instant; in both cases whole bundles of 256 that a published checkpoint covers. A volume that
    an earlier run finished, and whose entries are still in the log, is dropped from it first.

    Raises:
        NotAnArchive: the folder holds something else, or an archive of another log.
        LogDamaged: the entries are not those of the checkpoint, or the volume does not verify.
        LogBusy: another run archives into the folder, or another process writes the log.
        LogError: nothing is published yet, or something that an entry cites is not kept.
        DiskFull, NotWritable: the log keeps everything.
    """
    make_folder(folder)
    with _only_one(folder):
        with access.read() as log:
            first = log.minimum_index
            path = _finished_volume(folder, access.origin, first)
            if path is not None:
                _expect_clean(verify_volume(path, access.trust, progress=progress).seen, path)
            else:
                end, checkpoint = _end(log, access.trust, keep, before)
                if end <= first:
                    return None
                path = volume_path(folder, first)
                write_volume(log, path, checkpoint, end, access.trust, progress)
        return _drop(access, Volume(path))


def write_volume(
    log: LogReader,
    path: Path,
    checkpoint: Checkpoint,
    end: int,
    trust: Trust,
    progress: Progress = lambda done, total: None,
) -> None:
    """Write a volume of the entries from the one that `path` is called by up to `end`.

    It is verified before its manifest is written; what an unfinished run left is removed first.

    Raises:
        LogDamaged: the entries are not those of the checkpoint, or the volume does not verify.
        LogError: something that an entry cites is not kept.
        DiskFull, NotWritable: there is no manifest.
    """
    first = int(path.name)
    outside = [*covering(0, first), *covering(end, checkpoint.size)]
    known = {each: subtree_root(log, checkpoint.size, each) for each in outside}
    manifest = Manifest(checkpoint.origin, first, end, checkpoint.note, known)
    inside: dict[Subtree, bytes] = {}
    clear_unfinished(path)
    make_folder(path)
    for at, root in _write_bundles(log, path, manifest, progress):
        inside[at, TILE_HEIGHT] = root
    if KnownTree(checkpoint.size, known | inside).root != checkpoint.root:
        raise LogDamaged(
            "The log's entries are not those that its newest checkpoint was signed for.",
            next_step="Run `assay log verify`; it says where the first fault is.",
        )
    os.sync()
    _expect_clean(verify_volume(path, trust, manifest=manifest).seen, path)
    put_manifest(path, manifest)


def _drop(access: LogAccess, volume: Volume) -> Archived:
    manifest = volume.manifest
    file_digest = digest(manifest.to_bytes())
    recorded = access.record(
        "log_archived",
        "archive entries",
        f"archived/{manifest.first}/{manifest.end}/{file_digest}",
        {
            "first": manifest.first,
            "count": manifest.end - manifest.first,
            "minimum": manifest.end,
            "tree_size": manifest.size,
            "archive": file_digest,
        },
    )
    dropped = access.shorten(manifest.end, volume.leaves)
    return Archived(volume.folder, manifest.first, manifest.end, recorded, dropped)


def _end(
    log: ArchivableLog, trust: Trust, keep: int | None, before: datetime | None
) -> tuple[int, Checkpoint]:
    """Up to where to archive, and the checkpoint that covers it."""
    note = log.newest_note()
    if note is None:
        raise LogError("The log has not published a checkpoint yet: there is nothing to archive.")
    checkpoint = trusted_checkpoint(note, trust).checkpoint
    end = checkpoint.size
    if keep is not None:
        end = min(end, log.size - keep)
    if before is not None:
        end = _first_not_before(log, log.minimum_index, end, before)
    return end - end % TILE_WIDTH, checkpoint


def _first_not_before(log: LogReader, start: int, end: int, before: datetime) -> int:
    """The first entry that did not occur before the instant, whatever the clock did after it."""
    for index, data in log.entries(start, end):
        if event_of(data).occurred_at >= before:
            return index
    return end


def _write_bundles(
    log: LogReader, path: Path, manifest: Manifest, progress: Progress
) -> Iterator[tuple[int, bytes]]:
    """Write bundles, hashes and what is cited; the first entry of each bundle and its root."""
    entries = log.entries(manifest.first, manifest.end)
    cited: set[str] = set()
    for bundle in manifest.bundles:
        at = bundle * TILE_WIDTH
        block = list(islice(entries, TILE_WIDTH))
        if [index for index, _ in block] != [*range(at, at + TILE_WIDTH)]:
            raise LogDamaged(f"Entries are missing in the log between {at} and {manifest.end}.")
        data = [entry for _, entry in block]
        leaves = leaf_hashes(data)
        put(path, bundle_path(bundle), packed(encode_bundle(data)))
        put(path, tile_of(bundle).path, b"".join(leaves))
        for name in {name for entry in data for name, _ in citations(entry)} - cited:
            put(path, packed_cited_path(name), packed(log.cited_bytes(name)))
            cited.add(name)
        progress(at + TILE_WIDTH - manifest.first, manifest.end - manifest.first)
        yield at, full_root(leaves)


def _finished_volume(folder: Path, origin: str, minimum: int) -> Path | None:
    """The volume that has the first entry of the log, from a run that was cut off after writing it.

    Raises:
        NotAnArchive: the folder holds something else, or an archive of another log.
    """
    strangers = sorted(
        path.name for path in folder.iterdir() if not (path.is_dir() and path.name.isdecimal())
    )
    if strangers:
        raise NotAnArchive(
            f"{folder} holds something else than an archive: {strangers[0]!a}.",
            next_step="Choose an empty folder.",
        )
    found = None
    for path in sorted(folder.glob(f"*/{MANIFEST}")):
        manifest = read_manifest(path.parent)
        if manifest.origin != origin:
            raise NotAnArchive(
                f"{folder} holds an archive of another log.", next_step="Choose an empty folder."
            )
        if manifest.first <= minimum < manifest.end:
            found = path.parent
    return found


def _expect_clean(seen: Verification, path: Path) -> None:
    if not seen.clean:
        fault = seen.faults[0]
        raise LogDamaged(
            f"The volume {path} does not verify: {fault.place} {fault.what}.",
            next_step="The log keeps its entries. Remove the volume, and archive again.",
        )


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder, so that two runs do not write into it at once."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LogBusy(
                f"Another run archives into {folder}.", next_step="Wait until it is done."
            ) from error
        yield
    finally:
        os.close(descriptor)
