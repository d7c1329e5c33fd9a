"""What a witness cosigned last, of each log: one table, and a transaction around every decision.

A witness is worth its memory. So the check against what it cosigned last and the record of what it
cosigns now are one transaction, which is on disk before anything is signed; two requests at once, or
two processes on one folder, come one after the other. A record that is gone is not begun anew: with
it went what the witness promised, and its key must not promise anything else.

SQLite with a rollback journal and `synchronous = EXTRA`, which syncs the folder too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import apsw

from assay.atomic import write_atomically
from assay.errors import DiskFull, LogBusy, LogDamaged, LogError

DATABASE = "witness.sqlite"
REFUSED_MAX = 100
"""How many refused checkpoints of a log are kept, of each kind."""
_VERSION = 1
_APPLICATION_ID = 0x61_73_57_69
_BUSY_MS = 5_000
_SCHEMA = f"""
CREATE TABLE cosigned (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL,
                       note TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE refused (origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
                      status INTEGER NOT NULL, note TEXT NOT NULL,
                      PRIMARY KEY (origin, status, size, root)) STRICT, WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint of a log, whose signature held."""

    size: int
    root: bytes
    note: str


class Decision:
    """The record of one log, held so that nobody else changes it meanwhile."""

    def __init__(self, db: apsw.Connection, origin: str) -> None:
        self._db, self._origin = db, origin

    @property
    def last(self) -> Seen | None:
        """What was cosigned last; None if nothing ever was."""
        sql = "SELECT size, root, note FROM cosigned WHERE origin = ?"
        row = self._db.execute(sql, (self._origin,)).fetchone()
        return None if row is None else Seen(*row)

    def keep(self, seen: Seen) -> None:
        """From now on this is what was cosigned last."""
        row = (self._origin, seen.size, seen.root, seen.note)
        self._db.execute("INSERT OR REPLACE INTO cosigned VALUES (?, ?, ?, ?)", row)

    def keep_refused(self, seen: Seen, status: int) -> None:
        """Keep a signed checkpoint that was refused with this status, the first of each kind.

        The kinds are counted apart: anybody can send a good checkpoint with a bad proof, which must
        not leave without room what only the log itself can have signed.
        """
        sql = "SELECT count(*) FROM refused WHERE origin = ? AND status = ?"
        [count] = self._db.execute(sql, (self._origin, status)).fetchone() or (0,)
        if int(count) < REFUSED_MAX:
            row = (self._origin, seen.size, seen.root, status, seen.note)
            self._db.execute("INSERT OR IGNORE INTO refused VALUES (?, ?, ?, ?, ?)", row)


class WitnessState:
    """The record. Usable from any thread."""

    def __init__(self, folder: Path) -> None:
        """Open the record of a witness.

        Raises:
            LogDamaged: it is gone, or is none.
            LogError: it cannot be opened.
        """
        self._path = folder / DATABASE
        self._lock = threading.Lock()
        if not self._path.exists():
            raise LogDamaged(
                f"The witness's record {self._path} is gone: nobody knows what it cosigned.",
                next_step="Begin a new witness with a new key, and give that to its verifiers.",
            )
        with self._failures_named():
            self._db = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    @classmethod
    def begin(cls, folder: Path) -> None:
        """Put an empty record into a folder.

        Raises:
            NotWritable, DiskFull
        """
        db = apsw.Connection(":memory:")
        db.execute(_SCHEMA).fetchall()
        data = bytes(db.serialize("main"))
        db.close()
        write_atomically(folder / DATABASE, data)

    @contextmanager
    def deciding(self, origin: str) -> Iterator[Decision]:
        """The record of one log in a transaction that is on disk when the block has ended.

        Raises:
            DiskFull, LogBusy, LogDamaged, LogError: nothing of it was kept.
        """
        with self._lock, self._failures_named():
            self._db.execute("BEGIN IMMEDIATE").fetchall()
            try:
                yield Decision(self._db, origin)
                self._db.execute("COMMIT").fetchall()
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK").fetchall()
                raise

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> None:
        self._db.set_busy_timeout(_BUSY_MS)
        marks = int(self._db.pragma("application_id")), int(self._db.pragma("user_version"))
        if marks != (_APPLICATION_ID, _VERSION):
            raise LogDamaged(
                f"{self._path} is no witness's record of version {_VERSION}.",
                next_step="Use the assay that wrote it, or begin a new witness with a new key.",
            )
        self._db.execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA").fetchall()

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise self._named(error) from error

    def _named(self, error: apsw.Error) -> LogError | DiskFull:
        if isinstance(error, apsw.FullError | apsw.IOError | apsw.ReadOnlyError):
            return DiskFull(
                f"The witness's record {self._path} could not be written ({type(error).__name__}).",
                next_step="Free some space, check its mode; nothing was cosigned.",
            )
        if isinstance(error, apsw.BusyError | apsw.LockedError):
            return LogBusy(
                f"Another program holds the witness's record {self._path}.",
                next_step="Let it finish, then ask again.",
            )
        if isinstance(error, apsw.CorruptError | apsw.NotADBError | apsw.SQLError):
            return LogDamaged(
                f"The witness's record {self._path} is damaged.",
                next_step="Begin a new witness with a new key, and give that to its verifiers.",
            )
        return LogError(
            f"The witness's record {self._path} cannot be used ({type(error).__name__}).",
            next_step="Check its owner and mode.",
        )
