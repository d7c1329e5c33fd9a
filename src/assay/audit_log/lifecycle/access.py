"""Where a log lives, for what changes which of its entries are there: archive and retention.

Reading, writing and dropping follow each other and do not overlap: a log has one writer, and what is
archived never changes, so the long part, the copying, holds nobody up.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import NAMESPACE_URL, uuid5

from assay.audit_log.backends.sqlite_archive import Dropped, Leaves, drop_entries
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.caller import from_client
from assay.audit_log.entry import new_event
from assay.audit_log.interface import LogReader
from assay.audit_log.log import AuditLog, Clock, utc_now
from assay.audit_log.notes import VerifierKey
from assay.audit_log.text_search import remove_text_index
from assay.audit_log.trust import Trust
from assay.vocabulary import Event, Facts, Target, TargetKind


class ArchivableLog(LogReader, Protocol):
    """A log that says where it begins."""

    @property
    def minimum_index(self) -> int:
        """The first entry whose bytes are still here."""


@dataclass(frozen=True, slots=True)
class LogAccess:
    """A log that can be read, written and shortened. `actor` is who does it, a pseudonym."""

    folder: Path
    """The workspace, where the text index lies."""
    keys: tuple[VerifierKey, ...]
    actor: str
    read: Callable[[], AbstractContextManager[ArchivableLog]]
    write: Callable[[], AbstractContextManager[AuditLog]]
    drop: Callable[[int, Leaves | None], Dropped]
    """Drops the entries before an index; the hashes of what is kept elsewhere must be theirs."""
    clock: Clock = utc_now

    @property
    def trust(self) -> Trust:
        """The log's own keys, all of which must have signed."""
        return Trust(self.keys)

    @property
    def origin(self) -> str:
        """The log."""
        return self.keys[0].name

    def record(self, type_: str, action: str, said: str, detail: Facts) -> int:
        """Append the event that records what is about to be done; its index, published.

        `said` is what the event's id is made from: doing the same again records nothing new.
        """
        event = new_event(
            type_,
            occurred_at=self.clock(),
            actor=self.actor,
            action=action,
            target=Target(TargetKind.SYSTEM, self.origin),
            detail=detail,
            event_id=derived_id(self.origin, said),
        )
        return self.append(event)

    def append(self, event: Event) -> int:
        """Append an event from the caller; its index, published."""
        with self.write() as log:
            return log.keep([from_client(event)])[0]

    def shorten(self, end: int, leaves: Leaves | None) -> Dropped:
        """Drop the entries before `end`, and wait until the index covers what is left."""
        remove_text_index(self.folder)
        dropped = self.drop(end, leaves)
        with self.write() as log:
            log.settle()
        return dropped


def derived_id(origin: str, said: str) -> str:
    """The id of an event that always means the same: a UUID of version 5 (RFC 9562)."""
    return str(uuid5(NAMESPACE_URL, f"//{origin}/{said}"))


def sqlite_access(
    folder: Path,
    keys: tuple[VerifierKey, ...],
    actor: str,
    write: Callable[[], AbstractContextManager[AuditLog]],
    *,
    clock: Clock = utc_now,
) -> LogAccess:
    """The log in SQLite in `folder`."""
    return LogAccess(
        folder,
        keys,
        actor,
        lambda: SqliteLogReader(folder, keys[0]),
        write,
        lambda end, leaves: drop_entries(folder, end, leaves),
        clock,
    )


def postgres_access(
    folder: Path,
    url: str,
    keys: tuple[VerifierKey, ...],
    actor: str,
    write: Callable[[], AbstractContextManager[AuditLog]],
    *,
    clock: Clock = utc_now,
) -> LogAccess:
    """The log in PostgreSQL at this URL; `folder` is the workspace.

    Raises:
        MissingExtra: its driver is not installed.
    """
    from assay.audit_log.backends.postgres import open_postgres_store
    from assay.audit_log.backends.postgres_reader import PostgresLogReader

    def drop(end: int, leaves: Leaves | None) -> Dropped:
        with open_postgres_store(url, keys[0]) as store:
            return store.drop_entries(end, leaves)

    return LogAccess(
        folder, keys, actor, lambda: PostgresLogReader(url, keys[0]), write, drop, clock
    )
