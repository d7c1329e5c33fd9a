"""Comma-separated values, streamed; every value is read as text, so that `007` stays `007`.

RFC 4180 with what exports really look like: the delimiter is comma, semicolon, tab or bar,
whichever gives the most even records; UTF-8 with or without byte order mark, UTF-16 with one, else
Latin-1. The first record is the header. An unquoted empty value is null. Whether the bytes are
UTF-8 is found by decoding all of them once, not guessed from a sample. Comment lines, files without
a header and fixed-width columns are not understood.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.data.tables import checked_file, column_names
from assay.errors import BadInput, EmptyDataset, UnreadableFile

if TYPE_CHECKING:
    import pyarrow as pa

_DELIMITERS = (",", ";", "\t", "|")
_SNIFFED_RECORDS = 50
_CHUNK_BYTES = 1 << 20
_BLOCK_BYTES = 4 << 20
_BLOCK_BYTES_MAX = 1 << 30
_FIELD_CHARACTERS_MAX = 64 << 20
_NEVER_IN_TEXT = bytes({*range(9), *range(14, 27), *range(28, 32)})
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class CsvSource:
    """Reads `.csv`, `.tsv` and `.tab`."""

    suffixes: tuple[str, ...] = (".csv", ".tsv", ".tab")

    def open(self, path: Path, *, key: bytes | None = None) -> CsvTable:
        """The table in a text file; its header is read now, rows later.

        Raises:
            BadInput: a key was given.
            UnreadableFile: missing, not permitted, or not text.
            EmptyDataset: no bytes or no columns.
        """
        if key is not None:
            step = "Leave the key away, or name the encrypted file."
            raise BadInput(f"{path} is text, which no key opens.", next_step=step)
        encoding = _encoding(checked_file(path))
        delimiter, headers = _header(path, encoding)
        if not any(header.strip() for header in headers):
            step = "The first line must name the columns."
            raise EmptyDataset(f"{path} holds no columns.", next_step=step)
        return CsvTable(path, encoding, delimiter, column_names(headers))


@dataclass(frozen=True, slots=True)
class CsvTable:
    """An open CSV file."""

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file's stem."""
        return self.path.stem

    @property
    def schema(self) -> pa.Schema:
        """Every column as text."""
        import pyarrow as pa

        return pa.schema([(name, pa.string()) for name in self.columns])

    @property
    def row_count(self) -> None:
        """Only reading tells."""
        return

    def batches(self, columns: tuple[str, ...] | None = None) -> Iterator[pa.RecordBatch]:
        """Every row once, in order; all columns, or those named.

        Raises:
            UnreadableFile: a row has more or fewer values than the header.
        """
        import pyarrow as pa

        done, block_bytes = 0, _BLOCK_BYTES
        while True:
            try:
                for batch in self._stream(columns, block_bytes, skip=done):
                    yield batch
                    done += batch.num_rows
                return
            except pa.ArrowInvalid as error:
                if "straddling" not in str(error) or block_bytes >= _BLOCK_BYTES_MAX:
                    raise self._unreadable() from error
                # One row is longer than a block: go on behind what was read, in larger blocks.
                block_bytes = min(8 * block_bytes, _BLOCK_BYTES_MAX)

    def _stream(
        self, columns: tuple[str, ...] | None, block_bytes: int, *, skip: int
    ) -> Iterator[pa.RecordBatch]:
        """The rows from number `skip` on."""
        import pyarrow as pa

        ragged: list[str] = []
        try:
            with self._reader(columns, block_bytes, ragged) as reader:
                for batch in reader:
                    if skip < batch.num_rows:
                        yield batch.slice(skip)
                    skip = max(0, skip - batch.num_rows)
        except pa.ArrowInvalid as error:
            if ragged:
                step = "Mend the line, or quote the values that hold the delimiter."
                raise UnreadableFile(f"{self.path}, {ragged[0]}.", next_step=step) from error
            raise

    def _reader(
        self, columns: tuple[str, ...] | None, block_bytes: int, ragged: list[str]
    ) -> pa.csv.CSVStreamingReader:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        return arrow_csv.open_csv(
            self.path,
            read_options=arrow_csv.ReadOptions(
                use_threads=False,
                block_size=block_bytes,
                column_names=list(self.columns),
                skip_rows_after_names=1,
                encoding="utf-8" if self.encoding == "utf-8-sig" else self.encoding,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=True,
                invalid_row_handler=partial(_note_ragged, ragged),
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in self.columns},
                include_columns=None if columns is None else list(columns),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )

    def _unreadable(self) -> UnreadableFile:
        step = "Check for a quote that is not closed."
        return UnreadableFile(f"{self.path} cannot be read as CSV.", next_step=step)


def _note_ragged(ragged: list[str], row: Any) -> str:
    # The row's text is left out: it is data.
    # The header is record 1; without line breaks inside quotes, records are lines.
    place = f"line {row.number}" if row.number is not None else "a line"
    ragged.append(f"{place}: {row.actual_columns} values under {row.expected_columns} headers")
    return "error"


def _encoding(path: Path) -> str:
    """How the bytes are text.

    Raises:
        UnreadableFile: they are not.
    """
    with path.open("rb") as stream:
        start = stream.read(_CHUNK_BYTES)
        for mark, encoding in _MARKS:
            if start.startswith(mark):
                return encoding
        if start.translate(None, _NEVER_IN_TEXT) != start:
            step = "Give the file the suffix of what it is."
            raise UnreadableFile(f"{path} is not text but binary.", next_step=step)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            chunk = start
            while chunk:
                decoder.decode(chunk)
                chunk = stream.read(_CHUNK_BYTES)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def _header(path: Path, encoding: str) -> tuple[str, list[str]]:
    """The delimiter that gives the most even records, and the first record."""
    csv.field_size_limit(_FIELD_CHARACTERS_MAX)
    read = {delimiter: _first_records(path, encoding, delimiter) for delimiter in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda delimiter: _evenness(read[delimiter]))
    return best, read[best][0] if read[best] else []


def _first_records(path: Path, encoding: str, delimiter: str) -> list[list[str]]:
    with path.open(encoding=encoding, newline="") as stream:
        try:
            records = csv.reader(stream, delimiter=delimiter)
            return list(islice((record for record in records if record), _SNIFFED_RECORDS))
        except (csv.Error, UnicodeDecodeError) as error:
            step = "Check for a quote that is not closed, and how the file was written."
            raise UnreadableFile(f"{path} cannot be read as CSV.", next_step=step) from error


def _evenness(records: list[list[str]]) -> tuple[float, int]:
    """The share of records as wide as the first, if it has several values; then how many."""
    width = len(records[0]) if records else 0
    if width < 2:
        return 0.0, 0
    return sum(len(record) == width for record in records) / len(records), width


MEMBER = CsvSource()
REQUIRES = ("pyarrow",)
EXTRA = "data"
