"""The door of the compliance room: readers look, checks judge, frameworks and threats arrange.

A reader touches the world and reports observations. A check touches nothing: it is given the
observations of one target and says what they mean. What the room promises whatever a check says
(no evidence is UNKNOWN, a declaration is never a PASS) is in `judge.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from assay.law.catalogues import CheckSpec
from assay.settings import Settings
from assay.vocabulary import (
    Evidence,
    Facts,
    Location,
    Observation,
    Proportion,
    Status,
    Target,
    TargetKind,
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What readers may look at: the settings, the log's folder, and what is known of the data.

    `labels` are the facts of `classification_labels` by dataset; a dataset that could not be
    classified is not in it.
    """

    settings: Settings
    log_folder: Path
    verifier_key: str
    now: datetime
    labels: Mapping[str, Facts] = field(default_factory=dict)
    trust: str = ""
    """The policy by which the log's published checkpoint is believed: its keys, its witnesses."""


class Reader(Protocol):
    """Looks at one part of the world. A look that fails is an observation that says why."""

    kinds: tuple[str, ...]
    """Evidence kinds that it reports."""

    def observe(self, scene: Scene) -> Iterator[Observation]:
        """What is there now; never personal data, never a secret."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of a target."""

    status: Status
    statement: str
    locations: tuple[Location, ...] = ()
    remediation: str = ""


class Check(Protocol):
    """Judges one thing that should hold.

    A check whose id is in the crosswalk takes title, theme, severity and controls from there;
    another brings `spec` itself.
    """

    id: str
    looks_at: TargetKind
    kinds: tuple[str, ...]
    """Evidence kinds that it judges. It is asked only when the first of them was measured."""
    remediation: str
    """What to do when it does not pass, or cannot be judged."""

    def judge(self, observations: Sequence[Observation]) -> Verdict:
        """The verdict on measured, fresh observations of one target; pure."""


class SpecifiedCheck(Check, Protocol):
    """A check from elsewhere, with its own specification."""

    spec: CheckSpec


@dataclass(frozen=True, slots=True)
class FrameworkMember:
    """A law or standard: what its file binds as MEMBER."""

    id: str
    catalogue: str
    """The stem of its catalogue in `law/`."""


class Threat(Protocol):
    """How a threat of the catalogue is measured."""

    id: str
    """Its id in `law/threats.yaml`."""
    measured_by: str

    def likelihood(self, model: Target, evidence: Sequence[Evidence]) -> Proportion | None:
        """Share of attempts at the declared budget that succeeded; None where nothing measured."""
