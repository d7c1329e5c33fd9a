"""Tallies add up, whatever way the rows are split, and every kind of column is read."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.data.scan import scan_batch
from assay.data.tally import EntityTally, Lengths, Tally, first_rows, merge_tables

_VALUES = st.sampled_from(
    [None, "", "ada@example.org", "see ada@example.org now", "219-09-9999", "4111111111111111",
     "4111111111111112", "Mary Johnson", "Blue Widget", "a longer text of several plain words"]
)  # fmt: skip
_ROWS = st.lists(st.tuples(_VALUES, st.lists(_VALUES, max_size=3), st.integers(0, 2_000_000_000)))


def _batch(rows: list[tuple[str | None, list[str | None], int]]) -> pa.RecordBatch:
    columns = [pa.array([row[place] for row in rows], kind) for place, kind in enumerate(_TYPES)]
    return pa.record_batch(columns, names=["text", "several", "npi"])


_TYPES = (pa.string(), pa.list_(pa.string()), pa.int64())


@settings(max_examples=60, deadline=None)
@given(_ROWS, st.data())
def test_any_split_of_the_rows_gives_the_same_tally(
    rows: list[tuple[str | None, list[str | None], int]], data: st.DataObject
) -> None:
    whole = scan_batch(_batch(rows))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    bounds = [0, *cuts, len(rows)]
    parts = [scan_batch(_batch(rows[low:high]), low) for low, high in pairwise(bounds)]
    shuffled = data.draw(st.permutations(parts))
    merged: dict[str, Tally] = {}
    for part in shuffled:
        merged = merge_tables(merged, part)
    assert merged == whole


_COUNTS = st.integers(0, 1000)
_ENTITY = st.builds(
    EntityTally, _COUNTS, _COUNTS, _COUNTS, _COUNTS, st.lists(_COUNTS).map(first_rows)
)
_LENGTHS = st.one_of(
    st.just(Lengths()), st.builds(Lengths, st.integers(1, 9), _COUNTS, _COUNTS, _COUNTS)
)
_ENTITIES = st.dictionaries(st.sampled_from("abc"), _ENTITY)
_TALLY = st.builds(Tally, _COUNTS, _COUNTS, _COUNTS, _COUNTS, _LENGTHS, _ENTITIES)


@given(_TALLY, _TALLY, _TALLY)
def test_merge_is_associative_and_commutative(a: Tally, b: Tally, c: Tally) -> None:
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(b) == b.merge(a)
    assert a.merge(Tally()) == a


def _tally(values: pa.Array, name: str = "x") -> Tally:
    return scan_batch(pa.record_batch([values], names=[name]))[name]


def test_first_rows_are_the_first_five_of_the_table() -> None:
    batch = pa.record_batch({"x": ["none", *["ada@example.org"] * 7]})
    assert scan_batch(batch, 100)["x"].of("email").first_rows == (101, 102, 103, 104, 105)


def test_whole_values_and_finds_inside_text_are_told_apart() -> None:
    seen = _tally(pa.array(["ada@example.org", "write to ada@example.org"])).of("email")
    assert (seen.shaped, seen.sound, seen.in_text) == (1, 1, 2)


def test_a_failed_check_digit_is_shaped_and_not_sound() -> None:
    seen = _tally(pa.array(["4111111111111111", "4111111111111112"])).of("credit_card")
    assert (seen.shaped, seen.sound) == (2, 1)


def test_dictionary_columns_count_rows_and_not_distinct_values() -> None:
    values = pa.array(["ada@example.org", None, "x", "ada@example.org"]).dictionary_encode()
    tally = _tally(values)
    assert tally.of("email").sound == 2
    assert tally.of("email").first_rows == (0, 3)
    assert (tally.rows, tally.nonnull) == (4, 3)


def test_a_dictionary_with_repeated_and_null_entries_is_read() -> None:
    entries = pa.array(["ada@example.org", None, "ada@example.org", " "])
    values = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3, None]), entries)
    assert _tally(values).of("email").sound == 2
    assert _tally(values).nonnull == 2


def test_repeating_values_give_the_same_tally_as_distinct_ones() -> None:
    repeated = _tally(pa.array(["ada@example.org"] * 50 + ["x"] * 50))
    assert (repeated.of("email").sound, repeated.nonnull) == (50, 100)
    assert repeated.lengths == Lengths(100, 50 * 15 + 50, 1, 15)


def test_nested_structs_lists_and_maps_are_descended_into() -> None:
    user = {"user": {"mail": "ada@example.org"}, "tags": ["x", "bob@example.org"]}
    kind = pa.struct(
        [("user", pa.struct([("mail", pa.string())])), ("tags", pa.list_(pa.string()))]
    )
    maps = pa.array([[("k", "eve@example.org")], None], pa.map_(pa.string(), pa.string()))
    batch = pa.record_batch([pa.array([user, None], kind), maps], names=["p", "m"])
    tallies = scan_batch(batch)
    assert list(tallies) == ["p.user.mail", "p.tags", "m.key", "m.value"]
    assert [tallies[name].of("email").sound for name in tallies] == [1, 1, 0, 1]
    assert tallies["p.tags"].nonnull == 1


def test_a_row_of_a_list_counts_once() -> None:
    tally = _tally(pa.array([["ada@example.org", "bob@example.org"], []]))
    assert (tally.of("email").sound, tally.nonnull, tally.rows) == (1, 1, 2)


def test_binary_is_decoded_where_it_is_utf_8() -> None:
    tally = _tally(pa.array([b"ada@example.org", b"\xff\xfe", None]))
    assert (tally.of("email").sound, tally.unread, tally.nonnull) == (1, 1, 1)


def test_views_and_large_strings_are_read() -> None:
    for kind in (pa.string_view(), pa.large_string(), pa.large_binary()):
        assert _tally(pa.array(["ada@example.org"]).cast(kind)).of("email").sound == 1


def test_a_slice_of_a_column_is_read_where_it_starts() -> None:
    values = pa.array(["219-09-9999", "x", "ada@example.org", "219-09-9999"]).slice(1, 2)
    tally = _tally(values)
    assert (tally.of("email").sound, tally.of("ssn").sound) == (1, 0)
    assert tally.nonnull == 2


def test_numbers_are_judged_by_range_and_check_digit() -> None:
    assert _tally(pa.array([34, 150, None, -1]), "age").of("age").sound == 1
    assert _tally(pa.array([219_09_9999, 5]), "ssn").of("ssn").sound == 1
    assert _tally(pa.array([4111111111111111, 4111111111111112])).of("credit_card").sound == 1
    assert _tally(pa.array([Decimal("12.50")]), "amount").of("amount").sound == 1


def test_leading_zeros_that_a_number_lost_are_put_back() -> None:
    assert _tally(pa.array([78_00_1120]), "ssn").of("ssn").sound == 0
    assert _tally(pa.array([78_05_1120]), "ssn").of("ssn").sound == 1


def test_nan_is_no_value() -> None:
    tally = _tally(pa.array([34.0, float("nan"), float("inf"), 34.5]), "age")
    assert (tally.nonnull, tally.of("age").sound) == (3, 1)


def test_date_columns_are_read_under_a_header_of_birth_only() -> None:
    days = pa.array([dt.date(1984, 2, 29), None])
    stamps = pa.array([dt.datetime(1984, 2, 29)])  # noqa: DTZ001 - a column without a zone
    assert _tally(days, "dob").of("date_of_birth").sound == 1
    assert _tally(stamps, "dob").of("date_of_birth").sound == 1
    assert _tally(days, "created").entities == {}


def test_types_without_text_are_counted_as_unread() -> None:
    union = pa.UnionArray.from_sparse(
        pa.array([0, 1], pa.int8()), [pa.array(["a", "b"]), pa.array([1, 2])]
    )
    assert _tally(union).unread == 2


def test_booleans_durations_and_nulls_are_counted_and_none() -> None:
    for values in (pa.array([True, None]), pa.array([dt.timedelta(1), None]), pa.nulls(2)):
        tally = _tally(values, "email")
        assert (tally.rows, tally.entities) == (2, {})


def test_texts_that_stand_for_no_value_are_none() -> None:
    assert _tally(pa.array(["NULL", "n/a", " ", "NaN", "x"])).nonnull == 1


def test_no_rows_and_no_columns_are_fine() -> None:
    assert _tally(pa.array([], pa.string())) == Tally()
    assert scan_batch(pa.RecordBatch.from_pylist([], schema=pa.schema([]))) == {}
