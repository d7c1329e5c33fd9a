"""The log in one SQLite file beside its index: the one writer of a folder.

Life of a batch: one transaction adds entries with their leaf hashes, their ids, what they cite, the
tile hashes that became full, and the new head with its signed checkpoint; it is synced to disk
(`synchronous = FULL`) before `commit` returns. Then the follower indexes it.

`entry`, `cited`, `checkpoint` and `head` are evidence; `node` and `event_id` can be made again from
them, as can everything in the index file. Each batch goes to SQLite as one statement over joined
bytes, in which SQLite runs without Python's lock: a thousand small statements would have to win the
lock back from the callers a thousand times.

One writer: the lock file keeps others out by name. `fence` in the head keeps out whoever got past
it, say on a file system without locks: each writer raises it when it opens, and a commit under an
older fence is refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from assay.atomic import make_folder
from assay.audit_log.backends._sqlite_follower import Follower
from assay.audit_log.backends._sqlite_index import SCHEMA as INDEX_SCHEMA
from assay.audit_log.backends._sqlite_published import publish, publish_again
from assay.audit_log.backends._sqlite_rows import fresh_of, indices_of, places, uuid_keys
from assay.audit_log.backends.sqlite_files import (
    DATABASE,
    INDEX,
    LOCK,
    RUN_VERIFY,
    is_of_this_version,
    log_error,
    make_database,
    open_to_write,
    release_lock,
    take_lock,
)
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.entry import citations, event_of
from assay.audit_log.event_ids import id_key
from assay.audit_log.interface import HeadSigner, Prepared, Unit, Written
from assay.audit_log.merkle import HASH_BYTES, CompactRange, TileNode
from assay.audit_log.notes import VerifierKey
from assay.errors import LogBusy, LogDamaged
from assay.vocabulary import Exhibit

SCHEMA = """
CREATE TABLE entry (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL, leaf_hash BLOB NOT NULL) STRICT;
CREATE TABLE cited (digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL,
                   subtrees BLOB NOT NULL, note TEXT, fence INTEGER NOT NULL) STRICT;
