"""Removes what is past its retention, by rule, unless a legal hold keeps it.

A rule says how long events of a type are kept, counted in calendar days (UTC) from the day they
occurred; a type without a rule, where there is no rule `default` either, is kept for good. A hold
keeps events of its types that occurred in its days, for as long as it is declared.

Bytes are removed by whole bundles of 256 entries: a bundle goes when every entry in it is due and none
is held. Its leaf hashes stay, so that the tree, all checkpoints and the proofs of all other entries
hold. In an archive any bundle can go; in the log itself only those at its beginning, because what is
behind a gap would have to be told from what is lost. So: archive first, then apply retention.

The log records `retention_applied` first, with rules and ranges; then the volume says what is
removed; then the files go. A run that was cut off is run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path

from assay.audit_log.entry import citations, event_of
from assay.audit_log.interface import LogReader
from assay.audit_log.lifecycle.access import LogAccess
from assay.audit_log.lifecycle.volume import Volume
from assay.audit_log.lifecycle.volume_files import (
    UNFINISHED,
    Range,
    bundle_path,
    packed_cited_path,
    put_manifest,
    volumes_in,
)
from assay.audit_log.merkle import TILE_WIDTH
from assay.audit_log.trust import trusted_checkpoint
from assay.canonical import digest_of
from assay.errors import NotAnArchive
from assay.law.periods import latest_start_ended_by, parse_period
from assay.vocabulary import Event, Facts

DEFAULT = "default"
_RANGES_AN_EVENT = 1_000
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hold:
    """Events that may not be removed: of these types (all where there are none), of these days."""

    name: str
    types: frozenset[str] = frozenset()
    since: date | None = None
    """The first day on which they occurred, UTC; from the beginning without it."""
    until: date | None = None
    """The last day; open without it."""

    def keeps(self, event: Event) -> bool:
        """Whether the hold is on this event."""
        day = event.occurred_at.date()
        return (
            (not self.types or event.type in self.types)
            and (self.since is None or day >= self.since)
            and (self.until is None or day <= self.until)
        )


@dataclass(frozen=True, slots=True)
class Due:
    """What a rule allows to remove. Counts are of entries."""

    ranges: tuple[Range, ...] = ()
    """Whole bundles, in order, joined where they touch."""
    held: int = 0
    """Past their retention, but held."""
    waiting: int = 0
    """Past their retention, but in a bundle with others that are not, or that is not whole."""

    @property
    def count(self) -> int:
        """How many entries can be removed."""
        return sum(end - first for first, end in self.ranges)


def due(
    rules: Mapping[str, str],
    holds: Sequence[Hold],
    now: datetime,
    entries: Iterable[tuple[int, bytes]],
) -> Due:
    """Which of these entries, in the order of the log, are past their retention.

    `rules` are periods by event type, `default` for the others: `{"note": "P1Y"}`. An event counts
    from the day it occurred, so on the last day of its period it is still kept.

    Raises:
        BadInput: a period is none.
        LogDamaged: an entry is no event.
    """
    yesterday = now.date() - _DAY
    last_day = {
        type_: latest_start_ended_by(yesterday, parse_period(period))
        for type_, period in rules.items()
    }
    bundles, held, past = list[Range](), 0, 0
    for number, rows in groupby(entries, key=lambda row: row[0] // TILE_WIDTH):
        events = [event_of(data) for _, data in rows]
        ended = [event for event in events if _is_past(event, last_day)]
        kept = sum(1 for event in ended if any(hold.keeps(event) for hold in holds))
        held += kept
        past += len(ended)
        if len(ended) == TILE_WIDTH and not kept:
            bundles.append((number * TILE_WIDTH, (number + 1) * TILE_WIDTH))
    found = Due(_joined(bundles), held)
    return replace(found, waiting=past - held - found.count)


@dataclass(frozen=True, slots=True)
class Applied:
    """What was removed from one place, and what could not be."""

    where: str
    """`log`, or the name of a volume of the archive."""
    due: Due
    recorded_in: tuple[int, ...] = field(default=())
    """The entries that record it; none where nothing was removed."""


def apply_retention(
    access: LogAccess,
    rules: Mapping[str, str],
    holds: Sequence[Hold],
    archive: Path | None = None,
    *,
    dry_run: bool = False,
) -> list[Applied]:
    """Remove what is past its retention from an archive, and from the beginning of the log.

    Raises:
        BadInput: a period is none.
        NotAnArchive: the folder is not an archive of this log.
        LogBusy, LogError, LogDamaged, DiskFull, NotWritable: what was recorded is removed when it is
            run again.
    """
    now = access.clock()
    applied = []
    volumes = [] if archive is None else [Volume(path) for path in volumes_in(archive)]
    for volume in volumes:
        if volume.manifest.origin != access.origin:
            raise NotAnArchive(
                f"{volume.folder} is an archive of another log.",
                next_step="Name the archive of this workspace's log.",
            )
        found = due(rules, holds, now, volume.entries(volume.manifest.first, volume.manifest.end))
        recorded: tuple[int, ...] = ()
        if not dry_run:
            recorded = _record(access, rules, holds, "archive", found.ranges)
            _remove(volume, found.ranges)
        applied.append(Applied(volume.folder.name, found, recorded))
    applied.append(_apply_to_log(access, rules, holds, now, dry_run=dry_run))
    return applied


def _apply_to_log(
    access: LogAccess,
    rules: Mapping[str, str],
    holds: Sequence[Hold],
    now: datetime,
    *,
    dry_run: bool,
) -> Applied:
    with access.read() as log:
        first, end = log.minimum_index, _published(log, access)
        found = due(rules, holds, now, log.entries(first, end))
    ranges = found.ranges[:1] if found.ranges and found.ranges[0][0] == first else ()
    here = replace(found, ranges=ranges)
    here = replace(here, waiting=found.waiting + found.count - here.count)
    if dry_run or not ranges:
        return Applied("log", here)
    recorded = _record(access, rules, holds, "log", ranges)
    access.shorten(ranges[0][1], None)
    return Applied("log", here, recorded)


def _published(log: LogReader, access: LogAccess) -> int:
    note = log.newest_note()
    return 0 if note is None else trusted_checkpoint(note, access.trust).checkpoint.size


def _record(
    access: LogAccess,
    rules: Mapping[str, str],
    holds: Sequence[Hold],
    where: str,
    ranges: Sequence[Range],
) -> tuple[int, ...]:
    """Record what will be removed; several events where there are very many ranges."""
    recorded = []
    for at in range(0, len(ranges), _RANGES_AN_EVENT):
        some = [list(each) for each in ranges[at : at + _RANGES_AN_EVENT]]
        detail: Facts = {
            "where": where,
            "ranges": some,
            "count": sum(end - first for first, end in some),
            "rules": dict(rules),
            "holds": len(holds),
        }
        said = f"retention/{digest_of(detail)}"
        recorded.append(access.record("retention_applied", "remove entries", said, detail))
    return tuple(recorded)


def _remove(volume: Volume, ranges: Sequence[Range]) -> None:
    """Say in the volume what is removed, then remove it; also what a run before left behind."""
    manifest = volume.manifest
    (volume.folder / UNFINISHED).unlink(missing_ok=True)
    if ranges:
        removed = _joined(sorted({*manifest.removed, *ranges}))
        manifest = replace(manifest, removed=removed)
        put_manifest(volume.folder, manifest)
        volume = Volume(volume.folder)
    if not manifest.removed:
        return
    for bundle in manifest.bundles:
        if manifest.is_removed(bundle):
            (volume.folder / bundle_path(bundle)).unlink(missing_ok=True)
    cited = {
        packed_cited_path(name)
        for _, data in volume.entries(manifest.first, manifest.end)
        for name, _ in citations(data)
    }
    for path in sorted(volume.folder.glob("cited/sha256/*.gz")):
        if path.relative_to(volume.folder).as_posix() not in cited:
            path.unlink()


def _is_past(event: Event, last_day: Mapping[str, date]) -> bool:
    """Whether the period of its type, or of all others, has ended."""
    last = last_day.get(event.type, last_day.get(DEFAULT))
    return last is not None and event.occurred_at.date() <= last


def _joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Ranges in order, joined where they touch."""
    return tuple(_touching(iter(ranges)))


def _touching(ranges: Iterator[Range]) -> Iterator[Range]:
    start: int | None = None
    stop = 0
    for first, end in ranges:
        if start is not None and first != stop:
            yield start, stop
            start = None
        start = first if start is None else start
        stop = end
    if start is not None:
        yield start, stop
