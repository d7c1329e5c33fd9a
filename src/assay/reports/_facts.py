"""Reads facts of observations for reports: what is there, in the shape asked for, or nothing.

Facts are JSON that any part may have written, some of it by older versions; extra keys are read
past and what is missing or of another shape is left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

from assay.vocabulary import Facts, Json, Observation


def why_not_measured(observation: Observation) -> str:
    """Why the look failed and what would make it succeed; empty when it did not fail."""
    if observation.measured:
        return ""
    told = mapping(observation.facts, "not_measured")
    parts = (text(told, "reason"), text(told, "next_step"))
    return " ".join(part for part in parts if part) or "no reason was kept"


def mapping(facts: Facts, key: str) -> Facts:
    """The object under a key, or an empty one."""
    value = facts.get(key)
    return value if isinstance(value, Mapping) else {}


def mappings(facts: Facts, key: str) -> tuple[Facts, ...]:
    """The objects of the array under a key."""
    return tuple(item for item in _items(facts, key) if isinstance(item, Mapping))


def texts(facts: Facts, key: str) -> tuple[str, ...]:
    """The strings of the array under a key."""
    return tuple(item for item in _items(facts, key) if isinstance(item, str))


def counts(facts: Facts, key: str) -> tuple[int, ...]:
    """The whole numbers of the array under a key."""
    return tuple(item for item in _items(facts, key) if _is_count(item))


def text(facts: Facts, key: str) -> str:
    """The string under a key, or an empty one; a number as it is written."""
    value = facts.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def count(facts: Facts, key: str) -> int | None:
    """The whole number under a key."""
    value = facts.get(key)
    return value if isinstance(value, int) and _is_count(value) else None


def quantity(facts: Facts, key: str) -> float | None:
    """The number under a key."""
    value = facts.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _items(facts: Facts, key: str) -> Sequence[Json]:
    value = facts.get(key)
    return value if isinstance(value, list | tuple) else ()


def _is_count(value: Json) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
