"""A column's label becomes the procedure by which it is handled, from `law/handling.yaml`.

The level gives encryption, audit, retention and access; the entity gives the masking. Frameworks
are hints with the fact under which they commonly apply: what does apply is computed from the facts
of the organisation, never from a level. The defaults are what an organisation edits.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.data.detectors import policies
from assay.data.interface import ColumnLabel, TableLabel
from assay.errors import BadInput
from assay.law.catalogues import LevelPolicy, level_policies
from assay.vocabulary import Category, SecurityLevel


@dataclass(frozen=True, slots=True)
class ColumnHandling:
    """How a column is handled. `retention_days` holds where no rule of law fits better."""

    column: str
    category: Category
    entity: str | None
    level: SecurityLevel
    encryption_required: bool
    audit_required: bool
    retention_days: int
    masking: str
    access_rule: str
    review_days: int | None
    frameworks: tuple[tuple[str, str], ...]
    """Framework and the fact under which it commonly applies; of the kind of data, not a ruling."""


def handling_of(label: ColumnLabel) -> ColumnHandling:
    """The procedure for one column.

    Raises:
        BadInput: the label's level or entity is not in `law/handling.yaml`.
    """
    policy = _policy(label)
    return ColumnHandling(
        column=label.name,
        category=label.category,
        entity=label.entity,
        level=policy.level,
        encryption_required=policy.encryption_required,
        audit_required=policy.audit_required,
        retention_days=policy.default_retention_days,
        masking=_masking(label, policy),
        access_rule=policy.access_rule,
        review_days=policy.review_days,
        frameworks=policy.frameworks,
    )


def handling_of_table(label: TableLabel) -> tuple[ColumnHandling, ...]:
    """The procedure for every column of a table, in the table's order.

    Raises:
        BadInput: as `handling_of`.
    """
    return tuple(handling_of(column) for column in label.columns)


def _policy(label: ColumnLabel) -> LevelPolicy:
    policy = level_policies().get(label.level)
    if policy is None:
        known = ", ".join(level.word for level in level_policies())
        raise BadInput(
            f"Column {label.name} has a level that no handling is written for: {label.level!r}.",
            next_step=f"The levels are: {known}.",
        )
    return policy


def _masking(label: ColumnLabel, policy: LevelPolicy) -> str:
    if label.entity is None:
        return policy.default_masking
    known = policies().get(label.entity)
    if known is None:
        raise BadInput(
            f"Column {label.name} has an entity that no handling is written for: {label.entity}.",
            next_step="Add the entity to law/handling.yaml.",
        )
    return known.masking
