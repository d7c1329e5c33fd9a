"""The audit log in one SQLite file: append, read, query.

Life of a batch: the writer holds the lock file; events become entry bytes and leaf hashes outside
the transaction; one transaction adds entries, cited bytes, index rows, the new head and a signed
checkpoint, and is synced to disk (`synchronous=FULL`) before `append_many` returns; then the
checkpoint is published as a file beside the log. What was returned is never lost; what was not
returned left nothing behind.

`entry`, `cited` and `checkpoint` are evidence, `head` is the tree's compact range; `event` is an
index over them. SQLite comes with APSW, whose version is newer than Python's own (decision 0002).
What this log does not have yet: witnesses, tiles, PostgreSQL.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from assay.atomic import make_folder, write_atomically, write_error
from assay.audit_log.checkpoint import open_checkpoint, sign_checkpoint
from assay.audit_log.entry import entry_bytes, event_of
from assay.audit_log.interface import EventQuery
from assay.audit_log.merkle import HASH_BYTES, CompactRange, leaf_hash
from assay.audit_log.notes import VerifierKey
from assay.canonical import digest, instant
from assay.crypto.signing import SigningKey
from assay.errors import DiskFull, LogBusy, LogDamaged, LogError
from assay.vocabulary import Checkpoint, Event, Exhibit

DATABASE = "log.sqlite"
PUBLISHED_CHECKPOINT = "log.checkpoint"
_LOCK = "log.lock"

_SCHEMA = """
CREATE TABLE entry (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL, leaf_hash BLOB NOT NULL) STRICT;
CREATE TABLE cited (digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL,
                   subtrees BLOB NOT NULL) STRICT;
CREATE TABLE event (idx INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, occurred_at TEXT NOT NULL,
                    type TEXT NOT NULL, severity INTEGER NOT NULL, actor TEXT NOT NULL) STRICT;
CREATE INDEX event_by_time ON event (occurred_at);
CREATE INDEX event_by_type ON event (type, occurred_at);
CREATE INDEX event_by_actor ON event (actor, occurred_at);
INSERT INTO head VALUES (1, 0, x'');
PRAGMA user_version = 1;
"""


class SqliteLogReader:
    """Reads a log; what it returns is checked against its digest or its signature."""

    def __init__(self, folder: Path, verifier: VerifierKey) -> None:
        self.folder = folder
        self.verifier = verifier
        self._db = _open(folder / DATABASE, writing=False)

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def size(self) -> int:
        """How many entries there are."""
        return int(self._row("SELECT count(*) FROM entry")[0])

    def entry(self, index: int) -> bytes:
        """The bytes of an entry, as they were hashed."""
        row = self._row("SELECT bytes FROM entry WHERE idx = ?", index)
        if row is None:
            raise LogError(f"There is no entry {index} in the log {self.folder}.")
        return bytes(row[0])

    def cited_bytes(self, wanted: str) -> bytes:
        """The evidence or exhibit with this digest, checked against it."""
        row = self._row("SELECT bytes FROM cited WHERE digest = ?", wanted)
        if row is None:
            raise LogError(f"The log {self.folder} does not keep {wanted}.")
        data = bytes(row[0])
        if digest(data) != wanted:
            raise LogDamaged(
                f"The bytes kept as {wanted} have another digest.", next_step=_RUN_VERIFY
            )
        return data

    def media_type(self, wanted: str) -> str:
        """The media type of cited bytes."""
        row = self._row("SELECT media_type FROM cited WHERE digest = ?", wanted)
        if row is None:
            raise LogError(f"The log {self.folder} does not keep {wanted}.")
        return str(row[0])

    def query(self, wanted: EventQuery) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the matching entries, newest first (by order in the log)."""
        conditions: list[tuple[str, Any]] = [
            ("type = ?", wanted.type),
            ("actor = ?", wanted.actor),
            ("severity >= ?", None if wanted.severity_min is None else int(wanted.severity_min)),
            ("occurred_at >= ?", None if wanted.since is None else instant(wanted.since)),
            ("occurred_at < ?", None if wanted.until is None else instant(wanted.until)),
        ]
        used = [(condition, value) for condition, value in conditions if value is not None]
        where = " AND ".join(condition for condition, _ in used) or "TRUE"
        sql = (
            "SELECT idx, bytes FROM event JOIN entry USING (idx)"  # noqa: S608 - fixed texts only
            f" WHERE {where} ORDER BY idx DESC LIMIT ?"
        )
        try:
            rows = self._db.execute(sql, (*(value for _, value in used), wanted.limit))
            for index, data in rows:
                yield index, bytes(data)
        except apsw.Error as error:
            raise _log_error(self.folder, error) from error

    def newest_checkpoint(self) -> Checkpoint | None:
        """The newest signed checkpoint, its signature checked."""
        row = self._row("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")
        return None if row is None else open_checkpoint(str(row[0]), self.verifier)

    def checkpoint_covering(self, index: int) -> Checkpoint | None:
        """The oldest checkpoint that covers an entry, its signature checked; None if none does."""
        row = self._row("SELECT note FROM checkpoint WHERE size > ? ORDER BY size LIMIT 1", index)
        return None if row is None else open_checkpoint(str(row[0]), self.verifier)

    def _row(self, sql: str, *values: Any) -> Any:
        try:
            return self._db.execute(sql, values).fetchone()
        except apsw.Error as error:
            raise _log_error(self.folder, error) from error


