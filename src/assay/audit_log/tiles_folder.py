"""A log as a folder of files: C2SP tiles, entry bundles, a checkpoint, and what entries cite.

    checkpoint                the newest published one, with all its signatures; written last
    log.vkey                  the log's verifier keys, one a line
    tile/...                  tiles and entry bundles (`tiles.py`)
    cited/sha256/<hex>        the bytes that entries cite by digest; their media type is in the entry

The folder can be served by any web server and verified without assay (`docs/formats/tiles.md`). What
is exported is recomputed from the entries on the way, so that a log that does not verify is not
exported. An export into a folder that holds an older one of the same log adds what is new. Every
file but the checkpoint never changes: it is written beside its place and renamed, everything is
synced to disk once, and then the checkpoint is put there. An export that was cut off is simply run
again. Memory does not grow with the log.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from assay.atomic import PRIVATE_FILE, make_folder, write_atomically, write_error
from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.entry import citations
from assay.audit_log.interface import LogReader
from assay.audit_log.merkle import TILE_WIDTH, CompactRange, TileNode, leaf_hashes
from assay.audit_log.notes import NOTE_BYTES_MAX, VerifierKey
from assay.audit_log.proofs import compact_range
from assay.audit_log.tiles import (
    Tile,
    encode_bundle,
    hashes_at,
    partial_tiles,
    tile_in_tree,
)
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.errors import BadNote, LogBusy, LogDamaged, LogError, NotAnExport
from assay.vocabulary import Checkpoint

CHECKPOINT = "checkpoint"
VERIFIER_KEYS = "log.vkey"
CITED = "cited"
TILES = "tile"
UNFINISHED = ".unfinished"

Progress = Callable[[int, int], None]
"""Told how many entries are done, of how many."""

_PLACES = frozenset({CHECKPOINT, VERIFIER_KEYS, CITED, TILES, UNFINISHED})
_READABLE_FILE = 0o640


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did: the checkpoint in the folder, and where the folder stood before."""

    checkpoint: Checkpoint
    size_before: int


def export(
    reader: LogReader,
    folder: Path,
    keys: Sequence[VerifierKey],
    progress: Progress | None = None,
) -> Exported:
    """Bring the folder to the log's newest published checkpoint.

    `keys` are the log's verifier keys, with all of which the new checkpoint must be signed.

    Raises:
        NotTrusted: a key did not sign it.
        BadNote: a signature does not hold.
        LogError: nothing is published yet, or something that an entry cites is not kept.
        LogDamaged: the entries are not those that the checkpoint was signed for.
        NotAnExport: the folder holds something else, or an export that this log did not grow from.
        LogBusy: another export writes into the folder.
        DiskFull, NotWritable: the folder keeps its old checkpoint.
    """
    note = reader.newest_note()
    if note is None:
        raise LogError("The log has not published a checkpoint yet: there is nothing to export.")
    checkpoint = trusted_checkpoint(note, Trust(tuple(keys))).checkpoint
    make_folder(folder)
    with _only_one(folder):
        before = _size_before(reader, folder, keys, checkpoint)
        _put(folder, VERIFIER_KEYS, "".join(f"{key}\n" for key in keys).encode(), _READABLE_FILE)
        _write_tree(reader, folder, before, checkpoint, progress or _say_nothing)
        os.sync()
        write_atomically(folder / CHECKPOINT, note.encode(), mode=_READABLE_FILE)
        _drop_filled_partials(folder, before, checkpoint.size)
    return Exported(checkpoint, before)


def _write_tree(
    reader: LogReader, folder: Path, before: int, checkpoint: Checkpoint, progress: Progress
) -> None:
    size = checkpoint.size
    start = before - before % TILE_WIDTH
    edge = _Edge(reader, folder, start)
    entries = reader.entries(start, size)
    while edge.tree.size < size:
        block = list(islice(entries, min(TILE_WIDTH, size - edge.tree.size)))
        if [index for index, _ in block] != [*range(edge.tree.size, edge.tree.size + len(block))]:
            raise LogDamaged(f"Entries are missing in the log after {edge.tree.size}.")
        if not block:
            raise LogDamaged(f"The log ends at {edge.tree.size} entries, its checkpoint at {size}.")
        edge.add([data for _, data in block])
        for _, data in block:
            _export_cited(reader, folder, data)
        progress(edge.tree.size, size)
    edge.finish()
    if edge.tree.root != checkpoint.root:
        raise LogDamaged(
            "The log's entries are not those that its newest checkpoint was signed for.",
            next_step="Run `assay log verify`; it says where the first fault is.",
        )


