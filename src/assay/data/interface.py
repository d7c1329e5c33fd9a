"""The door of the data room: what a source and a detector are, and the values they trade in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from assay.vocabulary import Category, SecurityLevel

if TYPE_CHECKING:
    import pyarrow as pa


class Table(Protocol):
    """An open table: named columns, read batch by batch, as often as asked."""

    @property
    def name(self) -> str:
        """The file's stem."""

    @property
    def schema(self) -> pa.Schema:
        """Column names (duplicates told apart as ` (2)`, empty ones `column_7`) and types."""

    def batches(self, columns: tuple[str, ...] | None = None) -> Iterator[pa.RecordBatch]:
        """Every row once, in order; all columns, or those named.

        Raises:
            UnreadableFile: the bytes stop being what the file's name says.
        """


class Source(Protocol):
    """Reads one kind of file."""

    suffixes: tuple[str, ...]
    """File name endings in lower case, with the dot."""

    def open(self, path: Path, *, key: bytes | None = None) -> Table:
        """The table in a file; `key` opens an encrypted one.

        Raises:
            UnreadableFile: missing, not permitted, or not what its name says.
            EmptyDataset: no columns.
        """


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds one type of sensitive data. Category and level come from `law/handling.yaml`.

    A value counts when a pattern (RE2 syntax, no look-around) matches and `validate` accepts the
    matched text. `whole` patterns must match the stripped value from end to end; others may match
    inside text. `headers` are phrases of whole lower-case words as a header splits into (camelCase,
    snake_case, punctuation); every word of the phrase must be in the header, side by side.

    A type without patterns, or without `content_alone`, cannot be told from content (a salary is
    just a number): its header must fit too.
    """

    entity: str
    headers: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    whole: bool = True
    validate: Callable[[str], bool] | None = None
    words: frozenset[str] = frozenset()
    """Lower-case words of which a value must hold at least one (a gazetteer)."""
    content_alone: bool = False
    """True when matched and validated content convinces without a fitting header."""
    number_range: tuple[float, float] | None = None
    """For numeric columns under a fitting header: the values that are plausible, both included."""
    examples: tuple[str, ...] = ()
    near_misses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RareFind:
    """Sensitive values deep in a column that as a whole is something else."""

    entity: str
    rows: int
    first_rows: tuple[int, ...]
    """Zero-based numbers of the first rows it is in, at most five."""


@dataclass(frozen=True, slots=True)
class ColumnLabel:
    """What a column holds, how sure that is (0..1), and why, in words without any value."""

    name: str
    category: Category
    entity: str | None
    level: SecurityLevel
    confidence: float
    matched_rows: int
    nonnull_rows: int
    rare: tuple[RareFind, ...]
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableLabel:
    """Every column of a table; the table's level is the highest of its columns."""

    table: str
    rows: int
    columns: tuple[ColumnLabel, ...]

    @property
    def level(self) -> SecurityLevel:
        """The highest level of any column; INTERNAL for a table where nothing was found."""
        return max((column.level for column in self.columns), default=SecurityLevel.INTERNAL)