class AuditLog(SqliteLogReader):
    """The one writer of a log. Everything it returns is on disk, signed, and can be proven."""

    def __init__(self, folder: Path, key: SigningKey, origin: str) -> None:
        """Open the log in `folder`, or begin one.

        Raises:
            LogBusy: another process writes this log.
            LogDamaged: the file is not a log, or its head does not fit its entries.
            NotWritable, DiskFull
        """
        make_folder(folder)
        self._lock = _take_lock(folder / _LOCK)
        self._key = key
        self.folder = folder
        self.verifier = VerifierKey(origin, key.public_bytes)
        try:
            self._db = self._open_for_writing()
        except BaseException:
            self._release()
            raise

    def close(self) -> None:
        """Release the file and the lock."""
        self._db.close()
        self._release()

    def append_many(
        self, events: Sequence[Event], exhibits: Sequence[Exhibit] = ()
    ) -> tuple[int, ...]:
        """The indices of these events, in order, once they are durable and signed.

        An event whose id is in the log already gets its old index and is not written again. All of
        the batch is written, or nothing of it.

        Raises:
            LogError: an entry is too long, or the batch would leave cited bytes without a match.
            DiskFull, LogDamaged
        """
        entries = [(event, entry_bytes(event)) for event in events]
        try:
            with self._db:
                indices = self._write(entries, exhibits)
        except apsw.Error as error:
            raise _log_error(self.folder, error) from error
        self._publish()
        return indices

    def append(self, event: Event, exhibits: Sequence[Exhibit] = ()) -> int:
        """The index of one event, once it is durable and signed."""
        return self.append_many([event], exhibits)[0]

    def _write(
        self, entries: Sequence[tuple[Event, bytes]], exhibits: Sequence[Exhibit]
    ) -> tuple[int, ...]:
        tree = self._tree()
        indices: list[int] = []
        leaves: list[bytes] = []
        for event, data in entries:
            known = self._row("SELECT idx FROM event WHERE id = ?", event.id)
            if known is not None:
                indices.append(int(known[0]))
                continue
            index, leaf = tree.size + len(leaves), leaf_hash(data)
            self._db.execute("INSERT INTO entry VALUES (?, ?, ?)", (index, data, leaf))
            self._db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", index_row(index, event))
            indices.append(index)
            leaves.append(leaf)
        for exhibit in exhibits:
            self._db.execute(
                "INSERT INTO cited VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE"
                " SET media_type = excluded.media_type, bytes = excluded.bytes"
                " WHERE bytes != excluded.bytes OR media_type != excluded.media_type",
                (exhibit.digest, exhibit.media_type, exhibit.data),
            )
        if leaves:
            self._advance(tree.append(leaves))
        return tuple(indices)

    def _advance(self, tree: CompactRange) -> None:
        signed = sign_checkpoint(self.verifier.name, tree.size, tree.root, self._key)
        self._db.execute(
            "UPDATE head SET size = ?, subtrees = ?", (tree.size, b"".join(tree.subtrees))
        )
        self._db.execute("INSERT INTO checkpoint VALUES (?, ?)", (tree.size, signed.note))

    def _publish(self) -> None:
        row = self._row("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")
        if row is not None:
            write_atomically(self.folder / PUBLISHED_CHECKPOINT, str(row[0]).encode(), mode=0o640)

    def _tree(self) -> CompactRange:
        size, blob = self._row("SELECT size, subtrees FROM head")
        subtrees = tuple(
            bytes(blob[at : at + HASH_BYTES]) for at in range(0, len(blob), HASH_BYTES)
        )
        row = self._row("SELECT max(idx) FROM entry")
        entries = 0 if row[0] is None else int(row[0]) + 1
        if entries != size or len(subtrees) != int(size).bit_count():
            raise LogDamaged(
                f"The log {self.folder} has {entries} entries but a head of size {size}.",
                next_step=_RUN_VERIFY,
            )
        return CompactRange(int(size), subtrees)

    def _open_for_writing(self) -> apsw.Connection:
        path = self.folder / DATABASE
        if not path.exists():
            write_atomically(path, _empty_database(), mode=0o600)
        db = _open(path, writing=True)
        try:
            db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
        except apsw.Error as error:
            db.close()
            raise _log_error(self.folder, error) from error
        return db

    def _release(self) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        os.close(self._lock)


