"""What refusals of PostgreSQL are called; never with a row, a value or a password in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assay.errors import (
    CouldNotFinish,
    DiskFull,
    LogBusy,
    LogDamaged,
    LogError,
    LogUnreachable,
    MissingExtra,
)

if TYPE_CHECKING:
    from types import ModuleType

    from psycopg import Connection

RUN_VERIFY = "Run `assay log verify` to see where."


def driver_library() -> ModuleType:
    """psycopg, which is an extra.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra("A log in PostgreSQL", extra="postgres", library="psycopg") from error
    return psycopg


@contextmanager
def named_errors(connection: Connection, name: str) -> Iterator[None]:
    """The server's errors under our names."""
    library = driver_library()
    try:
        yield
    except library.Error as error:
        lost = connection.closed or (
            isinstance(error, library.OperationalError) and not error.sqlstate
        )
        raise _named_error(name, error.sqlstate, lost=lost) from error


def _named_error(name: str, state: str | None, *, lost: bool) -> CouldNotFinish:
    """What a refusal of the server is called; `state` is its SQLSTATE, never a value."""
    said = f"SQLSTATE {state}" if state else "no SQLSTATE"
    if lost or said.startswith("SQLSTATE 08") or state in _LOST:
        return LogUnreachable(
            f"The connection to the log {name} was lost ({said}).",
            next_step="Try again; what was not acknowledged is harmless to append again.",
        )
    if state in _FULL:
        return DiskFull(
            f"The log {name} could not be written: its server has no space left.",
            next_step="Free some space and run it again; the log keeps what it had.",
        )
    if state in _BUSY:
        return LogBusy(
            f"Another writer holds the log {name} ({said}).", next_step="Try again in a moment."
        )
    if state in _DAMAGED:
        return LogDamaged(f"The log {name} is damaged ({said}).", next_step=RUN_VERIFY)
    if state == "42501":
        return LogError(
            f"The role may not do this in the log {name}.",
            next_step="Grant it what docs/how-to/log-on-postgresql.md says.",
        )
    return LogError(
        f"The log {name} cannot be used ({said}).", next_step="Look into the server's own log."
    )


# SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOST = {"25P03", "25P04", "57P01", "57P02", "57P03", "57P05"}
_FULL = {"53100"}
_BUSY = {"55P03", "40001", "40P01"}
_DAMAGED = {"XX001", "XX002", "23505", "23514", "42P01", "42703", "3F000"}
