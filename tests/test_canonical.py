"""One value, one byte string: RFC 8785, and what has no JSON form is refused."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from assay.canonical import (
    canonical_bytes,
    digest,
    digest_of,
    file_digest,
    instant,
    observation_from_bytes,
    parse_instant,
    to_json,
)
from assay.errors import BadInput
from assay.vocabulary import Basis, Method, Observation, Severity, Target, TargetKind

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_example_of_the_standard() -> None:
    """RFC 8785, 3.2.2 and 3.2.4."""
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_bytes(value).decode() == expected


def test_keys_are_sorted_by_utf16() -> None:
    """RFC 8785, 3.2.3."""
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    data = canonical_bytes(dict.fromkeys(keys, 0)).decode()
    order = ["\\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert [data.index(f'"{key}"') for key in order] == sorted(
        data.index(f'"{key}"') for key in order
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2.0**52), 2.0**52)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(value=JSON)
def test_reading_back_gives_the_same_bytes(value: Any) -> None:
    import json

    data = canonical_bytes(value)
    assert canonical_bytes(json.loads(data)) == data


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) - 2, 2**53 + 2)
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["\ud800", "\udfff\ud800", "\u0000", "\x7f", "\u2028", "<>&/", "\U0010ffff"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(["\ud800", "a", "\ufb33"]), inner)
    ),
    max_leaves=12,
)
"""JSON, and what only looks like it: numbers beyond what is exact, infinities, halves of pairs."""


@given(value=ANY_JSON)
def test_the_fast_way_writes_what_rfc_8785_says_and_refuses_what_it_refuses(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        with pytest.raises((TypeError, ValueError)):
            canonical_bytes(value)
        assert isinstance(error, ValueError)  # noqa: PT017 - so that callers need to know one kind
        return
    assert canonical_bytes(value) == expected


@pytest.mark.parametrize("depth", [10, 100, 127, 128, 140])
def test_deep_values_are_written_as_shallow_ones(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = {"a": [value]}
    assert canonical_bytes(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, "\ud800"])
def test_values_without_one_form(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_bytes([value])


@pytest.mark.parametrize("value", [object(), {1, 2}, date(2026, 1, 1), datetime(2026, 1, 1)])  # noqa: DTZ001
def test_types_without_json(value: Any) -> None:
    with pytest.raises(TypeError):
        to_json(value)


def test_words_of_the_vocabulary() -> None:
    assert to_json(Severity.HIGH) == "high"
    assert to_json(TargetKind.MODEL) == "model"
    assert to_json((b"\x01", NOON)) == ["01", "2026-11-22T12:00:00.000000Z"]
    assert to_json(Target(TargetKind.MODEL, "m")) == {"kind": "model", "name": "m", "digest": None}


def test_digest_is_sha256() -> None:
    """FIPS 180-4, the digest of nothing."""
    nothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest(b"") == nothing
    assert digest_of({}) == "sha256:" + hashlib.sha256(b"{}").hexdigest()


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_digest_of_a_file(tmp_path: Path, size: int) -> None:
    (tmp_path / "f").write_bytes(b"a" * size)
    assert file_digest(tmp_path / "f") == digest(b"a" * size)


@given(moment=st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_instant_and_back(moment: datetime) -> None:
    assert parse_instant(instant(moment)) == moment


def test_instants_are_told_in_utc() -> None:
    zurich = timezone(timedelta(hours=1))
    assert instant(NOON.astimezone(zurich)) == "2026-11-22T12:00:00.000000Z"
    with pytest.raises(ValueError, match="without a zone"):
        parse_instant("2026-11-22T12:00:00")


OBSERVATION = Observation(
    kind="retention_scan",
    source="readers.retention",
    source_version=1,
    method=Method.EXAMINE,
    target=Target(TargetKind.DATASET, "people", digest(b"")),
    facts={"rows": 5, "share": 0.5, "columns": ["a"]},
    observed_at=NOON,
    expires_at=NOON + timedelta(days=90),
    basis=Basis.MEASURED,
)


def test_observation_and_back() -> None:
    assert observation_from_bytes(canonical_bytes(OBSERVATION)) == OBSERVATION


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        canonical_bytes(OBSERVATION)[:-1],
        canonical_bytes(OBSERVATION).replace(b"EXAMINE", b"GUESS"),
        canonical_bytes(OBSERVATION).replace(b"dataset", b"table"),
        canonical_bytes(OBSERVATION).replace(b"measured", b"believed"),
        canonical_bytes(OBSERVATION).replace(b"2026-11-22T", b"2026-13-22T"),
        canonical_bytes(OBSERVATION).replace(b".000000Z", b".000000"),
    ],
)
def test_bytes_that_are_no_observation(data: bytes) -> None:
    with pytest.raises(BadInput, match="not an observation"):
        observation_from_bytes(data)
