"""A log in each backend, for tests that have one body for all of them, and events to put into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import apsw
import psycopg

from assay.audit_log.backends import postgres_evidence, sqlite_evidence
from assay.audit_log.backends.postgres import open_postgres_store
from assay.audit_log.backends.postgres_reader import PostgresLogReader
from assay.audit_log.backends.sqlite import SqliteLogStore
from assay.audit_log.backends.sqlite_files import DATABASE, PUBLISHED_CHECKPOINT
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.entry import citation, new_event, prepare
from assay.audit_log.interface import LogReader, LogStore, Unit, Verification, Written
from assay.audit_log.signer import LogSigner
from assay.audit_log.trust import Trust
from assay.canonical import digest
from assay.crypto.signing import SigningKey
from assay.vocabulary import Event, Exhibit, Target, TargetKind

SIGNER = LogSigner("example.com/log", SigningKey(bytes(range(32))))
VERIFIER = SIGNER.verifier
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TYPES = ("note", "user_login", "model_access", "security_alert")


class StoredLog(Protocol):
    """Where a log lives, and what its administrator can do to it."""

    def store(self) -> LogStore:
        """The log, opened for writing."""

    def reader(self) -> LogReader:
        """The log, opened for reading."""

    def verify(self, *retained: str, trust: Trust | None = None) -> Verification:
        """What verification says."""

    def change(self, sql: str, *values: Any) -> None:
        """Change the database behind the log's back; `?` stands for a value."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database holds."""

    def publish_in_place(self, note: str | None) -> None:
        """Put another checkpoint, or none, where readers look for the published one."""


@dataclass(frozen=True, slots=True)
class SqliteLog:
    """A log in a folder."""

    folder: Path

    def store(self) -> SqliteLogStore:
        return SqliteLogStore(self.folder, VERIFIER)

    def reader(self) -> SqliteLogReader:
        return SqliteLogReader(self.folder, VERIFIER)

    def verify(self, *retained: str, trust: Trust | None = None) -> Verification:
        return sqlite_evidence.verify(self.folder, VERIFIER, retained, trust=trust)

    def change(self, sql: str, *values: Any) -> None:
        db = apsw.Connection(str(self.folder / DATABASE))
        db.execute(sql, values)
        db.close()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        db = apsw.Connection(str(self.folder / DATABASE))
        found = list(db.execute(sql))
        db.close()
        return found

    def publish_in_place(self, note: str | None) -> None:
        path = self.folder / PUBLISHED_CHECKPOINT
        path.unlink() if note is None else path.write_text(note, "utf-8")


@dataclass(frozen=True, slots=True)
class PostgresLog:
    """A log in a schema of its own."""

    url: str
    """Of the log, with its schema."""
    server: str
    schema: str

    def store(self) -> LogStore:
        return open_postgres_store(self.url, VERIFIER)

    def reader(self) -> PostgresLogReader:
        return PostgresLogReader(self.url, VERIFIER)

    def verify(self, *retained: str, trust: Trust | None = None) -> Verification:
        return postgres_evidence.verify(self.url, VERIFIER, retained, trust=trust)

    def change(self, sql: str, *values: Any) -> None:
        with psycopg.connect(self.server) as db:
            db.execute(f"SET search_path = {self.schema}")
            db.execute(sql.replace("?", "%s"), values)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server) as db:
            db.execute(f"SET search_path = {self.schema}")
            return db.execute(sql).fetchall()

    def publish_in_place(self, note: str | None) -> None:
        self.change("DELETE FROM published")
        if note is not None:
            self.change("INSERT INTO published VALUES (1, 0, ?)", note)


def event(number: int, *exhibits: Exhibit, **other: Any) -> Event:
    """The event with this number, one second after the one before; types and actors take turns."""
    said = {
        "occurred_at": NOON + timedelta(seconds=number),
        "actor": f"actor:{number % 3}",
        "action": "write",
        "target": Target(TargetKind.SYSTEM, f"clinic {number % 2}"),
        "outcome": "success" if number % 5 else "failure",
        "detail": {"number": number, "cites": [citation(one) for one in exhibits]},
        "event_id": event_id(number),
    }
    return new_event(TYPES[number % 4], **{**said, **other})


def event_id(number: int) -> str:
    """The id of the event with this number."""
    return f"00000000-0000-4000-8000-{number:012}"


def exhibit(text: str) -> Exhibit:
    """Some bytes to cite."""
    return Exhibit(digest(text.encode()), "text/plain", text.encode())


def unit(events: Sequence[Event], exhibits: Sequence[Exhibit] = ()) -> Unit:
    """These events as one unit."""
    return Unit([prepare(one) for one in events], exhibits)


def append(store: LogStore, events: Sequence[Event], exhibits: Sequence[Exhibit] = ()) -> Written:
    """Commit these events as one unit, and keep a checkpoint of what is there."""
    written = store.commit([unit(events, exhibits)], SIGNER.head)
    tree = written.tree
    store.keep_checkpoint(tree.size, SIGNER.published(tree.size, tree.root, 0).note)
    return written


ONE, TWO = exhibit("evidence one"), exhibit("evidence two")


def small_log(log: StoredLog) -> None:
    """Seven entries in three batches, two of which cite bytes; each batch with a checkpoint."""
    store = log.store()
    append(store, [event(0), event(1, ONE), event(2)], [ONE])
    append(store, [event(3), event(4, ONE, TWO)], [ONE, TWO])
    append(store, [event(5), event(6)])
    store.settle(30)
    store.close()
