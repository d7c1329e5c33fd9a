"""The same value has the same pseudonym, in one domain and under one key only."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.crypto.pseudonym import pseudonym

KEY = bytes(range(32))


def test_is_hmac_over_domain_and_value() -> None:
    expected = hmac.new(KEY, b"actor\0mia", hashlib.sha256).hexdigest()[:32]
    assert pseudonym(KEY, "actor", "mia") == f"actor:{expected}"


@given(value=st.text(st.characters(codec="utf-8")), other=st.text(st.characters(codec="utf-8")))
def test_same_for_the_same_value_only(value: str, other: str) -> None:
    same = pseudonym(KEY, "actor", value) == pseudonym(KEY, "actor", other)
    assert same == (value == other)


def test_domains_and_keys_keep_apart() -> None:
    found = {
        pseudonym(key, domain, "mia").partition(":")[2]
        for key in (KEY, bytes(32))
        for domain in ("actor", "subject")
    }
    assert len(found) == 4


@pytest.mark.parametrize("length", [0, 16, 31])
def test_short_keys_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        pseudonym(bytes(length), "actor", "mia")
