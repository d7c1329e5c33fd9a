"""Parquet files, streamed by row group; uniformly encrypted ones with their key.

Apache Parquet format 2 with Parquet modular encryption: one raw AES key of 16, 24 or 32 bytes for
footer and all columns. Files with a key per column, and folders of files, are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay.data.tables import BATCH_ROWS, checked_file, column_names
from assay.errors import BadInput, EmptyDataset, UnreadableFile

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_KEY_LENGTHS_BYTES = (16, 24, 32)
_DAMAGED = "Write the file again, or restore it from a copy."


@dataclass(frozen=True, slots=True)
class ParquetSource:
    """Reads `.parquet` and `.pq`."""

    suffixes: tuple[str, ...] = (".parquet", ".pq")

    def open(self, path: Path, *, key: bytes | None = None) -> ParquetTable:
        """The table in a Parquet file; its footer is read now, rows later.

        Raises:
            BadInput: a key of another length.
            UnreadableFile: missing, not Parquet, cut short, or encrypted with another key.
            EmptyDataset: no bytes or no columns.
        """
        if key is not None and len(key) not in _KEY_LENGTHS_BYTES:
            raise BadInput(
                f"A Parquet key has 16, 24 or 32 bytes, this one {len(key)}.",
                next_step="Give the raw key, not its hexadecimal or base64 text.",
            )
        _check_magic(checked_file(path), key)
        with _opened(path, key) as file:
            schema = file.schema_arrow
            rows = file.metadata.num_rows
        if not len(schema):
            step = "Check how the file was written."
            raise EmptyDataset(f"{path} holds no columns.", next_step=step)
        return ParquetTable(path, key, _named(schema), rows)


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """An open Parquet file."""

    path: Path
    key: bytes | None
    schema: pa.Schema
    row_count: int

    @property
    def name(self) -> str:
        """The file's stem."""
        return self.path.stem

    def batches(self, columns: tuple[str, ...] | None = None) -> Iterator[pa.RecordBatch]:
        """Every row once, in order; all columns, or those named.

        Raises:
            UnreadableFile: a row group is damaged.
        """
        import pyarrow as pa

        places = _places(self.schema, columns)
        with _opened(self.path, self.key) as file:
            stored = file.schema_arrow.names
            # Only distinct names without a dot say which column is meant when they are asked for.
            plain = len(set(stored)) == len(stored) and not any("." in name for name in stored)
            wanted = [stored[place] for place in places] if plain and columns else None
            stream = file.iter_batches(batch_size=BATCH_ROWS, columns=wanted)
            while (batch := self._next(stream)) is not None:
                picked = (
                    [batch.column(place) for place in places]
                    if wanted is None
                    else [batch.column(stored[place]) for place in places]
                )
                schema = pa.schema([self.schema.field(place) for place in places])
                yield pa.RecordBatch.from_arrays(picked, schema=schema)

    def _next(self, stream: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        import pyarrow as pa

        try:
            return next(stream, None)
        except (pa.ArrowException, OSError) as error:
            message = f"{self.path} is damaged: a row group cannot be decoded."
            raise UnreadableFile(message, next_step=_DAMAGED) from error


def _check_magic(path: Path, key: bytes | None) -> None:
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic not in (b"PAR1", b"PARE"):
        raise UnreadableFile(
            f"{path} is not Parquet, although its name says so.",
            next_step="Give it the suffix of what it is, or write it as Parquet.",
        )
    if magic == b"PARE" and key is None:
        step = "Give the key that it was written with."
        raise UnreadableFile(f"{path} is encrypted Parquet.", next_step=step)


def _opened(path: Path, key: bytes | None) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import pyarrow.parquet.encryption as pe

    properties = pe.create_decryption_properties(key) if key is not None else None
    try:
        return pq.ParquetFile(path, decryption_properties=properties)
    except (pa.ArrowException, OSError) as error:
        if key is not None:
            raise UnreadableFile(
                f"{path} cannot be opened with this key.",
                next_step="Check that the file is encrypted, and with this key for all columns.",
            ) from error
        message = f"{path} is not whole Parquet: its footer cannot be read."
        raise UnreadableFile(message, next_step=_DAMAGED) from error


def _named(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    names = column_names(schema.names)
    return pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])


def _places(schema: pa.Schema, columns: tuple[str, ...] | None) -> list[int]:
    if columns is None:
        return list(range(len(schema)))
    return [schema.get_field_index(name) for name in columns]


MEMBER = ParquetSource()
REQUIRES = ("pyarrow",)
EXTRA = "data"
