"""Labels for every column of a table: all rows scanned, each column decided, overrides applied.

Batches are scanned one after the other, or handed to any `concurrent.futures.Executor`; tallies are
merged in the order of the rows, which changes nothing but is easy to follow. Memory is bounded by a
handful of batches in flight.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from assay.data.columns import flat_names
from assay.data.decide import decide
from assay.data.detectors import policies
from assay.data.interface import ColumnLabel, Override, Progress, Table, TableLabel
from assay.data.scan import scan_batch
from assay.data.tables import open_table
from assay.data.tally import Tally, merge_tables
from assay.errors import BadInput
from assay.vocabulary import Category, Json, SecurityLevel

if TYPE_CHECKING:
    import pyarrow as pa

_IN_FLIGHT = 8
"""Batches that an executor has at most at a time; each is up to 65,536 rows in memory."""

NO_OVERRIDES: Mapping[str, Override] = {}


def classify_file(
    path: Path,
    *,
    key: bytes | None = None,
    overrides: Mapping[str, Override] = NO_OVERRIDES,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> TableLabel:
    """The labels of a file's columns; `key` opens an encrypted Parquet file.

    Raises:
        BadInput: as `open_table` and `classify_table`.
    """
    table = open_table(path, key=key)
    return classify_table(table, overrides=overrides, progress=progress, executor=executor)


def classify_table(
    table: Table,
    *,
    overrides: Mapping[str, Override] = NO_OVERRIDES,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> TableLabel:
    """The labels of a table's columns, from every row; nested columns appear as their leaves.

    Raises:
        BadInput: an override of a column that is not there, without a reason or of no known entity.
        UnreadableFile: the table's bytes stop being what the file's name says.
    """
    names = flat_names(table.schema)
    _check_overrides(table.name, names, overrides)
    tallies = {name: Tally() for name in names}
    rows = 0
    for count, part in _scanned(table.batches(), executor):
        tallies = merge_tables(tallies, part)
        rows += count
        if progress is not None:
            progress(rows)
    columns = tuple(_overridden(decide(name, tallies[name]), overrides.get(name)) for name in names)
    return TableLabel(table.name, rows, columns)


def labels_as_json(labels: Iterable[TableLabel]) -> dict[str, Json]:
    """The labels of tables in the form of `assay data classify --json`, schema 1."""
    return {"schema": 1, "tables": {label.table: table_as_json(label) for label in labels}}


def table_as_json(label: TableLabel) -> dict[str, Json]:
    """One table of `labels_as_json`."""
    columns = {column.name: _column_as_json(column) for column in label.columns}
    return {"rows": label.rows, "columns": columns}


def _column_as_json(column: ColumnLabel) -> dict[str, Json]:
    return {
        "category": column.category.value,
        "entity": column.entity,
        "level": column.level.word,
        "confidence": column.confidence,
        "matched_rows": column.matched_rows,
        "nonnull_rows": column.nonnull_rows,
        "rare": [
            {"entity": find.entity, "rows": find.rows, "first_rows": list(find.first_rows)}
            for find in column.rare
        ],
        "why": list(column.why),
    }


def _scanned(
    batches: Iterator[pa.RecordBatch], executor: Executor | None
) -> Iterator[tuple[int, dict[str, Tally]]]:
    """Row count and tallies of each batch, in order."""
    if executor is None:
        first_row = 0
        for batch in batches:
            yield batch.num_rows, scan_batch(batch, first_row)
            first_row += batch.num_rows
        return
    yield from _scanned_by(executor, batches)


def _scanned_by(
    executor: Executor, batches: Iterator[pa.RecordBatch]
) -> Iterator[tuple[int, dict[str, Tally]]]:
    waiting: deque[tuple[int, Future[dict[str, Tally]]]] = deque()
    first_row = 0
    try:
        while True:
            for batch in islice(batches, _IN_FLIGHT - len(waiting)):
                waiting.append((batch.num_rows, executor.submit(scan_batch, batch, first_row)))
                first_row += batch.num_rows
            if not waiting:
                return
            count, future = waiting.popleft()
            yield count, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def _check_overrides(table: str, names: tuple[str, ...], overrides: Mapping[str, Override]) -> None:
    if unknown := sorted(set(overrides) - set(names)):
        raise BadInput(
            f"An override names columns that table {table} does not have: {', '.join(unknown)}.",
            next_step=f"Its columns are: {', '.join(names)}.",
        )
    for name, override in overrides.items():
        if not override.because.strip():
            step = "Say in a sentence why, and who decided."
            raise BadInput(f"The override of column {name} gives no reason.", next_step=step)
        if override.entity not in (None, "none", *policies()):
            raise BadInput(
                f"The override of column {name} names no known entity: {override.entity}.",
                next_step=f"Entities are: none, {', '.join(policies())}.",
            )


def _overridden(label: ColumnLabel, override: Override | None) -> ColumnLabel:
    """The label as a person decided it; what was measured stays in `why` and in the rare finds."""
    if override is None:
        return label
    why = (f"declared, not measured: {override.because.strip()}", *label.why)
    decided = replace(label, why=why, confidence=1.0)
    if override.entity == "none":
        level = SecurityLevel.INTERNAL
        decided = replace(decided, category=Category.NONE, entity=None, level=level)
    elif override.entity is not None:
        policy = policies()[override.entity]
        entity = override.entity
        decided = replace(decided, category=policy.category, entity=entity, level=policy.level)
    return decided if override.level is None else replace(decided, level=override.level)
