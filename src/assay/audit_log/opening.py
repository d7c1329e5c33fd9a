"""Opens a log where it lives: in a folder (SQLite) or in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.audit_log.backends import sqlite_evidence
from assay.audit_log.backends.sqlite import SqliteLogStore
from assay.audit_log.backends.sqlite_files import DATABASE
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.interface import LogReader, Verification
from assay.audit_log.log import AuditLog
from assay.audit_log.notes import VerifierKey
from assay.audit_log.signer import LogSigner
from assay.audit_log.trust import Trust
from assay.audit_log.verify import Progress
from assay.errors import LogError


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a log lives: a database by URL, or else files in a folder."""

    folder: Path
    url: str = ""

    @property
    def begun(self) -> bool:
        """Whether there is a log, as far as this can be seen without a database."""
        return bool(self.url) or (self.folder / DATABASE).exists()


def open_log(place: LogPlace, signer: LogSigner, **options: Any) -> AuditLog:
    """The log for writing; begun where there is none. `options` are `AuditLog`'s.

    Raises:
        LogBusy: another process writes this log.
        LogDamaged, LogError, NotWritable, DiskFull
        MissingExtra: a URL, and no driver for it.
    """
    if not place.url:
        return open_sqlite_log(place.folder, signer, **options)
    from assay.audit_log.backends.postgres import open_postgres_store

    store = open_postgres_store(place.url, signer.verifier)
    try:
        return AuditLog(store, open_reader(place, signer.verifier), signer, **options)
    except BaseException:
        store.close()
        raise


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


def open_reader(place: LogPlace, verifier: VerifierKey) -> LogReader:
    """The log for reading, which must be there.

    Raises:
        LogError, MissingExtra
    """
    if not place.url:
        return SqliteLogReader(place.folder, verifier)
    from assay.audit_log.backends.postgres_reader import PostgresLogReader

    return PostgresLogReader(place.url, verifier)


def verify_log(
    place: LogPlace,
    key: VerifierKey,
    retained: Sequence[str] = (),
    *,
    trust: Trust | None = None,
    index: bool = True,
    progress: Progress = lambda _: None,
) -> Verification:
    """Everything that does not hold in the log; see `verify.py`.

    Raises:
        LogError: there is none, or it cannot be opened for reading.
    """
    if not place.url:
        return sqlite_evidence.verify(
            place.folder, key, retained, trust=trust, index=index, progress=progress
        )
    from assay.audit_log.backends.postgres_evidence import verify

    return verify(place.url, key, retained, trust=trust, index=index, progress=progress)


def reindex_log(
    place: LogPlace, verifier: VerifierKey, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Make index, ids and tile hashes of the log again; how many entries it has.

    The entries are not changed, and not verified either: `assay log verify` does that.

    Raises:
        LogBusy: another process writes this log.
        LogDamaged, LogError, DiskFull
    """
    if place.url:
        from assay.audit_log.backends.postgres import open_postgres_store

        with open_postgres_store(place.url, verifier) as there:
            there.make_projections_again(progress)
            return there.size
    store = SqliteLogStore(place.folder, verifier, new_index=True)
    try:
        store.make_projections_again(progress)
        if not store.settle():
            raise LogError(
                f"The index of {place.folder} could not be filled.",
                next_step="Is there room for it?",
            )
        return store.size
    finally:
        store.close()
