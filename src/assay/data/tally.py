"""What a scan counted in a column, as values that add up.

A tally of some rows and a tally of the others merge into the tally of all, in any order and any
grouping: counts are added, first rows are the smallest five of both. Nothing of the values is kept,
only how many there were of what form, how long they were, and in which rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_FIRST_ROWS = 5


@dataclass(frozen=True, slots=True)
class EntityTally:
    """The rows of a column in which values look like one entity.

    `shaped` and `sound` count whole values, before and after validation; `in_text_shaped` and
    `in_text` count rows that hold a precise form anywhere. `first_rows` are the first of the rows
    that are sound either way, zero-based.
    """

    shaped: int = 0
    sound: int = 0
    in_text_shaped: int = 0
    in_text: int = 0
    first_rows: tuple[int, ...] = ()

    def merge(self, other: EntityTally) -> EntityTally:
        """The tally of both sets of rows, which share none."""
        return EntityTally(
            self.shaped + other.shaped,
            self.sound + other.sound,
            self.in_text_shaped + other.in_text_shaped,
            self.in_text + other.in_text,
            first_rows(self.first_rows + other.first_rows),
        )


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of text values in UTF-8 bytes; all 0 where there are none."""

    values: int = 0
    total_bytes: int = 0
    shortest_bytes: int = 0
    longest_bytes: int = 0

    @property
    def mean_bytes(self) -> float:
        """The mean length; 0 where there are no values."""
        return self.total_bytes / self.values if self.values else 0.0

    def merge(self, other: Lengths) -> Lengths:
        """The lengths of both sets of values."""
        if not self.values or not other.values:
            return other if not self.values else self
        return Lengths(
            self.values + other.values,
            self.total_bytes + other.total_bytes,
            min(self.shortest_bytes, other.shortest_bytes),
            max(self.longest_bytes, other.longest_bytes),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """What all rows of a column came to.

    `prose` counts rows with a value of several words, `unread` rows whose value no pattern can look
    at: bytes that are not UTF-8, types without a text form.
    """

    rows: int = 0
    nonnull: int = 0
    prose: int = 0
    unread: int = 0
    lengths: Lengths = Lengths()
    entities: Mapping[str, EntityTally] = field(default_factory=dict)
    """Only entities that were seen at least once."""

    def of(self, entity: str) -> EntityTally:
        """The entity's counts; all 0 if it was not seen."""
        return self.entities.get(entity, EntityTally())

    def merge(self, other: Tally) -> Tally:
        """The tally of both sets of rows, which share none."""
        names = sorted({*self.entities, *other.entities})
        return Tally(
            self.rows + other.rows,
            self.nonnull + other.nonnull,
            self.prose + other.prose,
            self.unread + other.unread,
            self.lengths.merge(other.lengths),
            {name: self.of(name).merge(other.of(name)) for name in names},
        )


def first_rows(rows: Iterable[int]) -> tuple[int, ...]:
    """The smallest five of the row numbers, sorted, each once."""
    return tuple(sorted(set(rows))[:_FIRST_ROWS])


def merge_tables(left: Mapping[str, Tally], right: Mapping[str, Tally]) -> dict[str, Tally]:
    """The tallies of a table from those of two parts of its rows."""
    empty = Tally()
    names = [*left, *(name for name in right if name not in left)]
    return {name: left.get(name, empty).merge(right.get(name, empty)) for name in names}
