"""Opens a table by its file's suffix, and the naming rule that all sources share.

A table in memory (`ArrowTable`) is one as well, for notebooks and tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay import plugins
from assay.data.header_values import expect_headers
from assay.data.interface import Table
from assay.errors import EmptyDataset, UnknownFormat, UnreadableFile

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536
"""Rows of a batch at most; enough to hide the cost of a call, few enough to stay in memory."""


def open_table(path: Path, *, key: bytes | None = None) -> Table:
    """The table in a file, read by the source whose suffix it has; `key` opens an encrypted one.

    Raises:
        UnknownFormat: no source has this suffix.
        UnreadableFile: missing, a directory, not permitted, or not what its name says.
        EmptyDataset: the file holds no columns.
        BadInput: a header is itself a value, such as an e-mail address.
        MissingExtra: the source's library is not installed.
    """
    for member in plugins.members("sources"):
        if member.value is not None and path.suffix.lower() in member.value.suffixes:
            table: Table = member.use().open(path, key=key)
            expect_headers(path.name, table.schema.names)
            return table
    raise UnknownFormat(
        f"No source reads {path} (suffix {path.suffix or 'missing'!r}).",
        next_step=f"The known suffixes are: {', '.join(known_suffixes())}.",
    )


def known_suffixes() -> tuple[str, ...]:
    """Every suffix that a source reads, sorted."""
    values = [member.value for member in plugins.members("sources") if member.value is not None]
    return tuple(sorted(suffix for value in values for suffix in value.suffixes))


def column_names(headers: Iterable[str]) -> tuple[str, ...]:
    """Headers made distinct: a repeated one gets ` (2)`, an empty one its place, `column_7`."""
    taken: set[str] = set()
    names = []
    for place, header in enumerate(headers, start=1):
        stem = header.strip() or f"column_{place}"
        name, repeat = stem, 1
        while name in taken:
            repeat += 1
            name = f"{stem} ({repeat})"
        taken.add(name)
        names.append(name)
    return tuple(names)


def checked_file(path: Path) -> Path:
    """The path, when there is a file with bytes that may be read.

    Raises:
        UnreadableFile: missing, a directory, or not permitted.
        EmptyDataset: it has no bytes.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(1):
                return path
    except FileNotFoundError as error:
        step = "Check the path; relative paths start where assay runs."
        raise UnreadableFile(f"There is no file {path}.", next_step=step) from error
    except IsADirectoryError as error:
        step = "Name the files in it one by one."
        raise UnreadableFile(f"{path} is a directory, not a table.", next_step=step) from error
    except PermissionError as error:
        step = "Give this user the right to read it, or run as one who has it."
        raise UnreadableFile(f"{path} may not be read by this user.", next_step=step) from error
    except OSError as error:
        step = "Check the disk and the path."
        raise UnreadableFile(
            f"{path} cannot be read ({error.strerror}).", next_step=step
        ) from error
    raise EmptyDataset(f"{path} is empty.", next_step="Check how the file was written.")


@dataclass(frozen=True, slots=True)
class ArrowTable:
    """An Arrow table in memory, under the naming rule."""

    name: str
    table: pa.Table

    @property
    def schema(self) -> pa.Schema:
        """Column names under the rule, and types."""
        return self._named().schema

    @property
    def row_count(self) -> int:
        """How many rows."""
        count: int = self.table.num_rows
        return count

    def batches(self, columns: tuple[str, ...] | None = None) -> Iterator[pa.RecordBatch]:
        """Every row once, in order; all columns, or those named."""
        named = self._named()
        chosen = named if columns is None else named.select(list(columns))
        yield from chosen.to_batches(max_chunksize=BATCH_ROWS)

    def _named(self) -> pa.Table:
        return self.table.rename_columns(list(column_names(self.table.column_names)))
