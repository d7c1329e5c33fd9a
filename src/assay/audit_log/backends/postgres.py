"""The log in PostgreSQL: several servers append to the same log.

Life of a batch. Rows and hashes are made first. Then, in one transaction: the advisory lock of the
log; the head (size, compact range, signed note); which ids are there already; the tree grown by what is
new; COPY of entries with explicit numbers, of their ids, index rows and tile hashes; what they cite;
the new head with its note; COMMIT, which returns when the server has flushed it to disk.

Whoever gets the lock goes on from the head that it finds there, if the log's key signed it and it is
not behind what this writer saw committed before. A head that went back (a restored copy, a failover
to a server that had not got everything) is refused until the log is opened again by somebody who
knows why.

A writer that is stopped while it holds the lock is thrown out: by the server when it sits in the
transaction, or by the next writer when it sits within a COPY, where the server's own limits do not
reach. Its transaction is gone; when it runs again it is told that its connection was lost, and tries
once more on a new one. Ids make that harmless even if the first try was committed after all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from assay.audit_log.backends._postgres_drop import drop
from assay.audit_log.backends._postgres_errors import RUN_VERIFY
from assay.audit_log.backends._postgres_inserts import insert, keep_cited, projections_again
from assay.audit_log.backends._postgres_rows import Batch, batch_of, numbered
from assay.audit_log.backends._postgres_schema import make_schema
from assay.audit_log.backends.postgres_reader import PostgresLogReader
from assay.audit_log.backends.postgres_session import (
    PATIENCE,
    Patience,
    Session,
    Statements,
)
from assay.audit_log.backends.sqlite_archive import Dropped, Leaves
from assay.audit_log.interface import HeadSigner, Unit, Written
from assay.audit_log.merkle import CompactRange
from assay.audit_log.notes import VerifierKey
from assay.errors import LogBusy, LogDamaged

_LOCK = "SELECT pg_advisory_xact_lock(%s)::text"
_HEAD = "SELECT size, subtrees, note FROM head FOR UPDATE"
_HEAD_AND_END = """
SELECT size, subtrees, note,
       (SELECT coalesce(max(idx) + 1, (SELECT minimum FROM archived)) FROM entry) FROM head
