"""Signed notes and checkpoints: the example of the specification, and what must be refused."""

from __future__ import annotations

import pytest

from assay.audit_log.checkpoint import open_checkpoint, sign_checkpoint
from assay.audit_log.merkle import leaf_hash
from assay.audit_log.notes import VerifierKey, open_note, parse_verifier_key, sign_note
from assay.crypto.signing import SigningKey
from assay.errors import BadNote

KEY = SigningKey(bytes(range(32)))
ORIGIN = "example.com/behind-the-sofa"
VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)
NOTE = sign_note("This is a note.\n\nWith an empty line in it.\n", ORIGIN, KEY)

# transparency-dev/tessera, testdata/log: a key of a log that nobody here made.
FOREIGN_KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


def test_a_note_opens_to_its_text() -> None:
    assert open_note(NOTE, VERIFIER) == "This is a note.\n\nWith an empty line in it.\n"


def test_a_foreign_verifier_key_is_read_and_written_alike() -> None:
    assert str(parse_verifier_key(FOREIGN_KEY)) == FOREIGN_KEY


def test_our_verifier_key_survives_its_text() -> None:
    assert parse_verifier_key(str(VERIFIER)) == VERIFIER


def test_every_changed_byte_of_a_note_is_refused() -> None:
    raw = NOTE.encode()
    for at in range(len(raw)):
        changed = (raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).decode("utf-8", "replace")
        with pytest.raises(BadNote):
            open_note(changed, VERIFIER)


def test_a_note_that_only_a_stranger_signed_is_refused() -> None:
    stranger = VerifierKey(ORIGIN, SigningKey(b"\x07" * 32).public_bytes)
    with pytest.raises(BadNote, match="No key that is known here"):
        open_note(NOTE, stranger)


def test_a_strangers_signature_beside_ours_is_ignored() -> None:
    other = sign_note("x\n", "other", SigningKey(b"\x07" * 32))
    line = other.split("\n\n")[1]
    assert open_note(NOTE + line, VERIFIER).startswith("This is a note.")


@pytest.mark.parametrize(
    "text", ["no line feed", "a tab\tin it\n", "a null \x00\n"], ids=["end", "tab", "null"]
)
def test_a_text_that_is_no_note_is_not_signed(text: str) -> None:
    with pytest.raises(BadNote):
        sign_note(text, ORIGIN, KEY)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b"])
def test_a_name_with_space_or_plus_is_refused(name: str) -> None:
    with pytest.raises(BadNote, match="cannot name a key"):
        sign_note("x\n", name, KEY)


@pytest.mark.parametrize(
    "text",
    ["", "a+b", "a+00000000+%%%", "a+00000000+AQID", FOREIGN_KEY.replace("33d7b496", "33d7b497")],
)
def test_a_malformed_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        parse_verifier_key(text)


def test_a_checkpoint_survives_its_note() -> None:
    checkpoint = sign_checkpoint(ORIGIN, 7, leaf_hash(b"root"), KEY)
    assert open_checkpoint(checkpoint.note, VERIFIER) == checkpoint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{ORIGIN}\n7\n", "fewer than three lines"),
        ("elsewhere\n7\nAAAA\n", "not of"),
        (f"{ORIGIN}\n07\nAAAA\n", "not a decimal"),
        (f"{ORIGIN}\n-1\nAAAA\n", "not a decimal"),
        (f"{ORIGIN}\n7\n!!!!\n", "not base64"),
        (f"{ORIGIN}\n7\nAAAA\n", "not a SHA-256 hash"),
    ],
)
def test_a_signed_note_that_is_no_checkpoint_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadNote, match=why):
        open_checkpoint(sign_note(text, ORIGIN, KEY), VERIFIER)
