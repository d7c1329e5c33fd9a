"""Drops entries from a log in SQLite once they are kept elsewhere, or are past their retention.

In one transaction: the leaf hashes of each 256 entries become a row of `tile`, the entries are
deleted, what only they cite is deleted, and `archived.minimum` is raised. Then the file is made again
without the freed pages (`VACUUM`), so that nothing that was dropped can still be read in it. The tree,
the checkpoints, the tile hashes and the ids of events stay: old proofs verify, and an event that is
delivered again still finds its index.

The index is removed first, so that at no instant it names an entry that is not here. Whoever opens the
log for writing next begins it anew; until then, readers look at the entries themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import apsw

from assay.audit_log.backends.sqlite_files import (
    DATABASE,
    INDEX,
    LOCK,
    RUN_VERIFY,
    log_error,
    open_to_write,
    release_lock,
    take_lock,
)
from assay.audit_log.entry import citations
from assay.audit_log.merkle import HASH_BYTES, TILE_WIDTH
from assay.errors import LogDamaged, LogError

_CITING = b'"cites":[{'
_SUFFIXES = ("", "-wal", "-shm")

Leaves = Callable[[int], bytes]
"""The 256 leaf hashes of a bundle, joined, as they are kept elsewhere."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was dropped. `reclaimed` False: the freed pages are still in the file, for want of room."""

    entries: int
    cited: int
    reclaimed: bool


def drop_entries(folder: Path, end: int, leaves: Leaves | None = None) -> Dropped:
    """Drop the entries before `end`, a multiple of 256, from the log in `folder`.

    `leaves` gives the hashes of what is kept elsewhere, which must be those of what is dropped. What
    was dropped before is not dropped again.

    Raises:
        LogBusy: another process writes this log.
        LogError: no published checkpoint covers the entries; nothing was dropped.
        LogDamaged: something else is kept elsewhere, or a leaf hash is missing; nothing was dropped.
        DiskFull: nothing was dropped.
    """
    lock = take_lock(folder / LOCK)
    try:
        with closing(open_to_write(folder / DATABASE, synchronous="FULL")) as db:
            try:
                return _drop(db, folder, end, leaves)
            except apsw.Error as error:
                raise log_error(str(folder), error) from error
    finally:
        release_lock(lock)


def _drop(db: apsw.Connection, folder: Path, end: int, leaves: Leaves | None) -> Dropped:
    minimum = _minimum(db)
    if end <= minimum:
        return Dropped(0, 0, reclaimed=True)
    _expect_covered(db, folder, end)
    for suffix in _SUFFIXES:
        (folder / f"{INDEX}{suffix}").unlink(missing_ok=True)
    with db:
        # A writer that got past the lock is kept out by the fence, as in every commit.
        db.execute("UPDATE head SET fence = fence + 1")
        for bundle in range(minimum // TILE_WIDTH, end // TILE_WIDTH):
            db.execute("INSERT INTO tile VALUES (?, ?)", (bundle, _hashes(db, bundle, leaves)))
        cited = _cited_only_before(db, end)
        db.executemany("DELETE FROM cited WHERE digest = ?", [(name,) for name in sorted(cited)])
        db.execute("DELETE FROM entry WHERE idx < ?", (end,))
        db.execute("UPDATE archived SET minimum = ?", (end,))
    return Dropped(end - minimum, len(cited), _reclaim(db))


def _expect_covered(db: apsw.Connection, folder: Path, end: int) -> None:
    row = db.execute("SELECT coalesce(max(size), 0) FROM checkpoint").fetchone()
    covered = 0 if row is None else int(row[0])
    if end % TILE_WIDTH or end > covered:
        raise LogError(
            f"Entries before {end} of the log {folder} cannot be dropped: published checkpoints"
            f" cover {covered}, and whole bundles of {TILE_WIDTH} are dropped.",
            next_step="Publish a checkpoint first, or drop fewer.",
        )


def _hashes(db: apsw.Connection, bundle: int, leaves: Leaves | None) -> bytes:
    first = bundle * TILE_WIDTH
    sql = "SELECT leaf_hash FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx"
    hashes = b"".join(row[0] for row in db.execute(sql, (first, first + TILE_WIDTH)))
    if len(hashes) != TILE_WIDTH * HASH_BYTES:
        raise LogDamaged(f"Leaf hashes of bundle {bundle} are missing.", next_step=RUN_VERIFY)
    if leaves is not None and leaves(bundle) != hashes:
        raise LogDamaged(
            f"The archive has other entries {first} to {first + TILE_WIDTH - 1} than the log.",
            next_step="Verify both: `assay log verify` and `assay log archive --verify`.",
        )
    return hashes


def _cited_only_before(db: apsw.Connection, end: int) -> set[str]:
    """Digests that entries before `end` cite and no later entry does."""
    citing = "SELECT bytes FROM entry WHERE {} AND instr(bytes, ?) > 0"
    found: set[str] = set()
    for (data,) in db.execute(citing.format("idx < ?"), (end, _CITING)):
        found.update(name for name, _ in citations(data))
    later = db.execute(citing.format("idx >= ?"), (end, _CITING))
    while found and (batch := list(islice(later, 1_000))):
        for (data,) in batch:
            found.difference_update(name for name, _ in citations(data))
    return found


def _reclaim(db: apsw.Connection) -> bool:
    """Make the file again without the freed pages; the entries are dropped even if it fails."""
    try:
        db.execute("VACUUM").fetchall()
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except (apsw.FullError, apsw.IOError, apsw.BusyError, apsw.LockedError):
        return False
    return busy is not None and not busy[0]


def _minimum(db: apsw.Connection) -> int:
    row = db.execute("SELECT minimum FROM archived").fetchone()
    return 0 if row is None else int(row[0])
