"""Check digits against the examples of their standards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.detectors._checksums import digits_of, luhn, mod97, weighted


@pytest.mark.parametrize("digits", ["79927398713", "4111111111111111", "808401234567893", "0"])
def test_luhn_holds_for_published_numbers(digits: str) -> None:
    assert luhn(digits)


@given(st.text("0123456789", min_size=1, max_size=18))
def test_exactly_one_last_digit_passes_luhn(digits: str) -> None:
    assert sum(luhn(digits + last) for last in "0123456789") == 1


def test_mod97_of_a_published_iban_is_one() -> None:
    assert mod97("WEST12345698765432GB82") == 1


def test_weights_must_be_as_many_as_digits() -> None:
    with pytest.raises(ValueError, match="longer"):
        weighted("12", (1, 2, 3))


def test_digits_of_leaves_out_all_else() -> None:
    assert digits_of("(415) 555-2671 x9") == "41555526719"
    assert digits_of("٤٢ 7") == "7"
