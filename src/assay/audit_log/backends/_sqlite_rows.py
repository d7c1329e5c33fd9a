"""Units of events as values for the statements of SQLite. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

import orjson

from assay.audit_log.event_ids import id_key
from assay.audit_log.interface import Prepared, Unit

_UUIDS = re.compile("(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})+")


def uuid_keys(ids: Sequence[str]) -> bytes | None:
    """The keys of ids joined, when all are UUIDs, as is usual; many at once cost a third of each."""
    joined = "".join(ids)
    if set(map(len, ids)) != {36} or not _UUIDS.fullmatch(joined):
        return None
    return bytes.fromhex(joined.replace("-", ""))


def places(parts: Sequence[bytes]) -> str:
    """Where each part lies in the joined bytes, as a JSON list for the statements above."""
    lengths = list(map(len, parts))
    offsets = accumulate(lengths, initial=0)
    return orjson.dumps([o << 16 | n for o, n in zip(offsets, lengths, strict=False)]).decode()


def fresh_of(prepared: Sequence[Prepared], known: dict[bytes, int], first: int) -> list[Prepared]:
    """Those that are not in the log yet, each id once."""
    entries = {
        known[key]: entry for key, entry in reversed(_keyed(prepared)) if known[key] >= first
    }
    return [entries[index] for index in sorted(entries)]


def _keyed(prepared: Sequence[Prepared]) -> list[tuple[bytes, Prepared]]:
    return [(id_key(entry.event.id), entry) for entry in prepared]


def indices_of(
    units: Sequence[Unit], first: int, known: dict[bytes, int]
) -> tuple[tuple[int, ...], ...]:
    if known:
        return tuple(tuple(known[id_key(e.event.id)] for e in unit.entries) for unit in units)
    indices, at = [], first
    for unit in units:
        count = len(unit.entries)
        indices.append((at,) if count == 1 else tuple(range(at, at + count)))
        at += count
    return tuple(indices)