class _Edge:
    """The right edge of the tree while blocks of 256 entries are added: what is not yet a file."""

    def __init__(self, reader: LogReader, folder: Path, start: int) -> None:
        self._folder = folder
        self.tree: CompactRange = compact_range(reader, start)
        self._rows: dict[int, bytearray] = {}
        for tile in partial_tiles(start):
            if tile.level:
                self._rows[tile.level] = bytearray(reader.tile(tile.level, tile.index, tile.width))

    def add(self, entries: Sequence[bytes]) -> None:
        """Write the bundle and the tile of the next 256 entries, or of the last ones."""
        index, leaves = self.tree.size // TILE_WIDTH, leaf_hashes(entries)
        _put(self._folder, Tile(None, index, len(entries)).path, encode_bundle(entries))
        _put(self._folder, Tile(0, index, len(entries)).path, b"".join(leaves))
        self.tree, nodes = self.tree.grow(leaves)
        for node in nodes:
            self._add_node(node)

    def finish(self) -> None:
        """Write the partial tiles above level 0."""
        for tile in partial_tiles(self.tree.size):
            if tile.level:
                _put(self._folder, tile.path, bytes(self._rows[tile.level]))

    def _add_node(self, node: TileNode) -> None:
        level, index, value = node
        row = self._rows.setdefault(level, bytearray())
        row += value
        if index % TILE_WIDTH == TILE_WIDTH - 1:
            _put(self._folder, Tile(level, index // TILE_WIDTH, TILE_WIDTH).path, bytes(row))
            row.clear()


def _export_cited(reader: LogReader, folder: Path, entry: bytes) -> None:
    for digest, _ in citations(entry):
        place = cited_path(digest)
        if not (folder / place).exists():
            _put(folder, place, reader.cited_bytes(digest))


def cited_path(digest: str) -> str:
    """Where cited bytes are: `cited/sha256/<hex>`.

    Raises:
        LogDamaged: it is not `sha256:` and 64 hexadecimal digits.
    """
    algorithm, _, digits = digest.partition(":")
    if algorithm != "sha256" or len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise LogDamaged("An entry cites something that is not a SHA-256 digest.")
    return f"{CITED}/sha256/{digits}"


def _size_before(
    reader: LogReader, folder: Path, keys: Sequence[VerifierKey], checkpoint: Checkpoint
) -> int:
    """How far the folder's export of this log reaches; 0 where there is none."""
    strangers = sorted({path.name for path in folder.iterdir()} - _PLACES)
    if strangers:
        raise NotAnExport(
            f"{folder} holds something else than an export: {strangers[0]!a}.",
            next_step="Choose an empty folder.",
        )
    path = folder / CHECKPOINT
    if not path.exists():
        return 0
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            older = open_checkpoint(stream.read(NOTE_BYTES_MAX + 1), *keys)
    except OSError as error:
        raise NotAnExport(f"{path} cannot be read ({error.strerror}).") from error
    except BadNote as error:
        raise NotAnExport(
            f"The checkpoint in {folder} is not one of this log: {error.message}",
            next_step="Choose an empty folder.",
        ) from error
    if older.size > checkpoint.size:
        raise NotAnExport(
            f"The export in {folder} has {older.size} entries, the log only {checkpoint.size}.",
            next_step="Keep the export: it shows that the log's tail was cut. Verify both.",
        )
    if compact_range(reader, older.size).root != older.root:
        raise NotAnExport(
            f"The log did not grow from the {older.size} entries in {folder}.",
            next_step="Keep the export: it shows that the log was rewritten. Verify both.",
        )
    return older.size


def _drop_filled_partials(folder: Path, before: int, size: int) -> None:
    """Remove partial tiles of the export before whose full tile is there now."""
    for tile in partial_tiles(before):
        if hashes_at(tile.level or 0, size) < (tile.index + 1) * TILE_WIDTH:
            continue
        for level in (tile.level, None) if tile.level == 0 else (tile.level,):
            full = folder / tile_in_tree(level, tile.index, size).path
            shutil.rmtree(full.with_name(f"{full.name}.p"), ignore_errors=True)


def _put(folder: Path, place: str, data: bytes, mode: int = PRIVATE_FILE) -> None:
    """Write a file that is there whole or not at all; `export` syncs them all at once."""
    path, unfinished = folder / place, folder / UNFINISHED
    make_folder(path.parent)
    try:
        unfinished.write_bytes(data)
        unfinished.chmod(mode)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise write_error(path, error) from error


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder, so that two exports do not write into it at once."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LogBusy(
                f"Another export writes into {folder}.", next_step="Wait until it is done."
            ) from error
        yield
    finally:
        os.close(descriptor)


def _say_nothing(done: int, total: int) -> None:
    pass
