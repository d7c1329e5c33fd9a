"""The door of the data room: what a source and a detector are, and the values they trade in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from assay.law.catalogues import EntityPolicy
from assay.vocabulary import Category, SecurityLevel

if TYPE_CHECKING:
    import pyarrow as pa

Progress = Callable[[int], None]
"""Told how many rows of a table are done."""


class Table(Protocol):
    """An open table: named columns, read batch by batch, as often as asked."""

    @property
    def name(self) -> str:
        """The file's stem."""

    @property
    def schema(self) -> pa.Schema:
        """Column names (duplicates told apart as ` (2)`, empty ones `column_7`) and types."""

    @property
    def row_count(self) -> int | None:
        """How many rows, or None where only reading them tells."""

    def batches(self, columns: tuple[str, ...] | None = None) -> Iterator[pa.RecordBatch]:
        """Every row once, in order; all columns, or those named.

        Raises:
            UnreadableFile: the bytes stop being what the file's name says.
        """


class Source(Protocol):
    """Reads one kind of file."""

    @property
    def suffixes(self) -> tuple[str, ...]:
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

    Patterns are RE2 (no look-around) that Python's `re` reads alike: ASCII `\\d` and `\\w`, flags
    scoped as `(?i:...)`. `patterns` must match the stripped value from end to end; `in_text` is
    searched inside longer values, between word boundaries that the scan adds. A value is *shaped*
    when a pattern matches and *sound* when `validate` accepts the matched text too.

    Headers are phrases of whole words, every word in the header and side by side (`headers.py`).
    Without `content_alone` a type cannot be told from content (a salary is just a number): the
    scan looks for it only where the header fits.
    """

    entity: str
    noun: str
    """What its values are called in an explanation, in plural: `e-mail addresses`."""
    headers: tuple[str, ...] = ()
    exact_headers: tuple[str, ...] = ()
    """Phrases that are too general inside a longer header: `name`, `age`, `ip`."""
    not_beside: frozenset[str] = frozenset()
    """Header words beside which a phrase means something else: `amount` beside `mg`."""
    patterns: tuple[str, ...] = ()
    weak_patterns: tuple[str, ...] = ()
    """Forms of the whole value that only a fitting header makes plausible: nine bare digits."""
    in_text: tuple[str, ...] = ()
    """Forms so precise that one find in a million rows counts."""
    needs: str = ""
    """A string without which no pattern can match; makes the scan faster, changes no result."""
    min_digits: int = 0
    """How many ASCII digits every match holds at least; as `needs`."""
    validate: Callable[[str], bool] | None = None
    words: frozenset[str] = frozenset()
    """Lower-case words of which a value must hold one, unless its header fits (a gazetteer)."""
    content_alone: bool = False
    """True when matched and validated content convinces without a fitting header."""
    content_share: float = 0.8
    """With `content_alone`: the share of sound values from which a column is of this type."""
    number_range: tuple[float, float] | None = None
    """For numeric columns under a fitting header: the values that are plausible, both included."""
    numbers_alone: bool = False
    """True when numbers that `validate` accepts convince without a fitting header."""
    integer_width: int = 0
    """Digits of the text form of an integer, whose leading zeros a numeric column has lost."""
    dates: bool = False
    """True when date and timestamp columns can be of this type; they are read as ISO 8601."""
    examples: tuple[str, ...] = ()
    near_misses: tuple[str, ...] = ()
    policy: EntityPolicy | None = None
    """Category, level and masking of an entity that `law/handling.yaml` does not know."""


@dataclass(frozen=True, slots=True)
class Override:
    """What a person decided about a column, and why; it replaces the entity, the level or both.

    `entity` is an entity of `law/handling.yaml`, or `none`.
    """

    because: str
    entity: str | None = None
    level: SecurityLevel | None = None


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
