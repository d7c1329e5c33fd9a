"""The door of the SIEM formats: one entry of the log in, one JSON line out, and back without loss.

A member is a `SiemFormat`. Its line names the entry's index, the log's origin and the entry's digest,
so that whoever reads it in a security information and event management system can ask the log for a
proof of it. Nothing is left out and nothing rounded: the entry's bytes can be made again from the line,
and `read` does so and compares the digest. Sealed fields stay sealed.

The same entry gives the same line in every release that writes the same version of the format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from assay.audit_log.entry import entry_bytes, event_of
from assay.canonical import canonical_bytes, digest
from assay.errors import BadInput, LogDamaged
from assay.vocabulary import Event, Json

_LONG_NUMBER = re.compile(rb"[0-9]{16}")
_EXACT_INTEGER_MAX = (1 << 53) - 1


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event and where it is kept: the log's origin, the entry's index (from 0) and digest."""

    event: Event
    index: int
    origin: str
    digest: str
    """`sha256:` and the SHA-256 of the entry's bytes, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class SiemFormat:
    """A format that SIEMs read. `of_event` and `to_event` are each other's inverse."""

    name: str
    title: str
    version: str
    """The version of the foreign format."""
    media_type: str
    of_event: Callable[[LoggedEvent], Mapping[str, Json]]
    to_event: Callable[[Any], LoggedEvent]
    """May raise KeyError, TypeError, ValueError or LogDamaged for what `of_event` did not make."""

    def line(self, logged: LoggedEvent) -> bytes:
        """One line of JSON with its line feed; keys in order, no spaces."""
        return canonical_bytes(self.of_event(logged)) + b"\n"

    def read(self, line: bytes) -> LoggedEvent:
        """The event that a line was made from; keys may have been put in another order since.

        That the event is the entry with this digest is checked here. That the log keeps it at this
        index is for the log to prove.

        Raises:
            BadInput: the line is not of this format, or says something else than its entry.
        """
        try:
            value = json.loads(line, parse_int=_exact)
            logged = self.to_event(value)
            same_entry = digest(entry_bytes(logged.event)) == logged.digest
            same_line = canonical_bytes(value) + b"\n" == self.line(logged)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, LogDamaged) as error:
            raise BadInput(
                f"A line is not {self.title} as assay writes it ({type(error).__name__}).",
                next_step=f"Give lines that `assay log export` wrote as {self.name}.",
            ) from error
        if not (same_entry and same_line):
            raise BadInput(
                f"A line of {self.title} does not say what its log entry says.",
                next_step="Export it again, and find out who changed it.",
            )
        return logged


def logged_event(index: int, entry: bytes, origin: str) -> LoggedEvent:
    """The event in an entry, with where it is kept.

    Raises:
        LogDamaged: the bytes are not an entry.
    """
    return LoggedEvent(event_in(entry), index, origin, digest(entry))


def lines(
    siem_format: SiemFormat, entries: Iterable[tuple[int, bytes]], origin: str
) -> Iterator[bytes]:
    """A line for each entry (index and bytes, as a log's `entries` gives them), one at a time.

    Raises:
        LogDamaged: an entry is not an event.
    """
    for index, entry in entries:
        yield siem_format.line(logged_event(index, entry, origin))


def event_in(entry: bytes) -> Event:
    """The event in an entry, whose canonical bytes are the entry again.

    Canonical JSON writes the double 2^53 as a whole number. Such a number is a double again here.

    Raises:
        LogDamaged: the bytes are not an entry.
    """
    event = event_of(entry)
    if _LONG_NUMBER.search(entry) is None:
        return event
    return replace(event, detail=json.loads(entry, parse_int=_exact)["detail"])


def _exact(digits: str) -> int | float:
    number = int(digits)
    return number if abs(number) <= _EXACT_INTEGER_MAX else float(digits)
