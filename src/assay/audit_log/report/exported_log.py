"""An exported folder (`tiles_folder.py`) as a log that a report can be made of or compared with.

Nothing is believed here: the entries are hashed and compared with the checkpoint by whoever reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assay.audit_log.exported_files import ExportedFiles
from assay.audit_log.merkle import HASH_BYTES, TILE_WIDTH
from assay.audit_log.notes import NOTE_BYTES_MAX, split_note
from assay.audit_log.signed_messages import tree_head
from assay.audit_log.tiles import tile_in_tree
from assay.audit_log.tiles_folder import CHECKPOINT
from assay.errors import LogDamaged, NotAnExport


class ExportedLog:
    """The log in an exported folder."""

    def __init__(self, folder: Path) -> None:
        """Read the folder's checkpoint.

        Raises:
            NotAnExport: there is none.
            BadNote: it is not a checkpoint.
        """
        self._files = ExportedFiles(folder)
        data = self._files.read(CHECKPOINT, NOTE_BYTES_MAX, CHECKPOINT)
        if data is None:
            raise NotAnExport(
                f"{folder} holds no exported log: its checkpoint {self._files.faults[0].what}.",
                next_step="Name the folder that `assay log export` wrote.",
            )
        self._note = data.decode("utf-8", "surrogateescape")
        self._size = tree_head(split_note(self._note)[0]).size

    @property
    def size(self) -> int:
        """How many entries the checkpoint promises."""
        return self._size

    def entries(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the entries, in order; bundles that were archived are left out.

        Raises:
            LogDamaged: a bundle is there and cannot be read.
        """
        for number in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            bundle = tile_in_tree(None, number, self._size)
            if not self._files.has(bundle.path):
                continue
            entries = self._files.entries(bundle)
            if entries is None:
                fault = self._files.faults[-1]
                raise LogDamaged(f"The {fault.place} of the export {fault.what}.")
            for index, data in enumerate(entries, number * TILE_WIDTH):
                if start <= index < end:
                    yield index, data

    def tile(self, level: int, n: int, width: int) -> bytes:
        """The first `width` hashes of a tile.

        Raises:
            LogDamaged: the tile cannot be read.
        """
        wanted = tile_in_tree(level, n, self._size)
        data = self._files.tile(wanted)
        if data is None or wanted.width < width:
            raise LogDamaged(f"The {wanted.path} of the export is missing or too short.")
        return data[: width * HASH_BYTES]

    def newest_note(self) -> str | None:
        """The folder's checkpoint."""
        return self._note

    def notes(self) -> Iterator[str]:
        """The folder's checkpoint, the only one that it keeps."""
        yield self._note
