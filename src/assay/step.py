"""What a step of an assessment is: one look at one target, its cost, and the key of its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from assay.canonical import digest_of
from assay.errors import AssayError
from assay.versions import versions
from assay.vocabulary import Exhibit, Facts, Method, Observation, Target, not_measured


@dataclass(frozen=True, slots=True)
class Seen:
    """What a step saw."""

    observations: tuple[Observation, ...]
    exhibits: tuple[Exhibit, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """What a step is given when its turn comes."""

    now: datetime
    labels: Mapping[str, Facts]
    """The facts of the classifications so far, by dataset, with `level` beside them."""
    progress: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One look at one target. `seconds` is what it will take at most, on this machine."""

    name: str
    target: Target
    key: str | None
    seconds: float
    look: Callable[[Moment], Seen]


def not_seen(kind: str, source: str, target: Target, moment: Moment, error: AssayError) -> Seen:
    facts = not_measured(error.message, error.next_step)
    return Seen((Observation(kind, source, 1, Method.TEST, target, facts, moment.now),))


def step_key(
    what: str,
    target_digest: str | None,
    names: Sequence[str],
    parameters: Mapping[str, object],
) -> str | None:
    """The digest of everything that a step's result depends on; None where that is not known."""
    if target_digest is None:
        return None
    return digest_of([what, target_digest, list(names), dict(parameters), dict(versions())])
