"""The files of an exported log as its verifier reads them: within limits, and never through a link.

What cannot be read is a fault with a place, not an exception: verification goes on.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from assay.audit_log.interface import Fault
from assay.audit_log.merkle import HASH_BYTES
from assay.audit_log.tiles import BUNDLE_BYTES_MAX, Tile, decode_bundle
from assay.errors import LogDamaged

FAULTS_MAX = 100
"""Where verification stops: what has so many faults is not worth a longer list."""
_CITED_BYTES_MAX = 1 << 34
_CHUNK_BYTES = 1 << 20


class TooManyFaultsError(Exception):
    """Caught by `verify_export`: the list is full."""


class ExportedFiles:
    """An exported folder, and the faults found in it so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[Fault] = []

    def fault(self, place: str, what: str) -> None:
        """Add a fault.

        Raises:
            TooManyFaultsError: it was one too many.
        """
        self.faults.append(Fault(place, what))
        if len(self.faults) >= FAULTS_MAX:
            raise TooManyFaultsError

    def read(self, path: str, bytes_max: int, place: str) -> bytes | None:
        """A file of at most so many bytes; None, and a fault, where it is not."""
        try:
            data = self._bytes(path, bytes_max)
        except OSError as error:
            self.fault(place, _why(error))
            return None
        if len(data) > bytes_max:
            self.fault(place, f"is longer than {bytes_max} bytes")
            return None
        return data

    def tile(self, tile: Tile) -> bytes | None:
        """A tile's bytes; None, without a fault, where there are not as many as there must be."""
        try:
            data = self._bytes(tile.path, tile.width * HASH_BYTES)
        except OSError:
            return None
        return data if len(data) == tile.width * HASH_BYTES else None

    def entries(self, bundle: Tile) -> list[bytes] | None:
        """The entries of a bundle; None, and a fault, where they cannot be read."""
        data = self.read(bundle.path, BUNDLE_BYTES_MAX, place_of(bundle))
        try:
            return None if data is None else decode_bundle(data, bundle.width)
        except LogDamaged as error:
            self.fault(place_of(bundle), error.message)
            return None

    def entries_if_good(self, bundle: Tile) -> list[bytes] | None:
        """The entries of a bundle; None, without a fault, where they cannot be read."""
        return ExportedFiles(self.folder).entries(bundle)

    def digest(self, path: str, place: str) -> str | None:
        """The SHA-256 of a file in hexadecimal; None, and a fault, where it cannot be read."""
        running = hashlib.sha256()
        try:
            with os.fdopen(self._descriptor(path), "rb") as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    running.update(chunk)
                    if stream.tell() > _CITED_BYTES_MAX:
                        raise OSError(0, f"is longer than {_CITED_BYTES_MAX} bytes")
        except OSError as error:
            self.fault(place, _why(error))
            return None
        return running.hexdigest()

    def has(self, path: str) -> bool:
        """Whether there is anything with this path."""
        return os.path.lexists(self.folder / path)

    def paths(self) -> Iterator[str]:
        """The paths of everything that is not a folder, with `/`, in order."""
        for folder, folders, names in os.walk(self.folder):
            folders.sort()
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for name in sorted(names + links):
                yield Path(folder, name).relative_to(self.folder).as_posix()

    def _bytes(self, path: str, bytes_max: int) -> bytes:
        """The file, or one byte more than the most that is wanted."""
        with os.fdopen(self._descriptor(path), "rb", buffering=0) as stream:
            wanted = min(os.fstat(stream.fileno()).st_size, bytes_max) + 1
            return stream.read(wanted) or b""

    def _descriptor(self, path: str) -> int:
        """An open file; a link, a pipe or a device is none, and does not block."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self.folder / path, flags)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(0, "is not a regular file")
        return descriptor


def place_of(tile: Tile) -> str:
    """How a fault names a tile or a bundle: `tile 0/x001/234`, `entry bundle 3`."""
    return f"entry bundle {tile.index}" if tile.level is None else tile.path.replace("/", " ", 1)


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "is missing"
    why = error.strerror or type(error).__name__
    return f"cannot be read ({why})" if error.errno else why
