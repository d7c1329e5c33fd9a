"""Drops entries from a log in PostgreSQL once they are kept elsewhere, or are past their retention.

As `sqlite_archive.py` does, in one transaction under the writers' lock: leaf hashes become rows of
`tile`, entries and their index rows are deleted, what only they cite is deleted, and
`archived.minimum` is raised. Ids stay, so that an event that is delivered again still finds its index.
"""

from __future__ import annotations

from assay.audit_log.backends.postgres_session import Statements
from assay.audit_log.backends.sqlite_archive import Dropped, Leaves
from assay.audit_log.entry import CITES, citations
from assay.audit_log.merkle import HASH_BYTES, TILE_WIDTH
from assay.errors import LogDamaged, LogError

_HASHES = "SELECT leaf_hash FROM entry WHERE idx >= %s AND idx < %s ORDER BY idx"
_CITING = "SELECT bytes FROM entry WHERE idx >= %s AND idx < %s AND position(%b IN bytes) > 0"
_NEXT_STEP = "Run `assay log verify` to see where."


def drop(work: Statements, name: str, size: int, end: int, leaves: Leaves | None) -> Dropped:
    """Drop the entries before `end`, a multiple of 256, of a log of `size`; the lock is held.

    Raises:
        LogError: no published checkpoint covers the entries.
        LogDamaged: something else is kept elsewhere, or a leaf hash is missing.
    """
    minimum = int(work.rows("SELECT minimum FROM archived")[0][0])
    if end <= minimum:
        return Dropped(0, 0, reclaimed=True)
    covered = int(work.rows("SELECT coalesce(max(size), 0) FROM checkpoint")[0][0])
    if end % TILE_WIDTH or end > min(covered, size):
        raise LogError(
            f"Entries before {end} of the log {name} cannot be dropped: published checkpoints cover"
            f" {covered}, and whole bundles of {TILE_WIDTH} are dropped.",
            next_step="Publish a checkpoint first, or drop fewer.",
        )
    bundles = range(minimum // TILE_WIDTH, end // TILE_WIDTH)
    tiles = [(n, _hashes(work, n, leaves)) for n in bundles]
    work.copy("tile (n, hashes)", ("int8", "bytea"), tiles)
    gone = _cited(work, minimum, end) - _cited(work, end, size)
    work.execute("DELETE FROM cited WHERE digest = ANY(%s)", (sorted(gone),))
    for table in ("event", "entry"):
        work.execute(f"DELETE FROM {table} WHERE idx < %s", (end,))  # noqa: S608 - plain names
    work.execute("UPDATE archived SET minimum = %s", (end,))
    return Dropped(end - minimum, len(gone), reclaimed=False)


def _hashes(work: Statements, bundle: int, leaves: Leaves | None) -> bytes:
    first = bundle * TILE_WIDTH
    hashes = b"".join(bytes(row[0]) for row in work.rows(_HASHES, (first, first + TILE_WIDTH)))
    if len(hashes) != TILE_WIDTH * HASH_BYTES:
        raise LogDamaged(f"Leaf hashes of bundle {bundle} are missing.", next_step=_NEXT_STEP)
    if leaves is not None and leaves(bundle) != hashes:
        raise LogDamaged(
            f"The archive has other entries {first} to {first + TILE_WIDTH - 1} than the log.",
            next_step="Verify both: `assay log verify` and `assay log archive --verify`.",
        )
    return hashes


def _cited(work: Statements, start: int, end: int) -> set[str]:
    rows = work.rows(_CITING, (start, end, CITES))
    return {name for (data,) in rows for name, _ in citations(bytes(data))}
