"""The published checkpoint beside a log in SQLite: what opening the log does about it.

A checkpoint is kept in the database, then published as a file. A crash may come between the two; then
the kept one is published now. The other way round, a published checkpoint of more entries than there
are says that the log's tail was cut, or that an older copy of it was put back. To go on would be to sign
a second history, so that is refused.
"""

from __future__ import annotations

from pathlib import Path

from assay.atomic import write_atomically
from assay.audit_log.backends.sqlite_files import PUBLISHED_CHECKPOINT, RUN_VERIFY, published_note
from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.notes import VerifierKey
from assay.errors import BadNote, LogDamaged


def publish(folder: Path, note: str) -> None:
    """Put a checkpoint where readers look for it.

    Raises:
        DiskFull, NotWritable
    """
    write_atomically(folder / PUBLISHED_CHECKPOINT, note.encode(), mode=0o640)


def publish_again(folder: Path, kept: str | None, size: int, verifier: VerifierKey) -> None:
    """Publish the newest kept checkpoint of a log of `size` entries, where that is not done.

    Raises:
        LogDamaged: more was published than there is.
        LogError, DiskFull, NotWritable: the file cannot be read, or written.
    """
    published = published_note(folder)
    published_size, kept_size = _size(published, verifier), _size(kept, verifier)
    if max(published_size, kept_size) > size:
        raise LogDamaged(
            f"More was published of the log {folder} than its {size} entries: its tail was cut, or an"
            " older copy was put back.",
            next_step=RUN_VERIFY,
        )
    if kept is not None and kept != published and kept_size >= published_size:
        publish(folder, kept)


def _size(note: str | None, verifier: VerifierKey) -> int:
    """The size that a checkpoint says; -1 for none, and for one that the log's key did not sign."""
    try:
        return -1 if note is None else open_checkpoint(note, verifier).size
    except BadNote:
        return -1
