"""The file of the subject keys: its tables, its transactions, and what its failures are called.

SQLite with a rollback journal, `secure_delete` and full syncs, so that what was deleted is zeros in the
file when the transaction ends. One connection per process under a lock; a forked child opens its own.
It holds wrapped keys only and knows nothing of what they mean; see `docs/formats/subject-keys.md`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from weakref import WeakSet

import apsw

from assay.atomic import PRIVATE_FILE, make_folder, write_error
from assay.errors import AssayError, DiskFull, KeyStoreError, NotWritable

_APPLICATION_ID = 0x61_73_4B_79
_USER_VERSION = 1
_BUSY_MS = 10_000
_CACHE_KIB = 32 * 1024
_SCHEMA = f"""
CREATE TABLE wrapping_key (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
                           version INTEGER NOT NULL, UNIQUE (id, version)) STRICT;
CREATE TABLE subject_key (subject BLOB PRIMARY KEY, wrapping_key INTEGER NOT NULL,
                          wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE tombstone (subject BLOB NOT NULL, commitment BLOB NOT NULL, destroyed_at TEXT NOT NULL,
                        PRIMARY KEY (subject, commitment)) STRICT, WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_USER_VERSION};
"""


class WrappedKey(NamedTuple):
    """A row of `subject_key`: the 16 bytes of a subject and its wrapped key."""

    subject: bytes
    wrapping_key: int
    wrapped: bytes


class Buried(NamedTuple):
    """A row of `tombstone`."""

    subject: bytes
    commitment: bytes
    destroyed_at: str


class KeyDatabase:
    """The tables. Call its methods inside `reading` or `writing`."""

    def __init__(self, path: Path) -> None:
        """Open the file; make it, mode 0600, if there is none.

        Raises:
            KeyStoreError, NotWritable, DiskFull
        """
        self.path = path
        self._lock = threading.RLock()
        with self._failures_named():
            self._connect()
        _OPEN.add(self)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the connection. Failures come out as errors of assay."""
        with self._lock, self._failures_named():
            if self._process != os.getpid():
                self._connect()
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One durable transaction, or nothing of it."""
        with self.reading():
            _run(self._db, "BEGIN IMMEDIATE")
            try:
                yield
                _run(self._db, "COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    _run(self._db, "ROLLBACK")
                raise

    def state(self) -> tuple[int, int]:
        """Another value than before means that another process may have changed the file."""
        return self._process, int(self._number("PRAGMA data_version"))

    def count(self) -> int:
        """How many subjects have a key."""
        return self._number("SELECT count(*) FROM subject_key")

    def find(self, subject: bytes) -> WrappedKey | None:
        """The wrapped key of a subject."""
        row = self._db.execute("SELECT * FROM subject_key WHERE subject = ?", (subject,)).fetchone()
        return None if row is None else WrappedKey(*row)

    def find_with_destroyed(self, subject: bytes) -> tuple[WrappedKey, frozenset[str]] | None:
        """The wrapped key, and the commitments (hexadecimal) of the subject's destroyed keys.

        One statement, because each takes the file's lock, which costs more than the look-up.
        """
        query = """
            SELECT wrapping_key, wrapped, coalesce(
                (SELECT group_concat(lower(hex(commitment))) FROM tombstone
                 WHERE tombstone.subject = subject_key.subject), '')
            FROM subject_key WHERE subject = ?
        """
        row = self._db.execute(query, (subject,)).fetchone()
        if row is None:
            return None
        wrapping_key, wrapped, destroyed = row
        return WrappedKey(subject, wrapping_key, wrapped), frozenset(
            filter(None, destroyed.split(","))
        )

    def put(self, row: WrappedKey) -> None:
        """Keep a wrapped key in the place of the one that was there."""
        self._db.execute("INSERT OR REPLACE INTO subject_key VALUES (?, ?, ?)", row)

    def drop(self, subject: bytes) -> None:
        """Delete a subject's wrapped key."""
        self._db.execute("DELETE FROM subject_key WHERE subject = ?", (subject,))

    def buried(self, subject: bytes) -> list[Buried]:
        """The subject's tombstones, newest first."""
        query = "SELECT * FROM tombstone WHERE subject = ? ORDER BY destroyed_at DESC"
        return [Buried(*row) for row in self._db.execute(query, (subject,))]

    def all_buried(self) -> list[Buried]:
        """Every tombstone, by subject and instant."""
        query = "SELECT * FROM tombstone ORDER BY subject, destroyed_at"
        return [Buried(*row) for row in self._db.execute(query)]

    def bury(self, row: Buried) -> None:
        """Keep a tombstone; one that is there already stays as it is."""
        self._db.execute("INSERT OR IGNORE INTO tombstone VALUES (?, ?, ?)", row)

    def wrapping_keys(self) -> dict[int, tuple[str, int]]:
        """Id and version of the key-encryption keys in use, by number."""
        rows = self._db.execute("SELECT number, id, version FROM wrapping_key")
        return {number: (key_id, version) for number, key_id, version in rows}

    def number_of(self, key_id: str, version: int) -> int:
        """The number of a key-encryption key, a new one if it has none."""
        self._db.execute(
            "INSERT OR IGNORE INTO wrapping_key (id, version) VALUES (?, ?)", (key_id, version)
        )
        query = "SELECT number FROM wrapping_key WHERE id = ? AND version = ?"
        return self._number(query, key_id, version)

    def wrapped_otherwise(self, number: int, limit: int) -> list[WrappedKey]:
        """Up to `limit` rows that another key-encryption key wrapped."""
        query = "SELECT * FROM subject_key WHERE wrapping_key <> ? LIMIT ?"
        return [WrappedKey(*row) for row in self._db.execute(query, (number, limit))]

    def keep_only(self, number: int) -> None:
        """Forget every key-encryption key but this one."""
        self._db.execute("DELETE FROM wrapping_key WHERE number <> ?", (number,))

    def close(self) -> None:
        """Close this process's connection."""
        with self._lock:
            self._db.close()

    def hold(self) -> None:
        """Let no transaction run until `release`."""
        self._lock.acquire()

    def release(self) -> None:
        """End a `hold`."""
        self._lock.release()

    def _number(self, query: str, *parameters: str | int) -> int:
        row = self._db.execute(query, parameters).fetchone()
        assert row is not None  # noqa: S101 - each of these queries has a row
        return int(row[0])

    def _connect(self) -> None:
        make_folder(self.path.parent)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        self._db = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READWRITE)
        self._process = os.getpid()
        self._db.set_busy_timeout(_BUSY_MS)
        _run(self._db, f"PRAGMA cache_size = -{_CACHE_KIB}")
        _run(self._db, "PRAGMA temp_store = MEMORY")
        _run(self._db, "PRAGMA synchronous = EXTRA")
        modes = (
            _run(self._db, "PRAGMA journal_mode = DELETE"),
            _run(self._db, "PRAGMA secure_delete = ON"),
        )
        if modes != ("delete", 1):
            raise KeyStoreError(
                f"The key store {self.path} cannot be set to delete without a trace.",
                next_step="Close every other program that has it open, then try again.",
            )
        self._make_tables()

    def _make_tables(self) -> None:
        _run(self._db, "BEGIN IMMEDIATE")
        marks = _run(self._db, "PRAGMA application_id"), _run(self._db, "PRAGMA user_version")
        empty = _run(self._db, "SELECT count(*) FROM sqlite_schema") == 0
        if marks == (0, 0) and empty:
            _run(self._db, _SCHEMA)
        _run(self._db, "COMMIT")
        if not empty and marks != (_APPLICATION_ID, _USER_VERSION):
            raise KeyStoreError(
                f"{self.path} is no key store of version {_USER_VERSION}.",
                next_step="Name the right file, or use the release of assay that wrote it.",
            )

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise self._named(error) from error
        except OSError as error:
            raise write_error(self.path, error) from error

    def _named(self, error: apsw.Error) -> AssayError:
        if isinstance(error, apsw.FullError):
            what = f"No space is left for the key store {self.path}; the change was not made."
            return DiskFull(what, next_step="Free some space and do it again.")
        if isinstance(error, apsw.ReadOnlyError):
            what = f"The key store {self.path} cannot be written."
            return NotWritable(
                what, next_step="Check the owner and mode of the file and its folder."
            )
        if isinstance(error, apsw.BusyError):
            what = f"Another process has held the key store {self.path} for {_BUSY_MS // 1000} s."
            return KeyStoreError(what, next_step="Let it finish, then try again.")
        if isinstance(error, apsw.ConnectionClosedError):
            what = f"The key store {self.path} is closed."
            return KeyStoreError(what, next_step="Open it again.")
        what = f"The key store {self.path} is damaged or no key store ({type(error).__name__})."
        return KeyStoreError(what, next_step="Restore it from a copy, then reapply the tombstones.")


def _run(db: apsw.Connection, statements: str) -> str | int | None:
    """Run statements to their end; the first value of the first row, if there is one."""
    rows = db.execute(statements).fetchall()
    return rows[0][0] if rows else None  # type: ignore[return-value]  # text and numbers only


# A fork in the middle of a transaction would leave the child with half of it, to be rolled back in
# the parent's file. So a fork waits for the transaction to end.
_OPEN: WeakSet[KeyDatabase] = WeakSet()
_HELD: list[KeyDatabase] = []


def _before_fork() -> None:
    _HELD.extend(_OPEN)
    for database in _HELD:
        database.hold()


def _after_fork() -> None:
    while _HELD:
        _HELD.pop().release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
