"""Opens a dataset that assay.toml declares, with its key; what readers and steps share."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from assay.canonical import file_digest
from assay.compliance.interface import Scene
from assay.data.interface import Table
from assay.data.tables import open_table
from assay.errors import UnreadableFile
from assay.settings import DatasetSettings, Settings
from assay.vocabulary import Target, TargetKind


def dataset_target(scene: Scene, name: str) -> Target:
    """The dataset with its file's digest, or without one where the file cannot be read."""
    path = scene.settings.path(scene.settings.datasets[name].source)
    try:
        seen = path.stat()
        digest = _digest(path, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    except OSError:
        return Target(TargetKind.DATASET, name)
    return Target(TargetKind.DATASET, name, digest)


@lru_cache(maxsize=256)
def _digest(path: Path, *_unchanged: int) -> str:
    """The digest of a file; read once as long as its inode, size and times stay as they are."""
    return file_digest(path)


def dataset_key(scene: Scene, dataset: DatasetSettings) -> bytes | None:
    """The key of an encrypted file, None if none is declared.

    Raises:
        UnreadableFile: the key file is missing, not permitted, or no AES key.
    """
    if not dataset.key_file:
        return None
    return key_in(scene.settings.path(dataset.key_file))


def key_in(path: Path) -> bytes:
    """The raw AES key in a file.

    Raises:
        UnreadableFile: missing, not permitted, or not 16, 24 or 32 bytes long.
    """
    try:
        key = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(
            f"The key file {path} cannot be read ({error.strerror}).",
            next_step="Check key_file in assay.toml, and the file's owner and mode.",
        ) from error
    if len(key) not in (16, 24, 32):
        raise UnreadableFile(
            f"The key file {path} holds {len(key)} bytes; an AES key has 16, 24 or 32.",
            next_step="Give the raw key, without line feed or encoding.",
        )
    return key


def open_dataset(scene: Scene, name: str) -> Table:
    """The declared table.

    Raises:
        AssayError: whatever keeps it from being read.
    """
    dataset = scene.settings.datasets[name]
    return open_table(scene.settings.path(dataset.source), key=dataset_key(scene, dataset))


def shown_path(settings: Settings, path: Path) -> str:
    """A path within the project as it is from there, another one whole."""
    try:
        return str(path.relative_to(settings.folder))
    except ValueError:
        return str(path)
