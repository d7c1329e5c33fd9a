"""Wilson's interval: published values, its edges, and its laws."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.intervals import wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, Table I, method 3 (Wilson, no correction).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_published_intervals(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson(successes, trials)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_nothing_tried_says_nothing() -> None:
    found = wilson(0, 0)
    assert (found.low, found.high) == (0.0, 1.0)
    assert str(found) == "0 of 0"


@pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5), (1, 0)])
def test_what_is_no_share_is_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="is not a share"):
        wilson(successes, trials)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_share_lies_inside_and_the_mirror_image_is_mirrored(pair: tuple[int, int]) -> None:
    successes, trials = pair
    found, mirrored = wilson(successes, trials), wilson(trials - successes, trials)
    assert 0.0 <= found.low <= found.share <= found.high <= 1.0
    assert math.isclose(found.low, 1 - mirrored.high, abs_tol=1e-12)


@given(st.integers(1, 1_000), st.integers(2, 9))
def test_more_trials_at_the_same_share_narrow_it(trials: int, times: int) -> None:
    small, large = wilson(trials // 2, trials), wilson(trials // 2 * times, trials * times)
    assert large.high - large.low <= small.high - small.low
