"""Writes the entries of a log as lines for a SIEM (`siem/`), whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from assay import plugins
from assay.atomic import PRIVATE_FILE, write_error
from assay.audit_log.interface import LogReader
from assay.audit_log.siem.interface import SiemFormat, lines
from assay.errors import UnknownFormat


def siem_format(name: str) -> SiemFormat:
    """The SIEM format with this name.

    Raises:
        UnknownFormat: there is none.
        BadInput, MissingExtra: it is there and cannot be used.
    """
    members = plugins.members("siem")
    chosen = next((member for member in members if member.name == name), None)
    if chosen is None:
        raise UnknownFormat(
            f"There is no SIEM format {name[:64]!r}.",
            next_step=f"The formats are: {', '.join(member.name for member in members)}.",
        )
    found: SiemFormat = chosen.use()
    return found


def siem_lines(
    log: LogReader, name: str, first: int = 0, end: int | None = None
) -> Iterable[bytes]:
    """A line for each entry from `first` up to `end` (not included) that is here, in their order.

    Entries that were archived are left out; `assay log query --type log_archived` names them.

    Raises:
        UnknownFormat: there is no such format.
        LogDamaged: an entry is not an event.
    """
    chosen = siem_format(name)
    size = log.size if end is None else min(end, log.size)
    return lines(chosen, log.entries(first, size), log.verifier.name)


def write_siem(
    log: LogReader,
    name: str,
    file: Path,
    first: int = 0,
    end: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write such lines into a file, which is there whole or not at all; how many there are.

    Raises:
        UnknownFormat, LogDamaged: as `siem_lines`.
        NotWritable, DiskFull: what was at `file` before is still there.
    """
    wanted = siem_lines(log, name, first, end)
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(temporary, flags, PRIVATE_FILE), "wb") as stream:
            count = _write(stream, wanted, progress)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except OSError as error:
        raise write_error(file, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _write(stream: BinaryIO, wanted: Iterable[bytes], progress: Callable[[int], None]) -> int:
    count = 0
    for count, line in enumerate(wanted, 1):
        stream.write(line)
        if count % 1_000 == 0:
            progress(count)
    return count
