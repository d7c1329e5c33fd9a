"""The audit log for those who write: append from any thread, one writer, group commit.

Life of an event: the caller's thread makes the entry's bytes and leaf hash, puts a ticket into the
bounded queue and goes on. The writer's thread takes what has gathered there, commits it as one
durable transaction and decides the tickets: *sequenced* and *integrated*. Checkpoints are *published*
when somebody waits for one, every second while events come, and on close. While nothing happens,
heartbeats say so, where they were asked for.

What a ticket acknowledged is never lost; what failed is told to its caller and left nothing behind.
After a failed sync the disk may hold what nobody was told of: the writer opens the log again, reads
what is there and goes on; appending the same events again, under their ids, is harmless.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from assay.audit_log.citing import check_cited
from assay.audit_log.emitting.logging_handler import FORWARDED_TO, forward
from assay.audit_log.entry import CITES, prepare
from assay.audit_log.interface import LogReader, LogStore, Unit
from assay.audit_log.merkle import CompactRange
from assay.audit_log.publishing import Publisher
from assay.audit_log.signer import LogSigner
from assay.audit_log.tickets import Ticket, TicketQueue, WhenFull
from assay.errors import AssayError, BadNote, LogError
from assay.vocabulary import Checkpoint, Event, Exhibit, Severity

_logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Heartbeat = Callable[[datetime, timedelta], Event]
"""Makes the event that says that nothing happened: now, and for how long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait, and how often checkpoints are published while events come."""

    when_full: WhenFull = WhenFull.WAIT
    queue_events_max: int = 50_000
    queue_bytes_max: int = 64 << 20
    batch_events_max: int = 5_000
    publish_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Closed:
    """What a log reports when it is closed."""

    written: int
    """Events that became new entries since it was opened."""
    repeated: int
    """Events that were in the log already, by their ids."""
    failed: int
    """Events that were not acknowledged; their callers were told."""
    size: int
    checkpoint: Checkpoint | None


def utc_now() -> datetime:
    """The clock of everyday use."""
    return datetime.now(UTC)


class AuditLog:
    """The one writer of a log. Usable from any thread, and from asyncio; not after a fork."""

    def __init__(
        self,
        store: LogStore,
        reader: LogReader,
        signer: LogSigner,
        *,
        limits: Limits = Limits(),
        clock: Clock = utc_now,
        heartbeat: Heartbeat | None = None,
        heartbeat_every: timedelta | None = None,
    ) -> None:
        """Begin to write; `close` releases the store and the reader too."""
        self.reader = reader
        self.signer = signer
        self._store = store
        self._limits = limits
        self._clock = clock
        self._heartbeat = heartbeat
        self._heartbeat_every = heartbeat_every
        self._queue = TicketQueue(
            events_max=limits.queue_events_max,
            bytes_max=limits.queue_bytes_max,
            when_full=limits.when_full,
        )
        self._tree = store.tree()
        self._broken = False
        self._forked_from: int | None = None
        self._written = self._repeated = self._failed = 0
        self._publisher = Publisher(
            signer,
            store,
            self._published_before(),
            every_seconds=limits.publish_seconds,
            now=lambda: int(self._clock().timestamp()),
            wake=self._queue.wake,
        )
        self._last_entry_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="assay-log-writer", daemon=True)
        self._thread.start()
        _open_logs.add(self)

    @property
    def size(self) -> int:
        """How many entries are durable."""
        return self._tree.size

    def append(self, event: Event, exhibits: Sequence[Exhibit] = ()) -> Ticket:
        """The promise that one event gets durable.

        Raises:
            BadEvent: no entry can hold it, or it cites what is not kept.
            LogFull: too much waits, and the log was opened to say so.
            LogError: the log is closed, or was opened before a fork.
        """
        if self._forked_from is None and not exhibits:
            entry = prepare(event)
            if CITES not in entry.data:  # by far the most common case, in as few steps as can be
                ticket = Ticket(Unit((entry,)), len(entry.data), self._publish)
                self._queue.put(ticket)
                return ticket
        return self.append_many((event,), exhibits)

    def append_many(self, events: Sequence[Event], exhibits: Sequence[Exhibit] = ()) -> Ticket:
        """The promise that these events get durable, all together or none, in this order.

        An event whose id is in the log already keeps its old index and is not written again.
        """
        ticket = self._ticket(events, exhibits)
        self._queue.put(ticket)
        return ticket

    async def append_async(
        self, events: Sequence[Event], exhibits: Sequence[Exhibit] = ()
    ) -> tuple[int, ...]:
        """The indices of these events once they are durable, without blocking the event loop."""
        ticket = self._ticket(events, exhibits)
        await self._queue.put_async(ticket)
        return await ticket.sequenced_async()

    def keep(self, events: Sequence[Event], exhibits: Sequence[Exhibit] = ()) -> tuple[int, ...]:
        """Append, and wait until a published checkpoint covers it; the indices."""
        ticket = self.append_many(events, exhibits)
        indices = ticket.sequenced()
        try:
            ticket.published()
        except LogError as error:
            first, last = min(indices, default=0), max(indices, default=0)
            raise type(error)(
                f"{error.message} Entries {first} to {last} are durable in the log all the same.",
                next_step=f"Do not append them again. {error.next_step}".strip(),
            ) from error
        return indices

    def publish(self) -> Checkpoint | None:
        """Publish a checkpoint of all that is durable now; None while the log is empty.

        Raises:
            LogError: it could not be kept, too few witnesses cosigned, or this is after a fork.
        """
        return self._publish(self.size) if self.size else None

    def settle(self, timeout_seconds: float | None = None) -> bool:
        """Wait until the index covers what is durable now; False when the time is over."""
        self._check_not_forked()
        return self._store.settle(timeout_seconds)

    def close(self) -> Closed:
        """Write what waits, publish, and release everything; harmless the second time.

        In a child that was forked after the log was opened, it leaves everything to the parent.
        """
        if self._forked_from is None:
            self._queue.close()
            self._thread.join()
            self.reader.close()  # first, so that the store's is the last connection, which cleans up
            self._store.close()
        _open_logs.discard(self)
        published = self._publisher.newest
        return Closed(self._written, self._repeated, self._failed, self.size, published)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ticket(self, events: Sequence[Event], exhibits: Sequence[Exhibit]) -> Ticket:
        if self._forked_from is not None:
            self._check_not_forked()
        prepared = [prepare(event) for event in events]
        size_bytes = sum([len(entry.data) for entry in prepared])
        if exhibits or any([CITES in entry.data for entry in prepared]):  # noqa: C419 - on every append
            check_cited(prepared, exhibits, self.reader)
            size_bytes += sum([len(exhibit.data) for exhibit in exhibits])
        return Ticket(Unit(prepared, exhibits), size_bytes, self._publish)

    def _check_not_forked(self) -> None:
        if self._forked_from is not None:
            raise LogError(
                f"This log was opened by process {self._forked_from}, before a fork.",
                next_step="Open it in the process that appends.",
            )

    def _published_before(self) -> Checkpoint | None:
        """What was published already, so that no note with fewer cosignatures takes its place."""
        try:
            return self.reader.newest_checkpoint()
        except BadNote:
            return None  # `assay log verify` says so

    def _publish(self, size: int, timeout_seconds: float | None = None) -> Checkpoint:
        """Ask the writer for a checkpoint of at least this size, and wait for it."""
        self._check_not_forked()
        if self.size == 0:
            raise LogError("The log is empty: there is nothing to publish yet.")
        return self._publisher.wait_for(size, timeout_seconds)

    def _run(self) -> None:
        try:
            while (tickets := self._take()) is not None:
                if tickets:
                    self._write(tickets)
                self._publish_if_due()
                self._beat_if_due()
            self._publisher.finish(self._stored_tree)
        finally:
            self._end()

    def _end(self) -> None:
        """Nobody waits for a writer that is gone, whatever ended it."""
        self._queue.close()
        while tickets := self._queue.take(self._limits.batch_events_max, 0.0):
            for ticket in tickets:
                ticket._decide(LogError("The log's writer has ended.", next_step="Open it again."))
        self._publisher.end()

    def _take(self) -> Sequence[Ticket] | None:
        waits = [self._publisher.idle_seconds(self.size)]
        if self._heartbeat_every is not None:
            quiet = time.monotonic() - self._last_entry_at
            waits.append(self._heartbeat_every.total_seconds() - quiet)
        known = [seconds for seconds in waits if seconds is not None]
        timeout = max(0.0, min(known)) if known else None
        return self._queue.take(self._limits.batch_events_max, timeout)

    def _write(self, tickets: Sequence[Ticket]) -> None:
        events = sum([len(ticket.unit.entries) for ticket in tickets])
        try:
            if self._broken:
                self._recover()
            written = self._store.commit([t.unit for t in tickets], self.signer.head)
        except Exception as error:  # noqa: BLE001 - whatever it is, callers wait to be told
            self._failed += events
            self._broken = True
            told = error if isinstance(error, AssayError) else _surprise(error)
            for ticket in tickets:
                ticket._decide(told)
            return
        self._tree = written.tree
        self._written += len(written.fresh)
        self._repeated += events - len(written.fresh)
        self._last_entry_at = time.monotonic()
        for ticket, indices in zip(tickets, written.indices, strict=True):
            ticket._decide(indices)
        if _is_heard():
            for index, event in enumerate(written.fresh, written.first):
                if event.severity >= Severity.HIGH:
                    forward(event, index)

    def _recover(self) -> None:
        """The last commit failed: what is on disk may be more than was told."""
        self._tree = self._store.recover()
        self._broken = False

    def _stored_tree(self) -> CompactRange:
        """What is to be published. Other writers of the same log may have gone on."""
        if self._broken:
            self._recover()
        return self._store.tree()

    def _publish_if_due(self) -> None:
        seconds = self._publisher.idle_seconds(self.size)
        if seconds is not None and seconds <= 0:
            self._publisher.step(self._stored_tree)

    def _beat_if_due(self) -> None:
        every, heartbeat = self._heartbeat_every, self._heartbeat
        if every is None or heartbeat is None:
            return
        quiet = time.monotonic() - self._last_entry_at
        if quiet < every.total_seconds():
            return
        self._last_entry_at = time.monotonic()
        try:
            unit = Unit([prepare(heartbeat(self._clock(), every))])
        except Exception as error:  # noqa: BLE001 - a heartbeat that cannot be made stops no writer
            _logger.error("A heartbeat of the log could not be made (%s).", type(error).__name__)
            return
        self._write([Ticket(unit, 0, self._publish)])

    def _after_fork(self) -> None:
        """In the child: the writer's thread is gone, and the lock is the parent's."""
        self._forked_from = os.getppid()
        abandon = getattr(self._store, "abandon", None)
        if abandon is not None:
            abandon()


def _is_heard() -> bool:
    """Whether anything listens to the logging system; making records for nobody costs the writer."""
    logger: logging.Logger | None = logging.getLogger(FORWARDED_TO)
    while logger is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _surprise(error: Exception) -> LogError:
    return LogError(
        f"The log could not be written ({type(error).__name__}).",
        next_step="Run `assay log verify`, then open it again.",
    )


_open_logs: weakref.WeakSet[AuditLog] = weakref.WeakSet()


def _close_all() -> None:
    for log in list(_open_logs):
        with suppress(Exception):  # the others are closed too; callers were told by their tickets
            log.close()


def _tell_forked() -> None:
    for log in list(_open_logs):
        log._after_fork()
    _open_logs.clear()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_tell_forked)
