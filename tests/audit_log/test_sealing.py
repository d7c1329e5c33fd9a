"""Erasing a person's detail leaves the log as it is: same bytes, same root, one field unreadable."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.audit_log.entry import entry_bytes, event_of, new_event
from assay.audit_log.merkle import leaf_hash, root_of
from assay.audit_log.sealing import Erased, Opened, opened, sealed, subjects_of, token
from assay.canonical import canonical_bytes
from assay.crypto.subject_keys import SubjectKeys
from assay.errors import (
    AssayError,
    BadEvent,
    BadInput,
    KeyDestroyed,
    KeyMissing,
    LogDamaged,
    Tampered,
    Truncated,
    UnsupportedSuite,
    WrongKey,
)
from assay.vocabulary import Event, Target, TargetKind
from tests.crypto.scenes import EVA, MIA, NOON, TOM, store

MAIL, PHONE = "mia.muster@example.com", "+41 44 123 45 67"
TOKEN_KEY = bytes(range(32))


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[SubjectKeys]:
    with store(tmp_path / "keys") as opened_store:
        yield opened_store


def event(number: int = 1, **detail: Any) -> Event:
    return new_event(
        "data_access",
        occurred_at=NOON,
        actor="actor:000102030405060708090a0b0c0d0e0f",
        action="answered a request",
        target=Target(TargetKind.DATASET, "patients"),
        detail=detail,
        event_id=f"event {number}",
    )


def kept(value: Event) -> Event:
    """The event as a reader of the log gets it."""
    return event_of(entry_bytes(value))


def test_a_sealed_event_opens_again(keys: SubjectKeys) -> None:
    written = sealed(event(rows=3), {"email": (MIA, MAIL), "phone": (TOM, PHONE)}, keys)
    found = opened(kept(written), keys)

    assert found.detail == {"rows": 3, "email": MAIL, "phone": PHONE}
    assert found.erased == ()
    assert subjects_of(kept(written)) == {MIA, TOM}
    assert replace(found.event, detail={}) == replace(event(), detail={})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
        max_leaves=8,
    )
)
def test_any_value_survives(keys: SubjectKeys, value: Any) -> None:
    written = sealed(event(), {"answer": (MIA, value)}, keys)
    assert opened(kept(written), keys).values == {"answer": value}


def test_nothing_personal_is_in_the_entry(keys: SubjectKeys) -> None:
    written = sealed(
        event(),
        {"email": (MIA, MAIL), "phone": (MIA, PHONE)},
        keys,
        searchable=["email"],
        token_key=TOKEN_KEY,
    )
    data = entry_bytes(written)
    for part in (MAIL, PHONE, "mia", "44 123", TOKEN_KEY.hex()):
        assert part.encode() not in data


def test_erasing_one_person_leaves_the_tree_and_the_other(keys: SubjectKeys) -> None:
    written = [
        entry_bytes(sealed(event(n), {"email": (MIA, MAIL), "phone": (TOM, PHONE)}, keys))
        for n in range(5)
    ]
    root = root_of([leaf_hash(data) for data in written])
    keys.destroy(MIA)

    for data in written:
        found = opened(event_of(data), keys)
        assert found.values == {"phone": PHONE}
        assert [(gone.field, gone.subject) for gone in found.erased] == [("email", MIA)]
        assert "destroyed at 2026-11-22T12:00:00" in found.erased[0].why
        assert found.detail["phone"] == PHONE
        assert found.detail["erased"] == {"email": {"subject": MIA, "why": found.erased[0].why}}
    assert root_of([leaf_hash(data) for data in written]) == root


def test_nothing_readable_stays_after_erasure(tmp_path: Path, keys: SubjectKeys) -> None:
    """Neither the plain text nor the key, in the entry or in any file of the key store."""
    written = entry_bytes(sealed(event(), {"email": (MIA, MAIL)}, keys))
    (tmp_path / "entry").write_bytes(written)
    secret = keys.key_for(MIA).unsafe_secret()
    keys.destroy(MIA)
    keys.close()

    everything = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert written in everything
    for trace in (MAIL.encode(), secret, secret.hex().encode()):
        assert trace not in everything


def test_nothing_is_sealed_for_whom_is_erased(keys: SubjectKeys) -> None:
    keys.ensure([MIA])
    keys.destroy(MIA)
    with pytest.raises(KeyDestroyed):
        sealed(event(), {"phone": (TOM, PHONE), "email": (MIA, MAIL)}, keys)


def test_an_event_without_personal_fields_stays_as_it_is(keys: SubjectKeys) -> None:
    assert sealed(event(rows=3), {}, keys) == event(rows=3)
    assert opened(event(rows=3), keys) == Opened(event(rows=3), {})
    assert subjects_of(event(rows=3)) == frozenset()


# What is moved, changed, or opened with other keys


def test_a_field_moved_to_another_event_is_refused(keys: SubjectKeys) -> None:
    moved = replace(sealed(event(1), {"email": (MIA, MAIL)}, keys), id="event 2")
    with pytest.raises(Tampered):
        opened(kept(moved), keys)


def test_fields_that_change_places_are_refused(keys: SubjectKeys) -> None:
    written = sealed(event(), {"email": (MIA, MAIL), "phone": (MIA, PHONE)}, keys)
    fields: Any = written.detail["sealed"]
    swapped = {"email": fields["phone"], "phone": fields["email"]}
    with pytest.raises(Tampered):
        opened(replace(written, detail={"sealed": swapped}), keys)


def test_a_field_readdressed_to_another_subject_is_refused(keys: SubjectKeys) -> None:
    written = sealed(event(), {"email": (MIA, MAIL)}, keys)
    keys.ensure([TOM])
    fields: Any = written.detail["sealed"]
    readdressed = {"email": {**fields["email"], "subject": TOM}}
    with pytest.raises(WrongKey):
        opened(replace(written, detail={"sealed": readdressed}), keys)


def test_every_changed_byte_of_an_entry_is_refused_or_changes_no_value(keys: SubjectKeys) -> None:
    """Nothing opens to another text. (That a byte was changed at all is the tree's to say.)"""
    data = entry_bytes(sealed(event(), {"email": (MIA, MAIL)}, keys))
    refusals = 0
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            found = opened(event_of(changed), keys)
        except AssayError:
            refusals += 1
            continue
        assert found.values in ({}, {"email": MAIL})
    assert refusals > len(data) // 2


def test_a_key_store_that_never_had_the_key(tmp_path: Path, keys: SubjectKeys) -> None:
    written = sealed(event(), {"email": (MIA, MAIL)}, keys)
    with store(tmp_path / "elsewhere") as other:
        with pytest.raises(KeyMissing):
            opened(written, other)
        other.ensure([MIA])
        with pytest.raises(WrongKey):
            opened(written, other)


def test_a_renewed_subject_does_not_get_back_what_was_erased(keys: SubjectKeys) -> None:
    written = sealed(event(), {"email": (MIA, MAIL)}, keys)
    keys.destroy(MIA)
    keys.renew(MIA)
    with pytest.raises(WrongKey):
        opened(written, keys)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ("text", LogDamaged),
        ([], LogDamaged),
        ({"email": None}, Tampered),
        ({"email": {}}, UnsupportedSuite),
        ({"email": {"sealed": 9}}, UnsupportedSuite),
    ],
)
def test_what_is_not_of_the_form_is_named(
    keys: SubjectKeys, fields: Any, error: type[AssayError]
) -> None:
    with pytest.raises(error):
        opened(event(sealed=fields), keys)


