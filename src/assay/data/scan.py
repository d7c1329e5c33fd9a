"""A record batch becomes a tally per column, over all of its rows.

Which detectors look at a column depends on its header and its type alone, so the tallies of parts
of a column always add up: detectors that content convinces look at every text, the others only
where the header fits. Numbers are judged arithmetically, dates by their ISO form.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from assay.data.columns import FlatColumn, Form, flat_columns
from assay.data.detectors import every_detector
from assay.data.headers import HeaderFit, header_fit, header_words
from assay.data.interface import Detector
from assay.data.matching import Matches, TextValues, match
from assay.data.tally import EntityTally, Lengths, Tally, first_rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Positions = npt.NDArray[np.int64]

_PROSE = r"\pL\S*\s+(?:\S+\s+){3}\S"
"""Five words, the first of which has a letter: a sentence, or an address."""
_PROSE_BYTES_MIN = 20


def scan_batch(batch: pa.RecordBatch, first_row: int = 0) -> dict[str, Tally]:
    """The tallies of a batch's columns by name; its first row is number `first_row` of the table.

    Nested columns appear as their leaves, `payload.user.mail`.
    """
    rows = batch.num_rows
    return {column.name: _tally(column, rows, first_row) for column in flat_columns(batch)}


@cache
def fitting_headers(name: str) -> dict[str, HeaderFit]:
    """The entities that a column's name speaks of, and how well; a leaf's last name counts too."""
    fits: dict[str, HeaderFit] = {}
    for detector in every_detector():
        whole = header_fit(header_words(name), detector)
        leaf = header_fit(header_words(name.rpartition(".")[2]), detector)
        if fit := whole or leaf:
            fits[detector.entity] = leaf if leaf and leaf.exact else fit
    return fits


def _tally(column: FlatColumn, rows: int, first_row: int) -> Tally:
    import numpy as np

    entities: dict[str, EntityTally] = {}
    text = TextValues(_as_text(column))
    for detector in _looking_at(column.name, column.form):
        found = _matches(column, text, detector)
        if len(found.shaped) or len(found.in_text_shaped):
            entities[detector.entity] = _entity_tally(column, found, first_row)
    is_text = column.form is Form.TEXT
    return Tally(
        rows=rows,
        nonnull=len(np.unique(column.rows)) if column.repeats else len(column.rows),
        prose=len(_rows_of(column, _prose(column.values))) if is_text else 0,
        unread=len(np.unique(column.unread_rows)),
        lengths=_lengths(column) if is_text else Lengths(),
        entities=entities,
    )


@cache
def _looking_at(name: str, form: Form) -> tuple[Detector, ...]:
    """The detectors that look at a column of this name and form."""
    fits = fitting_headers(name)
    wanted: dict[Form, Callable[[Detector], bool]] = {
        Form.TEXT: lambda d: d.entity in fits or d.content_alone or bool(d.in_text),
        Form.NUMBER: lambda d: d.number_range is not None and (d.entity in fits or d.numbers_alone),
        Form.DATE: lambda d: d.dates and d.entity in fits,
    }
    wants = wanted.get(form)
    return tuple(d for d in every_detector() if wants(d)) if wants else ()


def _as_text(column: FlatColumn) -> pa.Array:
    import pyarrow as pa

    values = column.values
    return values.cast(pa.string()) if column.form is Form.DATE else values


def _matches(column: FlatColumn, text: TextValues, detector: Detector) -> Matches:
    if column.form is Form.NUMBER:
        return _number_matches(column.values, detector)
    return match(text, detector, header_fits=detector.entity in fitting_headers(column.name))


def _number_matches(values: pa.Array, detector: Detector) -> Matches:
    import numpy as np

    low, high = detector.number_range or (0, 0)
    numbers = values.to_numpy(zero_copy_only=False)
    shaped = np.flatnonzero((numbers >= low) & (numbers <= high)).astype(np.int64)
    none = np.empty(0, dtype=np.int64)
    if detector.validate is None:
        return Matches(shaped, shaped, none, none)
    validate, width = detector.validate, detector.integer_width
    judged = [
        float(number).is_integer() and validate(str(int(number)).zfill(width))
        for number in numbers[shaped].tolist()
    ]
    return Matches(shaped, shaped[np.array(judged, dtype=np.bool_)], none, none)


def _entity_tally(column: FlatColumn, found: Matches, first_row: int) -> EntityTally:
    sound = _rows_of(column, found.sound)
    in_text = _rows_of(column, found.in_text)
    first = [*sound[:5].tolist(), *in_text[:5].tolist()]
    return EntityTally(
        shaped=len(_rows_of(column, found.shaped)),
        sound=len(sound),
        in_text_shaped=len(_rows_of(column, found.in_text_shaped)),
        in_text=len(in_text),
        first_rows=first_rows(first_row + row for row in first),
    )


def _rows_of(column: FlatColumn, positions: Positions) -> Positions:
    """The rows in which the values at these positions stand, ascending, each once."""
    import numpy as np

    if column.codes is None:
        rows: Positions = column.rows[positions]
    else:
        hit = np.zeros(len(column.values), dtype=np.bool_)
        hit[positions] = True
        rows = column.rows[hit[column.codes]]
    if column.repeats:
        rows = np.unique(rows)
    return rows


def _prose(values: pa.Array) -> Positions:
    import numpy as np
    import pyarrow.compute as pc

    lengths = np.asarray(pc.binary_length(values), dtype=np.int64)
    long: Positions = np.flatnonzero(lengths >= _PROSE_BYTES_MIN).astype(np.int64)
    if len(long):
        long = long[np.asarray(pc.match_substring_regex(values.take(long), _PROSE))]
    return long


def _lengths(column: FlatColumn) -> Lengths:
    import numpy as np
    import pyarrow.compute as pc

    lengths = np.asarray(pc.binary_length(column.values), dtype=np.int64)
    if column.codes is not None:
        lengths = lengths[column.codes]
    if not len(lengths):
        return Lengths()
    return Lengths(len(lengths), int(lengths.sum()), int(lengths.min()), int(lengths.max()))
