"""Opens a log in a folder, for writing and for reading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from assay.audit_log.backends.sqlite import SqliteLogStore
from assay.audit_log.backends.sqlite_files import INDEX
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.log import AuditLog
from assay.audit_log.notes import VerifierKey
from assay.audit_log.signer import LogSigner
from assay.errors import LogError


def open_sqlite_log(folder: Path, signer: LogSigner, **options: Any) -> AuditLog:
    """The log in `folder` for writing; begun where there is none. `options` are `AuditLog`'s.

    Raises:
        LogBusy: another process writes this log.
        LogDamaged, LogError, NotWritable, DiskFull
    """
    store = SqliteLogStore(folder, signer.verifier)
    try:
        reader = SqliteLogReader(folder, signer.verifier)
        return AuditLog(store, reader, signer, **options)
    except BaseException:
        store.close()
        raise


def reindex_sqlite_log(
    folder: Path, verifier: VerifierKey, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Make index, ids and tile hashes of the log in `folder` again; how many entries it has.

    The entries are not changed, and not verified either: `assay log verify` does that.

    Raises:
        LogBusy: another process writes this log.
        LogDamaged, LogError, DiskFull
    """
    for suffix in ("", "-wal", "-shm"):
        (folder / f"{INDEX}{suffix}").unlink(missing_ok=True)
    store = SqliteLogStore(folder, verifier)
    try:
        store.make_projections_again(progress)
        if not store.settle():
            raise LogError(
                f"The index of {folder} could not be filled.", next_step="Is there room for it?"
            )
        return store.size
    finally:
        store.close()