def test_a_field_that_is_cut_short_is_named(keys: SubjectKeys) -> None:
    written = sealed(event(), {"email": (MIA, MAIL)}, keys)
    fields: Any = written.detail["sealed"]
    short = {"email": {**fields["email"], "data": fields["email"]["data"][:-4]}}
    with pytest.raises(Truncated):
        opened(replace(written, detail={"sealed": short}), keys)


# What cannot be sealed


@pytest.mark.parametrize(
    "name", ["", "Email", "e-mail", "1st", "a" * 65, "e\n", "sealed", "erased"]
)
def test_a_field_that_cannot_be_called_so(keys: SubjectKeys, name: str) -> None:
    with pytest.raises(BadEvent, match="cannot be called"):
        sealed(event(), {name: (MIA, MAIL)}, keys)
    assert len(keys) == 0


@pytest.mark.parametrize("taken", ["email", "sealed", "tokens"])
def test_a_field_that_is_there_in_clear(keys: SubjectKeys, taken: str) -> None:
    with pytest.raises(BadEvent, match=f"has {taken} in its clear detail"):
        sealed(event(**{taken: MAIL}), {"email": (MIA, MAIL)}, keys)


def test_sealing_twice_is_refused(keys: SubjectKeys) -> None:
    with pytest.raises(BadEvent, match="sealed"):
        sealed(sealed(event(), {"email": (MIA, MAIL)}, keys), {"phone": (MIA, PHONE)}, keys)