"""
_ADVANCE = "UPDATE head SET size = %s, subtrees = %s, note = %s WHERE size = %s"
_KNOWN = "SELECT key, idx FROM event_id WHERE key = ANY(%b)"
_CHECKPOINT = """
INSERT INTO checkpoint VALUES (%s, %s) ON CONFLICT (size) DO UPDATE SET note = excluded.note
"""
_PUBLISHED = """
INSERT INTO published VALUES (1, %s, %s) ON CONFLICT (one) DO UPDATE
SET size = excluded.size, note = excluded.note WHERE published.size <= excluded.size
"""
# Only where the holder waits for its client: who waits for the disk or a replica is at work.
_THROW_OUT = """
SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s AND objsubid = 1
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND wait_event IN ('ClientRead', 'ClientWrite')
AND state_change < clock_timestamp() - make_interval(secs => %s)
"""


def open_postgres_store(
    url: str, verifier: VerifierKey, patience: Patience = PATIENCE
) -> PostgresLogStore:
    """The log at this URL for writing; begun where there is none.

    Raises:
        SettingsError: the URL is malformed.
        MissingExtra: psycopg is not installed.
        LogUnreachable: the server does not answer, or refuses this user.
        LogDamaged: its head does not fit its entries.
        LogError: it is the log of another key, or the role may not use it.
    """
    return PostgresLogStore(url, verifier, patience)


class PostgresLogStore(PostgresLogReader):
    """A writer of the log in a PostgreSQL database; there may be others."""

    def __init__(self, url: str, verifier: VerifierKey, patience: Patience = PATIENCE) -> None:
        """Open it; see `open_postgres_store`."""
        self._seen = CompactRange()
        self._patience = patience
        super().__init__(url, verifier, patience)

    def _begin(self) -> None:
        self._writing = Session(self.place, self._patience, read_only=False)
        self._lock = _lock_key(self.place.schema)
        try:
            make_schema(self._writing, self.place, self.verifier.name, self._lock)
            self._seen = self._checked_tree()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the connections."""
        self._writing.close()
        self._reading.close()

    def commit(self, units: Sequence[Unit], sign: HeadSigner) -> Written:
        """Write units in one durable transaction; tried twice where the connection was lost."""
        batch = batch_of(units)
        try:
            return self._writing.twice(lambda: self._commit(batch, sign))
        except LogBusy:
            if not self._throw_out():
                raise
            return self._writing.twice(lambda: self._commit(batch, sign))

    def recover(self) -> CompactRange:
        """Connect again after a failure, and read what is really there.

        Raises:
            LogDamaged: the log is shorter than what this writer saw committed.
        """
        self._writing.close()
        self._reading.close()
        self._seen = self._not_behind(self._checked_tree())
        return self._seen

    def keep_checkpoint(self, size: int, note: str) -> None:
        """Keep a published checkpoint; it is the published one unless there is one of more entries."""
        self._writing.twice(lambda: self._keep_checkpoint(size, note))

    def settle(self, timeout_seconds: float | None = None) -> bool:
        """The index is written with the entries: nothing to wait for."""
        return True

    def make_projections_again(self, progress: Callable[[int], None]) -> None:
        """Index, ids and tile hashes, from the entries, while other writers wait.

        Needs the rights of the tables' owner. Told after each few thousand how many are done.
        """
        with self._writing.transaction() as work:
            work.rows(_LOCK, (self._lock,))
            projections_again(work, self.minimum_index, progress)

    def drop_entries(self, end: int, leaves: Leaves | None = None) -> Dropped:
        """Drop the entries before `end`, a multiple of 256; `leaves` are those kept elsewhere.

        The database gives the room back when its own VACUUM comes round. Needs the rights to delete.

        Raises:
            LogError: no published checkpoint covers the entries; nothing was dropped.
            LogDamaged: something else is kept elsewhere, or a leaf hash is missing; nothing was.
        """
        with self._writing.transaction() as work:
            work.rows(_LOCK, (self._lock,))
            return drop(work, self.name, self._locked_head(work).size, end, leaves)

    def _keep_checkpoint(self, size: int, note: str) -> None:
        with self._writing.transaction() as work:
            work.execute(_CHECKPOINT, (size, note))
            work.execute(_PUBLISHED, (size, note))

    def _commit(self, batch: Batch, sign: HeadSigner) -> Written:
        with self._writing.transaction() as work:
            work.rows(_LOCK, (self._lock,))
            before = self._locked_head(work)
            keys = list({key for key, _ in batch.ids})
            known: dict[bytes, int] = dict(work.rows(_KNOWN, (keys,))) if keys else {}
            numbers = numbered(batch, known, before.size)
            after, nodes = before.grow([batch.entries[place].leaf for place in numbers.fresh])
            insert(work, batch, numbers.fresh, before.size, nodes)
            keep_cited(work, batch.exhibits)
            if numbers.fresh:
                head = (after.size, b"".join(after.subtrees), sign(after), before.size)
                if work.execute(_ADVANCE, head) != 1:
                    raise self._bad_head()
        self._seen = after
        fresh = [batch.entries[place].event for place in numbers.fresh]
        return Written(numbers.indices, after, before.size, fresh)

    def _throw_out(self) -> bool:
        """Whether a writer that sat on the lock without doing anything was thrown out."""
        high, low = divmod(self._lock % (1 << 64), 1 << 32)
        return bool(self._writing.rows(_THROW_OUT, (high, low, self._patience.idle_seconds)))

    def _locked_head(self, work: Statements) -> CompactRange:
        rows = work.rows(_HEAD)
        if len(rows) != 1:
            raise self._bad_head()
        size, subtrees, note = rows[0]
        if (size, subtrees) == (self._seen.size, b"".join(self._seen.subtrees)):
            return self._seen
        return self._not_behind(self._signed_tree(size, subtrees, note))

    def _not_behind(self, tree: CompactRange) -> CompactRange:
        """The tree, if it is not shorter than what was committed, nor another of the same size."""
        if tree.size < self._seen.size or (tree.size == self._seen.size and tree != self._seen):
            raise LogDamaged(
                f"The log {self.name} had {self._seen.size} entries and now has {tree.size} others:"
                " its database went back.",
                next_step=f"{RUN_VERIFY} Compare it with a checkpoint that was kept elsewhere.",
            )
        return tree

    def _checked_tree(self) -> CompactRange:
        """The tree at the head, if the entries end where it says. Read at once: others may write."""
        *head, entries = self._one(_HEAD_AND_END)
        tree = self._signed_tree(*head)
        if entries != tree.size:
            raise LogDamaged(
                f"The log {self.name} has {entries} entries but a head of size {tree.size}.",
                next_step=RUN_VERIFY,
            )
        return tree


def _lock_key(schema: str) -> int:
    """The number of the log's advisory lock; advisory locks are a database's own."""
    return int.from_bytes(sha256(f"assay log {schema}".encode()).digest()[:8], "big", signed=True)
