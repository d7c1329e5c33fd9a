"""The SQLite files of a log: opening, locking, and what their refusals are called.

SQLite comes with APSW, whose version is newer than Python's own (decision 0002).
"""

from __future__ import annotations

import fcntl
import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import apsw

from assay.atomic import write_atomically, write_error
from assay.errors import DiskFull, LogBusy, LogDamaged, LogError

DATABASE = "log.sqlite"
INDEX = "log-index.sqlite"
PUBLISHED_CHECKPOINT = "log.checkpoint"
LOCK = "log.lock"
VERSION = 2
RUN_VERIFY = "Run `assay log verify` to see where."

_PAGES = "PRAGMA page_size = 8192"
_BUSY_MS = 5_000


def make_database(path: Path, schema: str) -> None:
    """Put an empty database at `path`, made in memory so that no half of one ever lies on disk."""
    db = apsw.Connection(":memory:")
    db.execute(f"{_PAGES}; {schema}; PRAGMA user_version = {VERSION}").fetchall()
    data = bytes(db.serialize("main"))
    db.close()
    write_atomically(path, data, mode=0o600)


def open_to_write(path: Path, *, synchronous: str) -> apsw.Connection:
    """The database, in WAL mode.

    Raises:
        LogError: not there, not to be opened, or of another version of this format.
    """
    db = _opened(path, writing=True)
    try:
        for pragma in ("journal_mode = WAL", f"synchronous = {synchronous}"):
            db.execute(f"PRAGMA {pragma}").fetchall()
        db.execute("PRAGMA wal_autocheckpoint = 2000; PRAGMA cache_size = -32000").fetchall()
    except apsw.Error as error:
        db.close()
        raise log_error(str(path.parent), error) from error
    return db


def open_to_read(path: Path) -> apsw.Connection:
    """The database, read only; also where nothing can be written, not even a lock.

    SQLite wants to write beside a database that is in WAL mode. On a full disk or a read-only copy it
    cannot; then, if no write-ahead log is left that would have to be read too, the file alone is
    opened as one that nobody changes.

    Raises:
        apsw.Error: it cannot be opened, or is no database.
    """
    try:
        return _probed(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY))
    except (apsw.CantOpenError, apsw.IOError, apsw.ReadOnlyError, apsw.FullError):
        write_ahead = path.with_name(path.name + "-wal")
        if write_ahead.exists() and write_ahead.stat().st_size:
            raise
        uri = f"{path.absolute().as_uri()}?immutable=1"
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        return _probed(apsw.Connection(uri, flags=flags))


def open_log_file(path: Path) -> apsw.Connection:
    """The log's database, read only.

    Raises:
        LogError: not there, not to be opened, or of another version of this format.
    """
    return _opened(path, writing=False)


def published_note(folder: Path) -> str | None:
    """The checkpoint that lies beside the log; None where there is none.

    Raises:
        LogError: it cannot be read.
    """
    path = folder / PUBLISHED_CHECKPOINT
    try:
        return path.read_text("utf-8", "surrogateescape") if path.exists() else None
    except OSError as error:
        raise LogError(f"{path} cannot be read ({error.strerror}).") from error


def log_error(name: str, error: apsw.Error) -> LogError | DiskFull:
    """What a refusal of SQLite is called; never with a value in it."""
    if isinstance(error, apsw.FullError | apsw.IOError):
        return DiskFull(
            f"The log {name} could not be written ({type(error).__name__}).",
            next_step="Free some space and run it again; the log keeps what it had.",
        )
    if isinstance(error, apsw.CorruptError | apsw.NotADBError | apsw.SQLError):
        return LogDamaged(f"The log {name} is damaged ({error}).", next_step=RUN_VERIFY)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return LogBusy(f"The log {name} is in use.", next_step="Try again in a moment.")
    return LogError(
        f"The log {name} cannot be used ({type(error).__name__}).",
        next_step="Check its owner and mode.",
    )


def is_of_this_version(path: Path) -> bool:
    """Whether the database can be opened and says that it has this version of the format."""
    try:
        with closing(open_to_read(path)) as db:
            return bool(db.pragma("user_version") == VERSION)
    except apsw.Error:
        return False


def take_lock(path: Path) -> int:
    """The descriptor of the lock file, held.

    Raises:
        LogBusy: another process holds it; its name is in the message.
        NotWritable: the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise write_error(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip() or "unknown"
        os.close(descriptor)
        raise LogBusy(
            f"Another process writes this log: {holder}.",
            next_step="Wait until it has ended, or stop it.",
        ) from error
    line = f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n"
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, line.encode(), 0)
    return descriptor


def release_lock(descriptor: int) -> None:
    """Let another writer in."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _opened(path: Path, *, writing: bool) -> apsw.Connection:
    try:
        if not path.exists():
            raise LogError(f"There is no log at {path}.", next_step="`assay assess` begins one.")
        flags = apsw.SQLITE_OPEN_READWRITE
        db = _probed(apsw.Connection(str(path), flags=flags)) if writing else open_to_read(path)
        version = int(db.pragma("user_version"))
    except apsw.Error as error:
        raise log_error(str(path.parent), error) from error
    if _has_code(db):
        db.close()
        raise LogDamaged(
            f"{path} has triggers or views, which no log has: somebody else put them there.",
            next_step="Keep a copy as evidence and restore one without them; do not append.",
        )
    if version != VERSION:
        db.close()
        raise LogError(
            f"{path} has version {version} of the log's format, this assay reads {VERSION}.",
            next_step="Use the assay that wrote it, or verify an export of it.",
        )
    return db


def _has_code(db: apsw.Connection) -> bool:
    """Whether the database would do something by itself when it is written or read."""
    found = db.execute("SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')")
    return found.fetchone() != (0,)


def _probed(db: apsw.Connection) -> apsw.Connection:
    """The connection, once it has shown that it can read."""
    try:
        db.set_busy_timeout(_BUSY_MS)
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except apsw.Error:
        db.close()
        raise
    return db
