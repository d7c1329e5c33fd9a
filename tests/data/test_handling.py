"""Labels become procedures, and what no procedure is written for is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from assay.data.handling import handling_of, handling_of_table
from assay.data.interface import ColumnLabel, TableLabel
from assay.errors import BadInput
from assay.law.catalogues import entity_policies
from assay.vocabulary import Category, SecurityLevel

LABEL = ColumnLabel(
    "ssn", Category.PERSONAL_IDENTIFIABLE, "ssn", SecurityLevel.CONFIDENTIAL, 0.9, 9, 9, (), ()
)


def test_a_column_is_handled_by_its_level_and_masked_by_its_entity() -> None:
    handling = handling_of(LABEL)
    assert (handling.encryption_required, handling.audit_required) == (True, True)
    assert (handling.retention_days, handling.masking) == (2555, "full")
    assert "gdpr" in [framework for framework, _ in handling.frameworks]


def test_public_data_need_no_encryption() -> None:
    handling = handling_of(replace(LABEL, entity=None, level=SecurityLevel.PUBLIC))
    assert (handling.encryption_required, handling.masking) == (False, "none")


@pytest.mark.parametrize("entity", entity_policies())
def test_every_entity_has_a_procedure(entity: str) -> None:
    policy = entity_policies()[entity]
    label = replace(LABEL, entity=entity, category=policy.category, level=policy.level)
    assert handling_of(label).masking == policy.masking


def test_a_table_is_handled_column_by_column() -> None:
    table = TableLabel("t", 9, (LABEL, replace(LABEL, name="b", entity=None)))
    assert [handling.column for handling in handling_of_table(table)] == ["ssn", "b"]


def test_an_unknown_level_is_refused() -> None:
    label = replace(LABEL, level=cast(SecurityLevel, 9))
    with pytest.raises(BadInput, match="no handling is written for: 9"):
        handling_of(label)


def test_an_unknown_entity_is_refused() -> None:
    with pytest.raises(BadInput, match="no handling is written for: shoe_size"):
        handling_of(replace(LABEL, entity="shoe_size"))
