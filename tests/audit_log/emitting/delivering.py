"""A process that changes records, delivers their events to a real log, and is killed on the way.

    python -m tests.audit_log.emitting.delivering URL FOLDER FIRST WHERE

Each change adds an assessment `aN` and the event `event-N`; every third change raises at its end and is
rolled back. WHERE says where the process kills itself (SIGKILL: no handler, no buffer, no `finally`):
`within` a transaction, `committed`, `appended` (durable in the log, not yet marked), `marked`, or
`nowhere`, which goes on until somebody else kills it. A line is printed after each commit.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from assay.audit_log.emitting.delivery import deliver
from assay.audit_log.entry import new_event
from assay.audit_log.log import AuditLog
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.signer import LogSigner
from assay.crypto.signing import SigningKey
from assay.stores.interface import AssessmentRecord, WaitingEvent
from assay.stores.records import SqlRecordStore, open_store
from assay.stores.tables import assessment
from assay.vocabulary import Event
from tests.audit_log.emitting.fakes import ACTOR, CLINIC, NOON

SIGNER = LogSigner("example.com/log", SigningKey(bytes(range(32))))
BATCH = 10


def event(number: int) -> Event:
    """The event of change N."""
    return new_event(
        "configuration_change",
        occurred_at=NOON,
        actor=ACTOR,
        action=f"change {number}",
        target=CLINIC,
        event_id=f"event-{number}",
    )


def rolled_back(number: int) -> bool:
    """Whether this change raises at its end."""
    return number % 3 == 2


def open_real_log(folder: Path) -> AuditLog:
    """A log in a folder, for writing."""
    return open_sqlite_log(folder, SIGNER)


def change(store: SqlRecordStore, number: int, where: str = "nowhere") -> None:
    """Change N: a record and its event, or neither."""
    try:
        with store.change() as under_way:
            record = AssessmentRecord(f"a{number}", datetime.now(UTC), "quick", 0, "finished", 0)
            row = {name: getattr(record, name) for name in assessment.columns.keys()}  # noqa: SIM118
            under_way.execute(assessment.insert(), row)
            under_way.emit(event(number))
            if where == "within":
                die()
            if rolled_back(number):
                raise RollBack
    except RollBack:
        return


class RollBack(Exception):
    """What a change raises that is not to be."""


class DyingLog:
    """The real log, in a process that dies before an append, or when it is durable."""

    def __init__(self, log: AuditLog, where: str) -> None:
        self._log = log
        self._where = where

    def append_many(self, events: Sequence[Event]) -> Any:
        if self._where == "committed":
            die()
        ticket = self._log.append_many(events)
        ticket.sequenced()
        if self._where == "appended":
            die()
        return ticket


class DyingStore:
    """The real records, in a process that dies when a delivery was marked."""

    def __init__(self, store: SqlRecordStore, where: str) -> None:
        self._store = store
        self._where = where

    def waiting_events(self, limit: int = 500, *, after: int = 0) -> tuple[WaitingEvent, ...]:
        return self._store.waiting_events(limit, after=after)

    def mark_delivered(self, indices: dict[int, int]) -> None:
        self._store.mark_delivered(indices)
        if self._where == "marked":
            die()


def die() -> None:
    """As `kill -9` does it."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, folder: str, first: str, where: str) -> None:
    """Change and deliver until somebody dies."""
    store, log = open_store(url), open_real_log(Path(folder))
    for begin in count(int(first), BATCH):
        for number in range(begin, begin + BATCH):
            change(store, number, where if number == begin + BATCH - 1 else "nowhere")
            print(number, flush=True)  # noqa: T201
        deliver(DyingStore(store, where), DyingLog(log, where), batch_events=4)


if __name__ == "__main__":
    main(*sys.argv[1:])
