"""Files that are there whole or not at all: a temporary file beside the target, then a rename.

The file and its folder are synced, so that neither a crash nor a power cut leaves half a file.
"""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from assay.errors import CouldNotFinish, DiskFull, NotWritable

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def write_atomically(path: Path, data: bytes, *, mode: int = PRIVATE_FILE) -> None:
    """Put `data` at `path` with `mode`, replacing what is there in one step.

    Raises:
        DiskFull: no space is left.
        NotWritable: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise write_error(path, error) from error


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, and its parents; harmless if it is there.

    Raises:
        NotWritable, DiskFull
    """
    try:
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> CouldNotFinish:
    """What a failed write of `path` is called."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(
            f"No space is left to write {path}.",
            next_step="Free some space and run it again; nothing half-written was left.",
        )
    return NotWritable(
        f"{path} cannot be written ({error.strerror or type(error).__name__}).",
        next_step="Check the folder's owner and mode, or choose another folder.",
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