def test_a_value_that_is_not_json_is_not_shown(keys: SubjectKeys) -> None:
    with pytest.raises(BadInput) as caught:
        sealed(event(), {"email": (MIA, {MAIL: float("nan")})}, keys)
    assert MAIL not in "".join(traceback.format_exception(caught.value))


def test_a_name_instead_of_a_subject_is_not_repeated(keys: SubjectKeys) -> None:
    with pytest.raises(BadInput) as caught:
        sealed(event(), {"email": ("Mia Muster", MAIL)}, keys)
    assert "Muster" not in str(caught.value)


def test_opened_values_are_not_in_the_repr(
    keys: SubjectKeys, caplog: pytest.LogCaptureFixture
) -> None:
    found = opened(sealed(event(), {"email": (MIA, MAIL)}, keys), keys)
    with caplog.at_level(logging.INFO):
        logging.getLogger(__name__).info("opened %r %s", found, found)
    assert found.values == {"email": MAIL}
    assert MAIL not in caplog.text
    assert repr(Erased("email", MIA, "why")) in repr(
        replace(found, erased=(Erased("email", MIA, "why"),))
    )


# Tokens


def test_a_searchable_field_is_found_by_its_exact_value(keys: SubjectKeys) -> None:
    written = sealed(
        event(),
        {"email": (MIA, MAIL), "phone": (EVA, PHONE)},
        keys,
        searchable={"email"},
        token_key=TOKEN_KEY,
    )
    assert kept(written).detail["tokens"] == {"email": token(TOKEN_KEY, "email", MAIL)}


def test_a_token_is_what_the_format_says() -> None:
    import hashlib
    import hmac

    said = b'assay search token v1\x00email\x00"mia.muster@example.com"'
    assert canonical_bytes(MAIL) in said
    expected = hmac.new(TOKEN_KEY, said, hashlib.sha256).hexdigest()[:32]
    assert token(TOKEN_KEY, "email", MAIL) == f"token:{expected}"


def test_fields_keys_and_values_have_tokens_of_their_own() -> None:
    tokens = {
        token(key, name, value)
        for key in (TOKEN_KEY, bytes(32))
        for name in ("email", "phone")
        for value in (MAIL, MAIL.upper(), [MAIL], {"a": MAIL})
    }
    assert len(tokens) == 16


def test_tokens_without_a_key_are_refused(keys: SubjectKeys) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        sealed(event(), {"email": (MIA, MAIL)}, keys, searchable=["email"])
    with pytest.raises(ValueError, match="32 bytes"):
        token(bytes(31), "email", MAIL)


def test_a_searchable_field_must_be_sealed(keys: SubjectKeys) -> None:
    with pytest.raises(BadEvent, match="does not seal"):
        sealed(event(), {"email": (MIA, MAIL)}, keys, searchable=["x"], token_key=TOKEN_KEY)
    with pytest.raises(BadEvent, match="does not seal"):
        sealed(event(), {}, keys, searchable=["x"], token_key=TOKEN_KEY)


def test_a_value_without_canonical_json_has_no_token() -> None:
    with pytest.raises(BadInput, match="no token") as caught:
        token(TOKEN_KEY, "account", 2**60 + 1)
    assert str(2**60 + 1) not in "".join(traceback.format_exception(caught.value))
