"""Tickets and the bounded queue between those who append and the one who writes.

A ticket is a promise in three stages: *sequenced* (the events have their indices and are on disk),
*integrated* (the tree holds them) and *published* (a signed checkpoint that covers them lies where
readers look). On the backends that we have, the first two happen in the same transaction.

The queue is bounded by the number of events and by their bytes. What happens when it is full is
chosen by whoever opens the log: wait, or `LogFull` at once. Nothing is ever dropped.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from threading import Lock

from assay.audit_log.interface import Unit
from assay.errors import LogError, LogFull
from assay.vocabulary import Checkpoint

Publisher = Callable[[int, float | None], Checkpoint]
"""Gives a published checkpoint of at least this size, within this many seconds."""


class WhenFull(StrEnum):
    """What an append does while the queue is full."""

    WAIT = "wait"
    RAISE = "raise"


class Ticket:
    """What `append` returns: the promise that its events get durable, and when they did."""

    __slots__ = ("_callbacks", "_done", "_outcome", "_publisher", "bytes", "unit")

    def __init__(self, unit: Unit, size_bytes: int, publisher: Publisher) -> None:
        self.unit = unit
        self.bytes = size_bytes
        self._publisher = publisher
        self._outcome: tuple[int, ...] | Exception | None = None
        self._callbacks: list[Callable[[], object]] = []
        self._done = Lock()
        self._done.acquire()

    def __repr__(self) -> str:
        return f"Ticket(events={len(self.unit.entries)}, done={self.done})"

    @property
    def done(self) -> bool:
        """Whether it is decided: durable, or failed."""
        return self._outcome is not None

    def sequenced(self, timeout_seconds: float | None = None) -> tuple[int, ...]:
        """The indices of the events, in order, once they are durable.

        Raises:
            TimeoutError: not decided yet; the events may still be written.
            DiskFull, LogBusy, LogDamaged, LogError: the events were not acknowledged. Appending them
                again under the same ids is harmless.
        """
        if self._outcome is None:
            if not self._done.acquire(timeout=-1 if timeout_seconds is None else timeout_seconds):
                raise TimeoutError("The log has not decided yet.")
            self._done.release()
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome or ()

    def integrated(self, timeout_seconds: float | None = None) -> tuple[int, ...]:
        """The indices, once the tree holds the events and inclusion can be proven."""
        return self.sequenced(timeout_seconds)

    def index(self, timeout_seconds: float | None = None) -> int:
        """The index of the one event, once it is durable."""
        return self.sequenced(timeout_seconds)[0]

    def published(self, timeout_seconds: float | None = None) -> Checkpoint:
        """A published checkpoint that covers the events; one is published if there is none yet.

        Raises:
            TimeoutError: not published yet.
            LogError: as `sequenced`; or the checkpoint could not be kept, or too few witnesses cosigned.
        """
        begun = time.monotonic()
        size = max(self.sequenced(timeout_seconds), default=-1) + 1
        if timeout_seconds is not None:
            timeout_seconds = max(0.0, timeout_seconds - (time.monotonic() - begun))
        return self._publisher(size, timeout_seconds)

    async def sequenced_async(self) -> tuple[int, ...]:
        """As `sequenced`, without blocking the event loop. Any number of tasks and loops may wait."""
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self._callbacks.append(lambda: loop.call_soon_threadsafe(woken.set))
        if not self.done:
            await woken.wait()
        return self.sequenced(0)

    def _decide(self, outcome: tuple[int, ...] | Exception) -> None:
        """Called once, by the writer, with the indices or with what failed."""
        self._outcome = outcome
        self._done.release()
        for callback in self._callbacks:
            with suppress(RuntimeError):  # whoever waited has gone, and its event loop is closed
                callback()


class TicketQueue:
    """Tickets that wait to be written, in order; bounded."""

    def __init__(self, *, events_max: int, bytes_max: int, when_full: WhenFull) -> None:
        self._events_max, self._bytes_max, self._when_full = events_max, bytes_max, when_full
        self._tickets: deque[Ticket] = deque()
        self._events = 0
        self._bytes = 0
        self._open = True
        self._writer_waits = self._woken = False
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._drained = threading.Condition(self._lock)

    def put(self, ticket: Ticket) -> None:
        """Add a ticket.

        Raises:
            LogFull: the queue is full, and it was chosen to be told.
            LogError: the log was closed.
        """
        with self._lock:
            while not self._add(ticket):
                self._drained.wait()

    async def put_async(self, ticket: Ticket) -> None:
        """As `put`; waits in another thread, so that the event loop goes on."""
        with self._lock:
            if self._add(ticket):
                return
        await asyncio.to_thread(self.put, ticket)

    def _add(self, ticket: Ticket) -> bool:
        """Add a ticket if it fits now."""
        if not self._open:
            raise LogError("The log was closed.", next_step="Open it again to append.")
        events = len(ticket.unit.entries)
        if self._tickets and (
            self._events + events > self._events_max or self._bytes + ticket.bytes > self._bytes_max
        ):
            if self._when_full is WhenFull.WAIT:
                return False
            raise LogFull(
                f"{self._events} events wait to be written to the log; more do not fit.",
                next_step="Append fewer at a time, or open the log to wait when full.",
            )
        self._tickets.append(ticket)
        self._events += events
        self._bytes += ticket.bytes
        if self._writer_waits:
            self._filled.notify()
        return True

    def take(self, events_max: int, timeout_seconds: float | None) -> Sequence[Ticket] | None:
        """The next tickets, up to about `events_max` events; none after the timeout.

        None when the queue is closed and empty: there will never be any more.
        """
        with self._lock:
            if not self._tickets and self._open and not self._woken:
                self._writer_waits = True
                self._filled.wait(timeout_seconds)
                self._writer_waits = False
            self._woken = False
            if not self._tickets:
                return () if self._open else None
            taken: list[Ticket] = []
            events = 0
            while self._tickets and (not taken or events < events_max):
                ticket = self._tickets.popleft()
                taken.append(ticket)
                events += len(ticket.unit.entries)
                self._bytes -= ticket.bytes
            self._events -= events
            self._drained.notify_all()
            return taken

    def wake(self) -> None:
        """Let the writer, which waits or is about to, look at what else there is to do."""
        with self._lock:
            self._woken = True
            self._filled.notify()

    def close(self) -> None:
        """Take no more; what is in the queue is still taken out."""
        with self._lock:
            self._open = False
            self._filled.notify_all()
            self._drained.notify_all()