def index_row(index: int, event: Event) -> tuple[int, str, str, str, int, str]:
    """What the index says of an entry; verification rebuilds it to compare."""
    at = instant(event.occurred_at)
    return index, event.id, at, event.type, int(event.severity), event.actor


def _empty_database() -> bytes:
    """A log without entries, made in memory so that no half of one ever lies on disk."""
    db = apsw.Connection(":memory:")
    db.execute(_SCHEMA)
    return bytes(db.serialize("main"))


_RUN_VERIFY = "Run `assay log verify` to see where."


def open_to_read(path: Path) -> apsw.Connection:
    """The database of a log, read only; also where nothing can be written, not even a lock.

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


def _open(path: Path, *, writing: bool) -> apsw.Connection:
    try:
        if not path.exists():
            raise LogError(f"There is no log at {path}.", next_step="`assay assess` begins one.")
        if not writing:
            return open_to_read(path)
        return _probed(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE))
    except apsw.Error as error:
        raise _log_error(path.parent, error) from error


def _probed(db: apsw.Connection) -> apsw.Connection:
    """The connection, once it has shown that it can read."""
    try:
        db.set_busy_timeout(5_000)
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except apsw.Error:
        db.close()
        raise
    return db


def _log_error(folder: Path, error: apsw.Error) -> LogError | DiskFull:
    if isinstance(error, apsw.FullError | apsw.IOError):
        return DiskFull(
            f"The log {folder} could not be written ({error}).",
            next_step="Free some space and run it again; the log keeps what it had.",
        )
    if isinstance(error, apsw.CorruptError | apsw.NotADBError | apsw.SQLError):
        return LogDamaged(f"The log {folder} is damaged ({error}).", next_step=_RUN_VERIFY)
    if isinstance(error, apsw.BusyError):
        return LogBusy(f"The log {folder} is in use.", next_step="Try again in a moment.")
    return LogError(
        f"The log {folder} cannot be used ({error}).", next_step="Check its owner and mode."
    )


def _take_lock(path: Path) -> int:
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


def read_events(reader: SqliteLogReader, wanted: EventQuery) -> Iterator[tuple[int, Event]]:
    """The matching events with their indices, newest first."""
    for index, data in reader.query(wanted):
        yield index, event_of(data)
