"""A record batch as flat columns: nested types descended into, every value with its row.

A struct column `payload` with a field `mail` becomes `payload.mail`; lists are flattened, and each
of their elements keeps the row it came from; a map gives `.key` and `.value`. Dictionary-encoded
columns and columns that repeat themselves are looked at by distinct value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from assay.data.tables import column_names

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Rows = npt.NDArray[np.int64]

_REPEATS_MIN = 2
"""From this mean number of rows of a value on, looking at distinct values pays."""
_BLANK_WORDS = (
    r"- ? \N #N/A N/A n/a NA na NULL Null null None none NaN nan NaT <NA> unknown Unknown"
)
_BLANKS = ("", *_BLANK_WORDS.split())
"""Texts that stand for no value in exports."""


class Form(Enum):
    """How a column's values are looked at."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    OTHER = "other"
    """Counted and never sensitive by itself: booleans, durations."""
    UNREAD = "unread"
    """Without a text form that patterns could look at: unions, bytes that are not UTF-8."""


@dataclass(frozen=True, slots=True)
class FlatColumn:
    """One leaf of a batch.

    `values` hold no nulls. Value `codes[i]`, or value i where there are no codes, stands in row
    `rows[i]` of the batch; a row has several where the column is in a list. `unread_rows` could not
    be turned into values.
    """

    name: str
    form: Form
    values: pa.Array
    codes: Rows | None
    rows: Rows
    unread_rows: Rows
    repeats: bool
    """True when a row may have several values."""


def flat_names(schema: pa.Schema) -> tuple[str, ...]:
    """The names of the leaves, in order: those of `flat_columns` of any batch of the schema."""
    import pyarrow as pa

    empty = pa.RecordBatch.from_pylist([], schema=schema)
    return tuple(column.name for column in flat_columns(empty))


def flat_columns(batch: pa.RecordBatch) -> list[FlatColumn]:
    """The leaves of a batch, in order, under distinct names."""
    import numpy as np

    rows = np.arange(batch.num_rows, dtype=np.int64)
    leaves = [
        leaf
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        for leaf in _leaves(name, column, rows, repeats=False)
    ]
    names = column_names(name for name, _, _, _ in leaves)
    return [
        _flat(name, column, rows, repeats)
        for name, (_, column, rows, repeats) in zip(names, leaves, strict=True)
    ]


def _leaves(
    name: str, column: pa.Array, rows: Rows, *, repeats: bool
) -> Iterator[tuple[str, pa.Array, Rows, bool]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if isinstance(kind, pa.ExtensionType | pa.BaseExtensionType):
        yield from _leaves(name, column.storage, rows, repeats=repeats)
    elif pa.types.is_struct(kind):
        for field, child in zip(kind, column.flatten(), strict=True):
            yield from _leaves(f"{name}.{field.name}", child, rows, repeats=repeats)
    elif pa.types.is_map(kind):
        entries = column.cast(
            pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)]))
        )
        yield from _leaves(name, entries, rows, repeats=True)
    elif _is_list(kind):
        parents = rows[pc.list_parent_indices(column).to_numpy()]
        yield from _leaves(name, pc.list_flatten(column), parents, repeats=True)
    else:
        yield name, column, rows, repeats


def _is_list(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _flat(name: str, column: pa.Array, rows: Rows, repeats: bool) -> FlatColumn:
    import numpy as np
    import pyarrow as pa

    none = np.empty(0, dtype=np.int64)
    if pa.types.is_dictionary(column.type):
        return _by_dictionary(name, column, rows, repeats)
    form, values = _as_form(column)
    if form is Form.UNREAD:
        there = rows[np.asarray(values.is_valid())]
        return FlatColumn(name, form, values.slice(0, 0), None, none, there, repeats)
    unread = rows[np.asarray(column.is_valid()) & ~np.asarray(values.is_valid())]
    rows, values = _without_nulls(rows, values)
    if form is not Form.TEXT:
        return FlatColumn(name, form, values, None, rows, unread, repeats)
    distinct = values.dictionary_encode()
    if 0 < len(distinct.dictionary) * _REPEATS_MIN <= len(values):
        return _by_dictionary(name, distinct, rows, repeats, unread)
    rows, values = _stripped(rows, values)
    return FlatColumn(name, form, values, None, rows, unread, repeats)


def _by_dictionary(
    name: str, column: pa.DictionaryArray, rows: Rows, repeats: bool, unread: Rows | None = None
) -> FlatColumn:
    """A dictionary-encoded column: its distinct values, and for each row which of them it has."""
    import numpy as np
    import pyarrow as pa

    inner = _flat(name, column.dictionary, np.arange(len(column.dictionary)), repeats=False)
    if inner.codes is not None:
        return _flat(name, column.cast(column.type.value_type), rows, repeats)
    # Where each distinct value went: nulls, blanks and unread ones are in no place.
    place = np.full(len(column.dictionary), -1, dtype=np.int64)
    place[inner.rows] = np.arange(len(inner.rows))
    lost = np.zeros(len(column.dictionary), dtype=np.bool_)
    lost[inner.unread_rows] = True
    there = np.asarray(column.is_valid())
    indices = column.indices.filter(pa.array(there)).to_numpy(zero_copy_only=False).astype(np.int64)
    codes, rows = place[indices], rows[there]
    missing = rows[lost[indices]] if unread is None else unread
    kept = codes >= 0
    return FlatColumn(name, inner.form, inner.values, codes[kept], rows[kept], missing, repeats)


def _as_form(column: pa.Array) -> tuple[Form, pa.Array]:
    """How to look at a plain array, and its values in the type for that."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind):
        return Form.TEXT, column
    if types.is_string_view(kind):
        return Form.TEXT, column.cast(pa.large_string())
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return Form.TEXT, _decoded(column)
    if types.is_fixed_size_binary(kind):
        return Form.TEXT, _decoded(column.cast(pa.binary()))
    if types.is_decimal(kind):
        return Form.NUMBER, column.cast(pa.float64())
    if types.is_floating(kind):
        # Data frames write a missing number as NaN.
        return Form.NUMBER, pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
    if types.is_integer(kind):
        return Form.NUMBER, column
    if types.is_date(kind) or types.is_timestamp(kind):
        return Form.DATE, column
    if types.is_boolean(kind) or types.is_null(kind) or types.is_temporal(kind):
        return Form.OTHER, column
    return Form.UNREAD, column


def _decoded(column: pa.Array) -> pa.Array:
    """Bytes as text; null where they are not UTF-8."""
    import pyarrow as pa

    try:
        return column.cast(pa.large_string())
    except pa.ArrowInvalid:
        return pa.array([_text(value) for value in column.to_pylist()], type=pa.large_string())


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _without_nulls(rows: Rows, values: pa.Array) -> tuple[Rows, pa.Array]:
    import numpy as np

    if not values.null_count:
        return rows, values
    return rows[np.asarray(values.is_valid())], values.drop_null()


def _stripped(rows: Rows, values: pa.Array) -> tuple[Rows, pa.Array]:
    """Values without white space around them, and without texts that stand for no value."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pc.utf8_trim_whitespace(values)
    blanks = pa.array(_BLANKS, type=values.type)
    there = pc.invert(pc.is_in(values, value_set=blanks))
    kept = np.asarray(there)
    return (rows, values) if kept.all() else (rows[kept], values.filter(there))
