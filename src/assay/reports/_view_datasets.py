"""What a report says of each dataset: its columns as they were classified, its required controls.

Columns come from observations of kind `classification_labels`, most sensitive first. Their order in
the file is not kept, for canonical facts have none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assay.reports import _facts as facts
from assay.reports import _words as words
from assay.reports._links import Link, Links
from assay.vocabulary import (
    Assessment,
    ControlValidation,
    Evidence,
    Facts,
    SecurityLevel,
    TargetKind,
)

_KIND = "classification_labels"


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A column's label. Numbers are None where the facts do not hold them."""

    name: str
    category: str
    entity: str
    level: str
    confidence: float | None
    matched_rows: int | None
    nonnull_rows: int | None
    rare: tuple[str, ...]
    """Sensitive values deep in the column: type, count and first rows, in words."""
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableView:
    """One classification: its columns, or why there are none."""

    caption: str
    rows: int | None
    columns: tuple[ColumnRow, ...]
    """Those in which something was found, or whose label is not what the catalogue knows."""
    bare: tuple[str, ...]
    """The names of the others, in which nothing sensitive was found."""
    why_not: str
    evidence: Link


@dataclass(frozen=True, slots=True)
class ValidationRow:
    """A required control with links to what it rests on."""

    validation: ControlValidation
    evidence: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class DatasetView:
    """Everything of one dataset. `level` is the highest of its columns, empty if none is known."""

    anchor: str
    name: str
    digests: tuple[str, ...]
    level: str
    tables: tuple[TableView, ...]
    validations: tuple[ValidationRow, ...]


def dataset_views(assessment: Assessment, links: Links) -> tuple[DatasetView, ...]:
    """Every dataset that evidence, findings or required controls name, by name."""
    targets = [e.observation.target for e in assessment.evidence]
    targets += [f.target for f in assessment.findings]
    names = {t.name for t in targets if t.kind is TargetKind.DATASET}
    names |= {v.dataset for v in assessment.validations}
    return tuple(
        _dataset(f"dataset-{position}", name, assessment, links)
        for position, name in enumerate(sorted(names), start=1)
    )


def _dataset(anchor: str, name: str, assessment: Assessment, links: Links) -> DatasetView:
    about = [e for e in assessment.evidence if _is_about(e, name)]
    classified = [e for e in about if e.observation.kind == _KIND]
    tables = tuple(_table(name, n, e, links) for n, e in enumerate(classified, start=1))
    return DatasetView(
        anchor=anchor,
        name=name,
        digests=tuple(sorted({d for e in about if (d := e.observation.target.digest)})),
        level=_highest(column.level for table in tables for column in table.columns),
        tables=tables,
        validations=tuple(
            ValidationRow(v, links.all(v.evidence))
            for v in assessment.validations
            if v.dataset == name
        ),
    )


def _is_about(evidence: Evidence, name: str) -> bool:
    target = evidence.observation.target
    return target.kind is TargetKind.DATASET and target.name == name


def _table(name: str, position: int, evidence: Evidence, links: Links) -> TableView:
    observation = evidence.observation
    columns = facts.mapping(observation.facts, "columns")
    labels = {column: facts.mapping(columns, column) for column in columns}
    bare = sorted(column for column, label in labels.items() if _is_bare(label))
    rows = [_column(column, label) for column, label in labels.items() if column not in bare]
    return TableView(
        caption=f"Columns of {name}" + (f" ({position})" if position > 1 else ""),
        rows=facts.count(observation.facts, "rows"),
        columns=tuple(sorted(rows, key=lambda row: (-_rank(row.level), row.name))),
        bare=tuple(bare),
        why_not=facts.why_not_measured(observation),
        evidence=links.to(evidence.digest),
    )


def _is_bare(label: Facts) -> bool:
    """Whether nothing was found, and the column has the level of what nothing was found in."""
    return (
        facts.text(label, "category") == "none"
        and facts.text(label, "level") == SecurityLevel.INTERNAL.word
        and not facts.mappings(label, "rare")
    )


def _column(name: str, label: Facts) -> ColumnRow:
    category = facts.text(label, "category")
    return ColumnRow(
        name=name,
        category="nothing found" if category == "none" else words.phrase(category),
        entity=words.phrase(facts.text(label, "entity")),
        level=facts.text(label, "level"),
        confidence=facts.quantity(label, "confidence"),
        matched_rows=facts.count(label, "matched_rows"),
        nonnull_rows=facts.count(label, "nonnull_rows"),
        rare=tuple(_rare(find) for find in facts.mappings(label, "rare")),
        why=facts.texts(label, "why"),
    )


def _rare(find: Facts) -> str:
    entity = words.phrase(facts.text(find, "entity"))
    rows = facts.count(find, "rows")
    first = ", ".join(str(row) for row in facts.counts(find, "first_rows"))
    amount = "" if rows is None else f" in {words.plural(rows, 'row')}"
    return f"{entity}{amount}" + (f" (first: {first})" if first else "")


def _highest(levels: Iterable[str]) -> str:
    return max(levels, key=_rank, default="")


def _rank(level: str) -> int:
    """The order of a level's word; an unknown word ranks highest, for it may be anything."""
    words_in_order = [known.word for known in SecurityLevel]
    return words_in_order.index(level) if level in words_in_order else len(words_in_order)
