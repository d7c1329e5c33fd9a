"""The door of emitting: the log as emitters see it, and what happens when it cannot be written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from assay.errors import BadInput
from assay.vocabulary import Event

Clock = Callable[[], datetime]

_logger = logging.getLogger("assay.emitting")


class Promise(Protocol):
    """What an append returns: the events get durable, and when they did."""

    def sequenced(self, timeout_seconds: float | None = None) -> tuple[int, ...]:
        """The indices of the events once they are durable; raises what kept them from it."""


class EventLog(Protocol):
    """A log that events can be appended to; `AuditLog` is one."""

    def append(self, event: Event) -> Promise:
        """Queue an event; waits or raises `LogFull` when the queue is full, as the log was opened."""

    def append_many(self, events: Sequence[Event]) -> Promise:
        """Queue events that are written together or not at all."""

    async def append_async(self, events: Sequence[Event]) -> tuple[int, ...]:
        """The indices of these events once they are durable, without blocking the event loop."""


LogSource = EventLog | Callable[[], EventLog]
"""A log, or a call that gives it: a decorator is applied before the log is open."""


class OnLogFailure(StrEnum):
    """What happens to the work when its event cannot be written."""

    RAISE = "raise"
    """The work fails too: nothing happens that is not in the log."""
    WARN = "warn"
    """The work goes on; the logger `assay.emitting` says that an event is missing."""


def on_log_failure_of(word: str) -> OnLogFailure:
    """The policy that this word names.

    Raises:
        BadInput: it names none.
    """
    try:
        return OnLogFailure(word)
    except ValueError as error:
        raise BadInput(
            f"There is no policy {word!r} for a log that cannot be written.",
            next_step="Write 'raise' or 'warn'.",
        ) from error


def utc_now() -> datetime:
    """The clock of everyday use."""
    return datetime.now(UTC)


def opened(source: LogSource) -> EventLog:
    """The log, from itself or from the call that gives it."""
    return source() if callable(source) else source


def send(source: LogSource, event: Event, *, durable: bool) -> None:
    """Append an event; with `durable` it is on disk when this returns.

    Raises:
        AssayError: it cannot be appended.
    """
    ticket = opened(source).append(event)
    if durable:
        ticket.sequenced()


async def send_async(source: LogSource, event: Event, *, durable: bool) -> None:
    """As `send`, without blocking the event loop, not even while the queue is full.

    Raises:
        AssayError: it cannot be appended.
    """
    log = opened(source)
    if durable:
        await log.append_async([event])
    else:
        await asyncio.to_thread(log.append, event)


def warn_of_missing(event: Event, error: Exception) -> None:
    """Say that an event is not in the log: its type and the error's type, never their words."""
    _logger.warning(
        "An event of type %s is missing from the audit log (%s).", event.type, type(error).__name__
    )
