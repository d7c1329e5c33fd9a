"""What every executor promises: work is done, errors come back, order is kept."""

from __future__ import annotations

import pytest

from assay import plugins

MEMBERS = plugins.available("executors")


def _double(number: int) -> int:
    if number == 13:
        raise ValueError("thirteen")
    return 2 * number


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_results_come_in_order(member: plugins.Member) -> None:
    with member.use().open(2) as executor:
        assert list(executor.map(_double, range(10))) == [2 * n for n in range(10)]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_an_error_comes_back_as_itself(member: plugins.Member) -> None:
    with member.use().open(2) as executor, pytest.raises(ValueError, match="thirteen"):
        list(executor.map(_double, range(20)))


def test_there_is_a_local_one() -> None:
    assert "local" in {member.name for member in MEMBERS}
