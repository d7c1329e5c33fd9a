"""`assay data`: look into data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli._lazy import LazyGroup
from assay.cli._shared import counting, json_option, show_table, write_json

if TYPE_CHECKING:
    from assay.data.interface import ColumnLabel, TableLabel

_HERE = "assay.cli.data"


@click.group(
    cls=LazyGroup,
    table={"classify": (f"{_HERE}:classify", "Say what every column holds, from all of its rows.")},
)
def data() -> None:
    """Look into data."""


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--key-file", type=click.Path(path_type=Path), help="Raw key of encrypted Parquet.")
@json_option
def classify(sources: tuple[Path, ...], key_file: Path | None, json_file: str | None) -> int:
    """Say what every column of SOURCES holds, from header and all rows. No value is shown."""
    from concurrent.futures import ThreadPoolExecutor

    from assay.compliance.datasets import key_in
    from assay.data.classify import classify_table, labels_as_json
    from assay.data.naming import table_names
    from assay.data.tables import open_table

    key = None if key_file is None else key_in(key_file)
    labels = []
    with ThreadPoolExecutor() as executor:
        for name, path in zip(table_names(sources), sources, strict=True):
            table = open_table(path, key=key)
            with counting(f"{path.name}: rows", table.row_count) as progress:
                label = classify_table(table, executor=executor, progress=progress)
            labels.append(type(label)(name, label.rows, label.columns))
    write_json(json_file, labels_as_json(labels))
    if json_file != "-":
        for label in labels:
            _show(label)
    return 0


def _show(label: TableLabel) -> None:
    rows = [_row(column) for column in label.columns]
    columns = ("Column", "Holds", "Category", "Level", "Confidence", "Rows", "Why")
    show_table(f"{label.table}: {label.rows} rows, {label.level.word}", columns, rows)


def _row(column: ColumnLabel) -> tuple[str, ...]:
    rare = [f"rare: {find.entity} in {find.rows} rows" for find in column.rare]
    return (
        column.name,
        column.entity or "-",
        column.category.value,
        column.level.word,
        f"{column.confidence:.2f}",
        f"{column.matched_rows}/{column.nonnull_rows}",
        "; ".join([*column.why, *rare]),
    )
