"""A number is only given where an attack has room to move."""

from __future__ import annotations

import pytest

from assay.errors import BadTestData
from assay.models.interface import InputDomain, InputKind
from assay.trials import _expect_room


def test_rows_that_are_all_alike_are_refused() -> None:
    with pytest.raises(BadTestData, match="no attack any room"):
        _expect_room("m", InputDomain(InputKind.TABULAR, (1.0, 2.0), (1.0, 2.0)))


def test_one_feature_that_moves_is_enough() -> None:
    _expect_room("m", InputDomain(InputKind.TABULAR, (1.0, 2.0), (1.0, 3.0)))