CREATE TABLE event_id (id BLOB PRIMARY KEY, idx INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE node (level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL,
                   PRIMARY KEY (level, idx)) STRICT, WITHOUT ROWID;
CREATE TABLE tile (n INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
CREATE TABLE archived (one INTEGER PRIMARY KEY CHECK (one = 1), minimum INTEGER NOT NULL) STRICT;
INSERT INTO head VALUES (1, 0, x'', NULL, 0);
INSERT INTO archived VALUES (1, 0)
"""

# A value of the list is offset * 65536 + length, both in bytes of the joined entries.
_ENTRIES = """
INSERT INTO entry SELECT ?1 + key, substr(?2, (value >> 16) + 1, value & 65535),
                         substr(?3, key * 32 + 1, 32) FROM json_each(?4)
"""
_IDS = """
INSERT OR IGNORE INTO event_id
SELECT substr(?1, (value >> 16) + 1, value & 65535), ?2 + key FROM json_each(?3)
"""
_UUIDS = """
INSERT OR IGNORE INTO event_id SELECT substr(?1, key * 16 + 1, 16), ?2 + key FROM json_each(?3)
"""
_CITED = """
INSERT INTO cited VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE
SET media_type = excluded.media_type, bytes = excluded.bytes
WHERE bytes != excluded.bytes OR media_type != excluded.media_type
"""
_HEAD = "UPDATE head SET size = ?, subtrees = ?, note = ? WHERE size = ? AND fence = ?"


class SqliteLogStore(SqliteLogReader):
    """The writer of the log in a folder."""

    def __init__(self, folder: Path, verifier: VerifierKey, *, new_index: bool = False) -> None:
        """Open the log in `folder` for writing, or begin one; with a new index if that is wanted.

        Raises:
            LogBusy: another process writes this log.
            LogDamaged: the file is not a log, its head does not fit its entries, or more of it was
                published than there is.
            NotWritable, DiskFull
        """
        make_folder(folder)
        self.folder = folder
        self.name = str(folder)
        self.verifier = verifier
        self._follower: Follower | None = None
        self._lock: int | None = take_lock(folder / LOCK)
        try:
            self._db = self._open()
            self._fence = self._raise_fence()
            self._tree = self._checked_tree()
            publish_again(folder, self.newest_note(), self._tree.size, verifier)
            self._follower = self._follow(new_index=new_index)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Index what is not indexed, release the files, then the lock."""
        if self._follower is not None:
            self._follower.close()
        if hasattr(self, "_db"):
            self._db.close()
        if self._lock is not None:
            release_lock(self._lock)
            self._lock = None

    def abandon(self) -> None:
        """After a fork, in the child: forget the lock without releasing it for the parent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def commit(self, units: Sequence[Unit], sign: HeadSigner) -> Written:
        """Write units in one durable transaction."""
        prepared = [entry for unit in units for entry in unit.entries]
        exhibits = [exhibit for unit in units for exhibit in unit.exhibits]
        before = self._tree
        with self._transaction():
            known = self._insert_ids(prepared)
            fresh = prepared if not known else fresh_of(prepared, known, before.size)
            if known and exhibits:
                exhibits = self._cited(exhibits, fresh, known)
            after, nodes = before.grow([entry.leaf for entry in fresh])
            self._insert_entries(fresh, exhibits, nodes)
            if fresh:
                self._advance(after, sign)
        self._tree = after
        events = [entry.event for entry in fresh]
        if events and self._follower is not None:
            self._follower.hand_over(before.size, events)
        indices = indices_of(units, before.size, known)
        return Written(indices, after, before.size, events)

    def recover(self) -> CompactRange:
        """Open the database again after a failure, and read what is really there."""
        with suppress(apsw.Error):
            self._db.close()
        self._db = self._open()
        self._tree = self._checked_tree()
        if self._follower is not None:
            self._follower.hand_over(self._tree.size, ())
        return self._tree

    def keep_checkpoint(self, size: int, note: str) -> None:
        """Keep a published checkpoint, and put it beside the log as a file."""
        with self._transaction():
            sql = "INSERT INTO checkpoint VALUES (?, ?) ON CONFLICT DO UPDATE SET note = excluded.note"
            self._check_fence()
            self._db.execute(sql, (size, note))
        publish(self.folder, note)

    def settle(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the index has caught up with the entries."""
        return self._follower is not None and self._follower.settle(timeout_seconds)

    def make_projections_again(self, progress: Callable[[int], None]) -> None:
        """Ids and tile hashes, from the entries; the index follows by itself when it is gone."""
        with self._transaction():
            self._db.execute(
                "DELETE FROM node; DELETE FROM event_id WHERE idx >= ?", (self.minimum_index,)
            )
            tree = CompactRange()
            tiles: list[Any] = self._db.execute("SELECT hashes FROM tile ORDER BY n").fetchall()
            for (hashes,) in tiles:
                tree = self._nodes_again(tree, hashes)
            reader = self._db.execute("SELECT idx, bytes, leaf_hash FROM entry ORDER BY idx")
            while batch := list(islice(reader, 4096)):
                keys = [(id_key(event_of(data).id), index) for index, data, _ in batch]
                self._db.executemany("INSERT OR IGNORE INTO event_id VALUES (?, ?)", keys)
                tree = self._nodes_again(tree, b"".join(leaf for _, _, leaf in batch))
                progress(tree.size)

    def _nodes_again(self, tree: CompactRange, hashes: bytes) -> CompactRange:
        leaves = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
        tree, nodes = tree.grow(leaves)
        self._db.executemany("INSERT INTO node VALUES (?, ?, ?)", nodes)
        return tree

    def _insert_ids(self, prepared: Sequence[Prepared]) -> dict[bytes, int]:
        """Note the ids of these events; if any is there already, the old index of each such id.

        That all are new is by far the most common case, and is seen from one number.
        """
        first = self._tree.size
        ids = [entry.event.id for entry in prepared]
        uuids = uuid_keys(ids)
        keys = list(map(id_key, ids)) if uuids is None else []
        if uuids is None:
            self._db.execute(_IDS, (b"".join(keys), first, places(keys)))
        else:
            self._db.execute(_UUIDS, (uuids, first, f"[{'0,' * (len(ids) - 1)}0]"))
        if self._db.changes() == len(ids) or not ids:
            return {}
        keys = keys or list(map(id_key, ids))
        sql = "DELETE FROM event_id WHERE id = ? AND idx >= ?"
        self._db.executemany(sql, [(key, first) for key in keys])
        known: dict[bytes, int] = {}
        for key in keys:
            if key not in known:
                row = self._db.execute("SELECT idx FROM event_id WHERE id = ?", (key,)).fetchone()
                known[key] = first if row is None else int(row[0])
                if row is None:
                    self._db.execute("INSERT INTO event_id VALUES (?, ?)", (key, first))
                    first += 1
        return known

    def _insert_entries(
        self, fresh: Sequence[Prepared], exhibits: Sequence[Exhibit], nodes: Sequence[TileNode]
    ) -> None:
        data = [entry.data for entry in fresh]
        leaves = b"".join([entry.leaf for entry in fresh])
        if data:
            values = (self._tree.size, b"".join(data), leaves, places(data))
            try:
                self._db.execute(_ENTRIES, values)
            except apsw.ConstraintError:
                self._check_fence()  # the entries are another writer's
                raise
        if exhibits:
            self._db.executemany(_CITED, [(e.digest, e.media_type, e.data) for e in exhibits])
        if nodes:
            self._db.executemany("INSERT INTO node VALUES (?, ?, ?)", nodes)

    def _advance(self, after: CompactRange, sign: HeadSigner) -> None:
        before = self._tree.size
        head = after.size, b"".join(after.subtrees), sign(after), before, self._fence
        self._db.execute(_HEAD, head)
        if self._db.changes() != 1:
            self._check_fence()

    def _check_fence(self) -> None:
        found = self._db.execute("SELECT fence, size FROM head").fetchone()
        if found != (self._fence, self._tree.size):
            raise LogBusy(
                f"Another process has taken over the log {self.folder}.",
                next_step="Open it again; nothing that was not acknowledged was written.",
            )

    def _cited(
        self, exhibits: Sequence[Exhibit], fresh: Sequence[Prepared], known: dict[bytes, int]
    ) -> list[Exhibit]:
        """Those that the entries cite. An event that comes a second time may cite other bytes than its
        entry does, since only its id says that it is the same."""
        kept = [
            bytes(row[0])
            for index in known.values()
            for row in self._db.execute("SELECT bytes FROM entry WHERE idx = ?", (index,))
        ]
        cited = {one for data in (*kept, *(e.data for e in fresh)) for one in citations(data)}
        return [exhibit for exhibit in exhibits if (exhibit.digest, exhibit.media_type) in cited]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except apsw.Error as error:
            raise log_error(self.name, error) from error

    def _open(self) -> apsw.Connection:
        path = self.folder / DATABASE
        if not path.exists():
            make_database(path, SCHEMA)
        return open_to_write(path, synchronous="FULL")

    def _raise_fence(self) -> int:
        with self._transaction():
            self._db.execute("UPDATE head SET fence = fence + 1")
            return int(self._row("SELECT fence FROM head")[0])

    def _checked_tree(self) -> CompactRange:
        tree = self.tree()
        row = self._row("SELECT max(idx) FROM entry")
        entries = self.minimum_index if row[0] is None else int(row[0]) + 1
        if entries != tree.size or len(tree.subtrees) != tree.size.bit_count():
            raise LogDamaged(
                f"The log {self.folder} has {entries} entries but a head of size {tree.size}.",
                next_step=RUN_VERIFY,
            )
        return tree

    def _follow(self, *, new_index: bool) -> Follower:
        path = self.folder / INDEX
        if new_index or (path.exists() and not is_of_this_version(path)):
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        if not path.exists():
            make_database(path, INDEX_SCHEMA)
        return Follower(path, self._read_entries, self.minimum_index, self._tree.size)

    def _read_entries(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Entries for the follower's thread, through a connection of its own."""
        with SqliteLogReader(self.folder, self.verifier) as reader:
            yield from reader.entries(start, end)
