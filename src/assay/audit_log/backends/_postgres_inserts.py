"""Writes entries and what is made from them into the tables of a log in PostgreSQL.

A role that may only insert may not say ON CONFLICT DO UPDATE, even where nothing conflicts; so what may
be there already is asked for first, or left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assay.audit_log.backends._postgres_rows import Batch, batch_of
from assay.audit_log.backends.postgres_session import Statements
from assay.audit_log.entry import event_of
from assay.audit_log.interface import Prepared, Unit
from assay.audit_log.merkle import HASH_BYTES, CompactRange, TileNode
from assay.vocabulary import Exhibit

_KINDS = """
INSERT INTO kind SELECT * FROM unnest(%b::bytea[], %b::text[], %b::smallint[], %b::bytea[])
ON CONFLICT DO NOTHING
"""
_WORDS = "INSERT INTO word SELECT * FROM unnest(%b::bytea[], %b::bytea[]) ON CONFLICT DO NOTHING"
_CITED = """
SELECT digest, media_type, 'sha256:' || encode(sha256(bytes), 'hex') FROM cited
WHERE digest = ANY(%s)
"""
_ID_AGAIN = "INSERT INTO event_id VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_ENTRIES = "SELECT idx, bytes, leaf_hash FROM entry WHERE idx >= %s ORDER BY idx LIMIT %s"
_AGAIN_ROWS = 4_096


def insert(
    work: Statements, batch: Batch, fresh: Sequence[int], first: int, nodes: Sequence[TileNode]
) -> None:
    """Add the entries at these places of the batch, numbered from `first` on, and their index."""
    if not fresh:
        return
    places = list(enumerate(fresh, first))
    entries = [(idx, batch.entries[at].data, batch.entries[at].leaf) for idx, at in places]
    work.copy("entry (idx, bytes, leaf_hash)", ("int8", "bytea", "bytea"), entries)
    ids = [(batch.ids[at][0], idx, batch.ids[at][1]) for idx, at in places]
    work.copy("event_id (key, idx, id)", ("bytea", "int8", "bytea"), ids)
    _insert_index(work, batch, places, nodes)


def keep_cited(work: Statements, exhibits: Sequence[Exhibit]) -> None:
    """Keep what is cited. What is there already stays as it is, unless it was damaged."""
    if not exhibits:
        return
    there = {row[0]: row[1:] for row in work.rows(_CITED, ([one.digest for one in exhibits],))}
    new = [(one.digest, one.media_type, one.data) for one in exhibits if one.digest not in there]
    work.copy("cited (digest, media_type, bytes)", ("text", "text", "bytea"), new)
    for one in exhibits:
        if there.get(one.digest, (one.media_type, one.digest)) != (one.media_type, one.digest):
            sql = "UPDATE cited SET media_type = %s, bytes = %s WHERE digest = %s"
            work.execute(sql, (one.media_type, one.data, one.digest))


def projections_again(work: Statements, minimum: int, progress: Callable[[int], None]) -> None:
    """Index, ids and tile hashes made again from the entries, which are there from `minimum` on."""
    for table in ("node", "event_id", "event", "kind", "word"):
        work.execute(f"REINDEX TABLE {table}")
    for table in ("event_id", "event"):
        work.execute(f"DELETE FROM {table} WHERE idx >= %s", (minimum,))  # noqa: S608 - ours
    for statement in ("DELETE FROM node", *_LOST_TEXTS):
        work.execute(statement)
    tree = CompactRange()
    for (hashes,) in work.rows("SELECT hashes FROM tile ORDER BY n"):
        tree, nodes = tree.grow(
            [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
        )
        _insert_nodes(work, nodes)
    while rows := work.rows(_ENTRIES, (tree.size, _AGAIN_ROWS)):
        entries = [Prepared(event_of(data), data, leaf) for _, data, leaf in rows]
        batch = batch_of([Unit(entries)])
        for (key, whole), (idx, _, _) in zip(batch.ids, rows, strict=True):
            work.execute(_ID_AGAIN, (key, idx, whole))
        tree, nodes = tree.grow([entry.leaf for entry in entries])
        _insert_index(work, batch, [(row[0], at) for at, row in enumerate(rows)], nodes)
        progress(tree.size)


# Only texts that no row of an archived entry names: theirs cannot be made again.
_LOST_TEXTS = (
    "DELETE FROM kind WHERE NOT EXISTS (SELECT 1 FROM event WHERE kind = kind.key)",
    "DELETE FROM word WHERE NOT EXISTS (SELECT 1 FROM event WHERE key IN (actor, target))",
)


def _insert_index(
    work: Statements,
    batch: Batch,
    places: Sequence[tuple[int, int]],
    nodes: Sequence[TileNode],
) -> None:
    rows = [(idx, *batch.index[at]) for idx, at in places]
    columns = "event (idx, occurred_at, kind, actor, target)"
    work.copy(columns, ("int8", "int8", "bytea", "bytea", "bytea"), rows)
    _insert_nodes(work, nodes)
    for sql, texts in ((_KINDS, batch.kinds), (_WORDS, batch.words)):
        work.execute(sql, [list(column) for column in zip(*texts, strict=True)])


def _insert_nodes(work: Statements, nodes: Sequence[TileNode]) -> None:
    work.copy("node (level, idx, hash)", ("int2", "int8", "bytea"), nodes)
