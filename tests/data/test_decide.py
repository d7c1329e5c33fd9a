"""The rules of labelling, on tallies made by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.decide import decide, percent
from assay.data.tally import EntityTally, Tally
from assay.vocabulary import Category


def _tally(nonnull: int, **entities: EntityTally) -> Tally:
    return Tally(rows=nonnull, nonnull=nonnull, entities=entities)


def test_half_of_the_values_make_a_header_plausible_and_less_do_not() -> None:
    assert decide("email", _tally(100, email=EntityTally(50, 50))).entity == "email"
    assert decide("email", _tally(100, email=EntityTally(49, 49))).entity is None


def test_one_card_in_ten_is_chance() -> None:
    cards = EntityTally(shaped=1000, sound=99, in_text_shaped=1000, in_text=99, first_rows=(1,))
    label = decide("trace", _tally(1000, credit_card=cards))
    assert label.category is Category.NONE
    assert "have the form of card numbers" in label.why[0]


def test_four_in_five_numbers_that_look_like_telephones_are_parts() -> None:
    phones = EntityTally(shaped=1000, sound=787, in_text_shaped=1000, in_text=787)
    assert decide("part", _tally(1000, phone=phones)).category is Category.NONE


def test_a_few_sound_cards_among_other_text_are_rare_finds() -> None:
    cards = EntityTally(shaped=3, sound=3, in_text_shaped=3, in_text=3, first_rows=(8, 9, 10))
    label = decide("reference", _tally(1000, credit_card=cards))
    assert [(find.entity, find.rows) for find in label.rare] == [("credit_card", 3)]
    assert label.category is Category.FINANCIAL_DATA


def test_values_that_were_not_read_are_said_and_lower_the_confidence() -> None:
    label = decide("blob", Tally(rows=5, nonnull=0, unread=5))
    assert label.confidence == 0.5
    assert label.why == ("no values to look at", "5 values could not be looked at")


def test_an_unread_column_is_not_labelled_by_its_header_as_empty() -> None:
    assert decide("email", Tally(rows=5, nonnull=0, unread=5)).entity is None


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_confidence_grows_with_the_share(nonnull: int, sound: int) -> None:
    sound = min(sound, nonnull)
    label = decide("email", _tally(nonnull, email=EntityTally(sound, sound)))
    full = decide("email", _tally(nonnull, email=EntityTally(nonnull, nonnull)))
    assert 0 <= label.confidence <= 1
    assert label.entity is None or label.confidence <= full.confidence


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 7, "0 %"),
        (7, 7, "100 %"),
        (999_999, 1_000_000, "99.9 %"),
        (1, 1_000_000, "below 0.1 %"),
        (1, 200, "0.5 %"),
        (0, 0, "0 %"),
    ],
)
def test_a_share_in_words_never_rounds_to_all_or_nothing(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text
