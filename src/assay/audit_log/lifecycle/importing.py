"""Takes entries that another machine's log signed into this one, so that their origin stays provable.

Each becomes a `log_imported` event that cites the entry's bytes, the checkpoint that covers it, its
inclusion proof, and what the entry itself cites, where that was brought:

    application/vnd.assay.entry+json           the entry, as it was hashed
    application/vnd.assay.inclusion-proof      the first part of its `.tlog-proof`
    application/vnd.assay.checkpoint           the checkpoint: the second part
    ...                                        what the entry cites, under its own media types

The proof and the checkpoint, one after the other, are a `.tlog-proof` (`docs/formats/tlog-proof.md`),
which verifies the entry with the other log's public keys alone.

The event's id is made from the other log's origin and the entry's index, and what was imported before
is passed over, so that a run that was cut off, or limited, is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from assay.audit_log.caller import from_client
from assay.audit_log.entry import citation, citations, event_of, new_event
from assay.audit_log.interface import PAGE_MAX, EventQuery, LogReader, PageKey
from assay.audit_log.lifecycle.access import derived_id
from assay.audit_log.lifecycle.foreign import ForeignEntry
from assay.audit_log.log import AuditLog
from assay.canonical import digest, instant
from assay.errors import BadInput, LogError
from assay.vocabulary import Event, Exhibit, Target, TargetKind

ENTRY_TYPE = "application/vnd.assay.entry+json"
PROOF_TYPE = "application/vnd.assay.inclusion-proof"
CHECKPOINT_TYPE = "application/vnd.assay.checkpoint"
IMPORTED = "log_imported"

_UNKNOWN_TYPE = "application/octet-stream"
_MEDIA_TYPE_LENGTH_MAX = 100
_CITED_MAX = 200
"""How many pieces of evidence of one entry are brought along; their citations must fit into ours."""
_TYPE_LENGTH_MAX = 64
_BATCH = 64
_BATCH_BYTES_MAX = 16 << 20


@dataclass(frozen=True, slots=True)
class Imported:
    """What one run did. Counts are of entries."""

    origin: str
    taken: int
    known: int
    """Of that log, and here from before."""
    remaining: bool
    """Whether the limit was reached before the end of the bundle."""
    not_brought: int
    """Pieces of evidence that entries cite and the bundle did not bring."""


def import_entries(
    log: AuditLog,
    entries: Iterable[ForeignEntry],
    origin: str,
    *,
    actor: str,
    at: datetime,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Append a `log_imported` event for each entry of the log `origin` that is not here yet.

    `entries` are those of `foreign.open_bundle`, verified. `limit` is how many are taken in one run.
    Whatever was taken is published when this returns.

    Raises:
        BadInput: the entries are this log's own.
        NotImported: the bundle changed while it was read; what was taken before stays.
        LogError, DiskFull
    """
    if origin == log.signer.origin:
        raise BadInput("The bundle is of this very log.", next_step="Its entries are here already.")
    known = imported_indices(log.reader, origin)
    kept = _Kept(log.reader)
    before = len(known)
    taken = not_brought = 0
    fresh = _passing_over(entries, known)
    wanted = fresh if limit is None else islice(fresh, limit)
    for batch in _batches(_made(entry, origin, actor, at, kept) for entry in wanted):
        events = [made.event for made in batch]
        exhibits = [exhibit for made in batch for exhibit in made.exhibits]
        log.append_many(events, exhibits).sequenced()
        taken += len(batch)
        not_brought += sum(made.not_brought for made in batch)
        progress(taken)
    remaining = limit is not None and taken == limit and next(fresh, None) is not None
    if taken:
        log.publish()
    return Imported(origin, taken, before, remaining, not_brought)


def imported_indices(reader: LogReader, origin: str) -> set[int]:
    """Which entries of the log `origin` were imported before, as far as they are not archived."""
    found: set[int] = set()
    wanted = EventQuery(type=IMPORTED, target=f"system:{origin}", limit=PAGE_MAX)
    while True:
        last: tuple[int, Event] | None = None
        rows = 0
        for index, data in reader.query(wanted):
            last, rows = (index, event_of(data)), rows + 1
            number = last[1].detail.get("index")
            if isinstance(number, int):
                found.add(number)
        if last is None or rows < wanted.limit:
            return found
        wanted = wanted.next_page(PageKey(last[1].occurred_at, last[0]))


@dataclass(frozen=True, slots=True)
class _Made:
    event: Event
    exhibits: tuple[Exhibit, ...]
    not_brought: int


class _Kept:
    """Media types of bytes that the log keeps: the same bytes cannot be kept under two."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._seen: dict[str, str] = {}

    def exhibit(self, media_type: str, data: bytes) -> Exhibit:
        name = digest(data)
        if name not in self._seen:
            try:
                self._seen[name] = self._reader.media_type(name)
            except LogError:
                self._seen[name] = media_type
        return Exhibit(name, self._seen[name], data)


def _made(foreign: ForeignEntry, origin: str, actor: str, at: datetime, kept: _Kept) -> _Made:
    """The event that takes one entry in, and what it cites."""
    original, proof = event_of(foreign.data), str(foreign.proof)
    head = proof.removesuffix(foreign.proof.note)
    exhibits = [
        kept.exhibit(ENTRY_TYPE, foreign.data),
        kept.exhibit(PROOF_TYPE, head.encode()),
        kept.exhibit(CHECKPOINT_TYPE, foreign.proof.note.encode()),
    ]
    cited = citations(foreign.data)
    for name, media_type in cited[:_CITED_MAX]:
        data = foreign.cited(name)
        if data is not None:
            exhibits.append(kept.exhibit(_media_type(media_type), data))
    exhibits = list({exhibit.digest: exhibit for exhibit in exhibits}.values())
    missing = len({name for name, _ in cited} - {exhibit.digest for exhibit in exhibits})
    event = new_event(
        IMPORTED,
        occurred_at=at,
        actor=actor,
        action="import an entry",
        target=Target(TargetKind.SYSTEM, origin, digest(foreign.data)),
        detail={
            "origin": origin,
            "index": foreign.index,
            "type": original.type[:_TYPE_LENGTH_MAX],
            "occurred_at": instant(original.occurred_at),
            "not_brought": missing,
            "cites": [citation(exhibit) for exhibit in exhibits],
        },
        event_id=derived_id(origin, f"imported/{foreign.index}"),
    )
    return _Made(from_client(event), tuple(exhibits), missing)


def _media_type(said: str) -> str:
    """What another log says, where it can be a media type."""
    fits = len(said) <= _MEDIA_TYPE_LENGTH_MAX and said.isascii() and said.isprintable()
    return said if fits else _UNKNOWN_TYPE


def _passing_over(entries: Iterable[ForeignEntry], known: set[int]) -> Iterator[ForeignEntry]:
    return (entry for entry in entries if entry.index not in known)


def _batches(made: Iterable[_Made]) -> Iterator[list[_Made]]:
    """What is appended together: so many entries, or so many bytes."""
    batch, size = list[_Made](), 0
    for one in made:
        batch.append(one)
        size += sum(len(exhibit.data) for exhibit in one.exhibits)
        if len(batch) >= _BATCH or size >= _BATCH_BYTES_MAX:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
