"""A query as SQL for PostgreSQL. Pure.

Each of the four indices ends in (occurred_at, idx), so that the newest come first without sorting: an
actor's, a target's, one kind's (type, severity and outcome together), or everybody's. Several kinds
are as many walks from the newest backwards, merged; so a rare severity is found without reading what
lies between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.audit_log.backends._postgres_rows import word_key
from assay.audit_log.interface import EventQuery
from assay.canonical import microseconds

KINDS_MERGED_MAX = 32
"""With more kinds than this, few events are not of one of them; all are walked over."""

Statement = tuple[str, list[Any]]

_NEWEST = "ORDER BY occurred_at DESC, idx DESC"
_WALK = "SELECT occurred_at, idx FROM event"
_MERGE = "SELECT occurred_at, idx FROM"
_COUNT = "SELECT count(*) FROM event"


def kinds_statement(wanted: EventQuery) -> Statement | None:
    """The keys of the kinds that are wanted; None when any kind is."""
    conditions, values = [], list[Any]()
    if wanted.type is not None:
        conditions.append("type = %s")
        values.append(wanted.type)
    if wanted.severity_min is not None:
        conditions.append("severity >= %s")
        values.append(int(wanted.severity_min))
    if wanted.outcome is not None:
        conditions.append("outcome = %s")
        values.append(wanted.outcome.encode())
    if not conditions:
        return None
    return " ".join(["SELECT key FROM kind", _all(conditions), "ORDER BY key"]), values


def page_statement(wanted: EventQuery, kinds: Sequence[bytes] | None) -> Statement:
    """Instant, index and bytes (NULL for an archived entry) of the newest matching events."""
    found, values = _found(wanted, kinds)
    columns = "SELECT occurred_at, idx, bytes FROM"
    return f"{columns} ({found}) AS found LEFT JOIN entry USING (idx) {_NEWEST}", values


def count_statement(wanted: EventQuery, kinds: Sequence[bytes] | None) -> Statement:
    """How many events match, whatever the limit."""
    where, values = _where(wanted, kinds)
    return f"{_COUNT}{where}", values


def _found(wanted: EventQuery, kinds: Sequence[bytes] | None) -> Statement:
    by_word = wanted.actor is not None or wanted.target is not None
    if kinds is None or by_word or not 1 < len(kinds) <= KINDS_MERGED_MAX:
        return _walk(wanted, kinds)
    walks = [_walk(wanted, [kind]) for kind in kinds]
    merged = " UNION ALL ".join(f"({sql})" for sql, _ in walks)
    values = [value for _, of_walk in walks for value in of_walk]
    return f"{_MERGE} ({merged}) AS walks {_NEWEST} LIMIT %s", [*values, wanted.limit]


def _walk(wanted: EventQuery, kinds: Sequence[bytes] | None) -> Statement:
    where, values = _where(wanted, kinds)
    return f"{_WALK}{where} {_NEWEST} LIMIT %s", [*values, wanted.limit]


def _where(wanted: EventQuery, kinds: Sequence[bytes] | None) -> Statement:
    conditions, values = [], list[Any]()
    if kinds is not None:
        conditions.append("kind = %s" if len(kinds) == 1 else "kind = ANY(%s)")
        values.append(kinds[0] if len(kinds) == 1 else list(kinds))
    for column, word in (("actor", wanted.actor), ("target", wanted.target)):
        if word is not None:
            conditions.append(f"{column} = %s")
            values.append(word_key(word))
    if wanted.since is not None:
        conditions.append("occurred_at >= %s")
        values.append(microseconds(wanted.since))
    if wanted.until is not None:
        conditions.append("occurred_at < %s")
        values.append(microseconds(wanted.until))
    if wanted.after is not None:
        conditions.append("(occurred_at, idx) < (%s, %s)")
        values += [microseconds(wanted.after.occurred_at), wanted.after.entry]
    return _all(conditions), values


def _all(conditions: Sequence[str]) -> str:
    return " WHERE " + " AND ".join(conditions) if conditions else ""
