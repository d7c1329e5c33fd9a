"""JSON Lines: one object a line, flattened to columns, streamed.

RFC 8259 objects in UTF-8, one a line (`.jsonl`, `.ndjson`). `{"user": {"mail": ...}}` becomes
`user.mail`; a list becomes its JSON text. The first pass finds the columns and their types over all
lines; a column of mixed types is text. Blank lines are skipped. A file that is one large JSON value
is not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.data.tables import checked_file, column_names
from assay.errors import BadInput, EmptyDataset, UnreadableFile

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 8_192
_DEPTH_MAX = 100
_INT64 = range(-(1 << 63), 1 << 63)

Place = tuple[str, ...]
"""Where a value stands in its object: `("user", "mail")`."""


@dataclass(frozen=True, slots=True)
class JsonLinesSource:
    """Reads `.jsonl` and `.ndjson`."""

    suffixes: tuple[str, ...] = (".jsonl", ".ndjson")

    def open(self, path: Path, *, key: bytes | None = None) -> JsonLinesTable:
        """The table in a JSON Lines file; all lines are read once to find the columns.

        Raises:
            BadInput: a key was given.
            UnreadableFile: missing, not permitted, or a line that is not a JSON object.
            EmptyDataset: no bytes, or no object has a member.
        """
        if key is not None:
            step = "Leave the key away, or name the encrypted file."
            raise BadInput(f"{path} is text, which no key opens.", next_step=step)
        kinds: dict[Place, str] = {}
        rows = 0
        for record in _records(checked_file(path)):
            rows += 1
            for place, value in record.items():
                kinds[place] = _joined(kinds.get(place, "null"), _kind(value))
        if not kinds:
            step = "Each line must be an object with members."
            raise EmptyDataset(f"{path} holds no columns.", next_step=step)
        return JsonLinesTable(path, kinds, rows)


@dataclass(frozen=True, slots=True)
class JsonLinesTable:
    """An open JSON Lines file. `kinds` has the columns in the order in which they came up."""

    path: Path
    kinds: Mapping[Place, str]
    row_count: int

    @property
    def name(self) -> str:
        """The file's stem."""
        return self.path.stem

    @property
    def schema(self) -> pa.Schema:
        """Columns by their path, `user.mail`."""
        import pyarrow as pa

        types = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "null": pa.null()}
        names = column_names(".".join(place) for place in self.kinds)
        kinds = self.kinds.values()
        return pa.schema(
            [(name, types.get(kind, pa.string())) for name, kind in zip(names, kinds, strict=True)]
        )

    def batches(self, columns: tuple[str, ...] | None = None) -> Iterator[pa.RecordBatch]:
        """Every row once, in order; all columns, or those named.

        Raises:
            UnreadableFile: the file has changed since it was opened.
        """
        import pyarrow as pa

        schema = self.schema
        wanted = [
            (place, field)
            for place, field in zip(self.kinds, schema, strict=True)
            if columns is None or field.name in columns
        ]
        records = _records(self.path)
        chosen = pa.schema([field for _, field in wanted])
        while chunk := list(islice(records, _BATCH_ROWS)):
            arrays = [self._array(chunk, place, field) for place, field in wanted]
            yield pa.RecordBatch.from_arrays(arrays, schema=chosen)

    def _array(self, chunk: list[dict[Place, Any]], place: Place, field: pa.Field) -> pa.Array:
        import pyarrow as pa

        values = [record.get(place) for record in chunk]
        if pa.types.is_string(field.type):
            values = [_text(value) for value in values]
        try:
            return pa.array(values, type=field.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            step = "Classify a copy that nothing writes to."
            raise UnreadableFile(
                f"{self.path} changed while it was read.", next_step=step
            ) from error


def _records(path: Path) -> Iterator[dict[Place, Any]]:
    """Each object, flattened.

    Raises:
        UnreadableFile: a line is not a JSON object, with its number.
    """
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - the byte order mark
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                step = "Each line must be one JSON object in UTF-8."
                raise UnreadableFile(f"{path}, line {number}: not JSON.", next_step=step) from error
            if not isinstance(record, dict):
                step = "Each line must be one JSON object."
                raise UnreadableFile(f"{path}, line {number}: no object.", next_step=step)
            yield dict(_flat(record, ()))


def _flat(record: Mapping[str, Any], above: Place) -> Iterator[tuple[Place, Any]]:
    for name, value in record.items():
        place = (*above, name)
        if isinstance(value, dict) and value and len(place) < _DEPTH_MAX:
            yield from _flat(value, place)
        else:
            yield place, value


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if value in _INT64 else "text"
    return "float" if isinstance(value, float) else "text"


def _joined(left: str, right: str) -> str:
    """The kind that holds both."""
    if right in (left, "null"):
        return left
    if left == "null":
        return right
    return "float" if {left, right} == {"int", "float"} else "text"


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


MEMBER = JsonLinesSource()
REQUIRES = ("pyarrow",)
EXTRA = "data"
