"""The door of the diagnosis: what is found, what the machine says of itself, and one look at a time.

A look that fails is itself a diagnosis, so that one damaged file hides nothing that is wrong elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from assay.errors import AssayError


class Gravity(StrEnum):
    """How bad it is, the worst first."""

    PROBLEM = "problem"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that is not as it should be."""

    severity: Gravity
    what: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the machine says of itself."""

    now: datetime
    python: tuple[int, ...]
    user_id: int
    has_library: Callable[[str], bool]
    free_bytes: Callable[[Path], int]


@dataclass(frozen=True, slots=True)
class Look:
    """One thing to look at; `where` is its name in a sentence."""

    where: str
    look: Callable[[], Iterable[Diagnosis]]


def carried_out(look: Look) -> list[Diagnosis]:
    """What a look found; an error on the way is a diagnosis beside what it found before."""
    found: list[Diagnosis] = []
    try:
        found.extend(look.look())
    except Exception as error:  # noqa: BLE001 - a failed look is a diagnosis
        found.append(of_error(look.where, error))
    return found


def of_error(where: str, error: Exception) -> Diagnosis:
    """An error that a look met, as a diagnosis."""
    if isinstance(error, AssayError):
        step = error.next_step or "Restore it from your copy."
        return Diagnosis(Gravity.PROBLEM, error.message, step)
    # The type alone: a foreign message may hold a row or a password.
    what = f"Looking at {where} failed ({type(error).__name__})."
    return Diagnosis(Gravity.PROBLEM, what, "Restore it from your copy, or report this as a bug.")
