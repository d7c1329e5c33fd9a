"""Events as rows for PostgreSQL: everything that can be made before the lock is taken. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import count

from assay.audit_log.event_ids import id_key
from assay.audit_log.interface import Prepared, Unit
from assay.canonical import canonical_bytes, microseconds
from assay.vocabulary import Event, Exhibit

KEY_BYTES = 16
ID_KEY_BYTES_MAX = 64
"""An id with a longer key is found by a hash of it."""

IndexedEvent = tuple[int, bytes, bytes, bytes]
"""Microseconds since 1970, and the keys of kind, actor and target."""

StoredId = tuple[bytes, bytes | None]
"""What an id is found by, and the id's own key where that is longer."""

KindRow = tuple[bytes, str, int, bytes]


@dataclass(frozen=True, slots=True)
class Batch:
    """Units, and what is written of them whatever their numbers will be."""

    units: Sequence[Unit]
    entries: Sequence[Prepared]
    ids: Sequence[StoredId]
    index: Sequence[IndexedEvent]
    kinds: Sequence[KindRow]
    words: Sequence[tuple[bytes, bytes]]
    exhibits: Sequence[Exhibit]
    """Each digest once; the last one given counts."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A batch with its numbers: which of its events are new, and the index of every one."""

    fresh: Sequence[int]
    """Places in the batch of the events that are written, in order."""
    indices: tuple[tuple[int, ...], ...]
    """The index of each event, by unit."""


def batch_of(units: Sequence[Unit]) -> Batch:
    """The rows of these units."""
    entries = [entry for unit in units for entry in unit.entries]
    events = [entry.event for entry in entries]
    kinds = {_kind(event) for event in events}
    words = {word for event in events for word in (event.actor, target_word(event))}
    exhibits = {one.digest: one for unit in units for one in unit.exhibits}
    return Batch(
        units,
        entries,
        [stored_id(event.id) for event in events],
        [_indexed(event) for event in events],
        [(kind_key(*kind), kind[0], kind[1], kind[2].encode()) for kind in sorted(kinds)],
        [(word_key(word), word.encode()) for word in sorted(words)],
        list(exhibits.values()),
    )


def numbered(batch: Batch, known: Mapping[bytes, int], size: int) -> Numbered:
    """Which index each event has or gets, in a log of `size` entries that has the `known` ids."""
    following = count(size)
    places = dict(known)
    fresh = []
    for place, (key, _) in enumerate(batch.ids):
        if key not in places:
            places[key] = next(following)
            fresh.append(place)
    numbers = iter([places[key] for key, _ in batch.ids])
    indices = tuple(tuple(next(numbers) for _ in unit.entries) for unit in batch.units)
    return Numbered(fresh, indices)


def stored_id(event_id: str) -> StoredId:
    """How an id is kept: by its key, or by a hash where a B-tree would not take that."""
    key = id_key(event_id)
    if len(key) <= ID_KEY_BYTES_MAX:
        return key, None
    return b"\xfe" + sha256(key).digest(), key


def target_word(event: Event) -> str:
    """`kind:name` of the target, as queries name it."""
    return f"{event.target.kind._value_}:{event.target.name}"


@lru_cache(65_536)
def word_key(word: str) -> bytes:
    """What an actor or a target is found by: the start of SHA-256 of its UTF-8."""
    return sha256(word.encode()).digest()[:KEY_BYTES]


@lru_cache(4_096)
def kind_key(type_: str, severity: int, outcome: str) -> bytes:
    """What a kind is found by: the start of SHA-256 of its canonical JSON."""
    return sha256(canonical_bytes([type_, severity, outcome])).digest()[:KEY_BYTES]


def _kind(event: Event) -> tuple[str, int, str]:
    return event.type, int(event.severity), event.outcome


def _indexed(event: Event) -> IndexedEvent:
    return (
        microseconds(event.occurred_at),
        kind_key(*_kind(event)),
        word_key(event.actor),
        word_key(target_word(event)),
    )
