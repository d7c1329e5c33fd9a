"""The catalogues beside this file, as values. Law is data: each carries its source and its date.

Read once per process and never changed. A catalogue that is missing or malformed is a broken
installation and raises at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from assay.errors import BadInput
from assay.vocabulary import Category, Control, SecurityLevel, Severity


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check's entry in the crosswalk: what it measures, when it passes, what it bears on."""

    id: str
    title: str
    theme: str
    severity: Severity
    frequency: str
    measured: str
    pass_criterion: str
    unknown_when: str
    controls: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LevelPolicy:
    """How data of a level is handled (`handling.yaml`)."""

    level: SecurityLevel
    means: str
    encryption_required: bool
    audit_required: bool
    default_retention_days: int
    default_masking: str
    access_rule: str
    review_days: int | None
    frameworks: tuple[tuple[str, str], ...]
    """Framework and the fact under which it commonly applies: a hint for people, never a rule."""


@dataclass(frozen=True, slots=True)
class EntityPolicy:
    """What kind of data an entity is, and how it is handled unless its owner decides otherwise."""

    entity: str
    category: Category
    level: SecurityLevel
    masking: str


@cache
def catalogue(name: str) -> Mapping[str, Any]:
    """A catalogue by its file's stem.

    Raises:
        BadInput: there is no such catalogue.
    """
    path = files("assay.law") / f"{name}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"There is no catalogue called {name!r}.") from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loaded: Mapping[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader
    return loaded


@cache
def check_specs() -> Mapping[str, CheckSpec]:
    """The checks of the crosswalk by id."""
    return {row["id"]: _check_spec(row) for row in catalogue("crosswalk")["checks"]}


@cache
def severity_weights() -> Mapping[Severity, int]:
    """How much a check of each severity weighs in conformance."""
    weights = catalogue("crosswalk")["semantics"]["severity_weight"]
    return {Severity[name.upper()]: int(weight) for name, weight in weights.items()}


@cache
def themes() -> Mapping[str, str]:
    """Theme id to title, in the crosswalk's order."""
    return {row["id"]: row["title"] for row in catalogue("crosswalk")["themes"]["list"]}


@cache
def controls(framework: str) -> tuple[Control, ...]:
    """The controls of a framework, in the catalogue's order."""
    entries = catalogue(framework)["entries"]
    return tuple(
        Control(framework, row["id"], row["title"], row["summary"], row["automatable"])
        for row in entries
    )


@cache
def level_policies() -> Mapping[SecurityLevel, LevelPolicy]:
    """The handling policy of every level."""
    return {policy.level: policy for policy in map(_level_policy, catalogue("handling")["levels"])}


def level_named(word: str) -> SecurityLevel:
    """The level with this name.

    Raises:
        BadInput: there is no such level.
    """
    try:
        return SecurityLevel[word.upper()]
    except KeyError:
        known = ", ".join(level.word for level in SecurityLevel)
        raise BadInput(
            f"There is no security level {word!r}.", next_step=f"The levels are: {known}."
        ) from None


@cache
def entity_policies() -> Mapping[str, EntityPolicy]:
    """Category, level and masking of every entity."""
    return {
        row["entity"]: EntityPolicy(
            row["entity"], Category(row["category"]), level_named(row["level"]), row["masking"]
        )
        for row in catalogue("handling")["entities"]
    }


def _check_spec(row: Mapping[str, Any]) -> CheckSpec:
    return CheckSpec(
        id=row["id"],
        title=row["title"],
        theme=row["theme"],
        severity=Severity[row["severity"].upper()],
        frequency=row["frequency"],
        measured=row["measured"],
        pass_criterion=row["pass_criterion"],
        unknown_when=row["unknown_when"],
        controls={name: tuple(ids) for name, ids in row["controls"].items()},
    )


def _level_policy(row: Mapping[str, Any]) -> LevelPolicy:
    return LevelPolicy(
        level=level_named(row["id"]),
        means=row["means"],
        encryption_required=row["encryption_required"],
        audit_required=row["audit_required"],
        default_retention_days=row["default_retention_days"],
        default_masking=row["default_masking"],
        access_rule=row["access"]["rule"],
        review_days=row["access"]["review_days"],
        frameworks=tuple((f["framework"], f["when"]) for f in row["frameworks_commonly"]),
    )
