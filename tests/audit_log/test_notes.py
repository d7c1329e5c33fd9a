"""Signed notes and checkpoints: the example of the specification, and what must be refused."""

from __future__ import annotations

import base64

import pytest

from assay.audit_log.checkpoint import open_checkpoint, sign_checkpoint
from assay.audit_log.merkle import leaf_hash
from assay.audit_log.notes import (
    KeyType,
    VerifierKey,
    cosign,
    cosigner_key,
    open_note,
    parse_verifier_key,
    sign_note,
    signatures_of,
    split_note,
    with_signatures,
)
from assay.audit_log.signed_messages import TreeHead, ml_dsa_44_message
from assay.crypto.signing import MlDsa44Key, SigningKey
from assay.errors import BadNote

KEY = SigningKey(bytes(range(32)))
ORIGIN = "example.com/behind-the-sofa"
VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)
NOTE = sign_note("This is a note.\n\nWith an empty line in it.\n", ORIGIN, KEY)

ROOT_HASH = base64.b64encode(leaf_hash(b"root")).decode()
AT = 1_795_348_800
CHECKPOINT = sign_checkpoint(ORIGIN, 7, leaf_hash(b"root"), KEY)
COSIGNERS = {
    "ed25519": SigningKey(b"\x01" * 32),
    "ml-dsa-44": MlDsa44Key(b"\x02" * 32),
}
WITNESS = "witness.example.com/w1"

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
    "text",
    ["no line feed", "a tab\tin it\n", "a null \x00\n", "no UTF-8 \udcff\n"],
    ids=["end", "tab", "null", "surrogate"],
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
        (f"elsewhere\n7\n{ROOT_HASH}\n", "not of"),
        (f"{ORIGIN}\n7\n{ROOT_HASH}\n\n", "an empty line"),
        (f"\n7\n{ROOT_HASH}\n", "an empty line"),
        (f"{ORIGIN}\n9223372036854775808\n{ROOT_HASH}\n", "not a decimal"),
        (f"{ORIGIN}\n{'9' * 5000}\n{ROOT_HASH}\n", "not a decimal"),
        (f"{ORIGIN}\n07\nAAAA\n", "not a decimal"),
        (f"{ORIGIN}\n-1\nAAAA\n", "not a decimal"),
        (f"{ORIGIN}\n7\n!!!!\n", "not base64"),
        (f"{ORIGIN}\n7\nAAAA\n", "not a SHA-256 hash"),
    ],
)
def test_a_signed_note_that_is_no_checkpoint_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadNote, match=why):
        open_checkpoint(sign_note(text, ORIGIN, KEY), VERIFIER)


def cosigned(kind: str, at: int = AT) -> str:
    return with_signatures(CHECKPOINT.note, [cosign(CHECKPOINT.note, WITNESS, COSIGNERS[kind], at)])


@pytest.mark.parametrize("kind", COSIGNERS)
def test_a_cosignature_holds_and_has_its_time(kind: str) -> None:
    key = cosigner_key(WITNESS, COSIGNERS[kind])
    found = signatures_of(cosigned(kind), VERIFIER, key)
    assert [(s.key, s.at) for s in found] == [(VERIFIER, None), (key, AT)]
    assert open_checkpoint(cosigned(kind), VERIFIER, key).size == 7


@pytest.mark.parametrize("kind", COSIGNERS)
def test_a_cosigners_key_survives_its_text(kind: str) -> None:
    key = cosigner_key(WITNESS, COSIGNERS[kind])
    assert parse_verifier_key(str(key)) == key


@pytest.mark.parametrize("kind", COSIGNERS)
def test_every_changed_part_of_a_cosigned_checkpoint_is_refused(kind: str) -> None:
    key = cosigner_key(WITNESS, COSIGNERS[kind])
    raw = cosigned(kind).encode()
    for at in range(0, len(raw), 1 if kind == "ed25519" else 5):
        changed = (raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).decode("utf-8", "replace")
        try:
            found = signatures_of(changed, VERIFIER, key)
        except BadNote:
            continue
        assert len(found) == 1, "a name or id that changed makes a stranger's signature of it"


@pytest.mark.parametrize("kind", COSIGNERS)
def test_a_cosignature_is_of_one_checkpoint(kind: str) -> None:
    key = cosigner_key(WITNESS, COSIGNERS[kind])
    line = cosign(CHECKPOINT.note, WITNESS, COSIGNERS[kind], AT)
    for size, root in ((8, b"root"), (7, b"another root")):
        other = sign_checkpoint(ORIGIN, size, leaf_hash(root), KEY)
        with pytest.raises(BadNote, match="does not hold"):
            signatures_of(with_signatures(other.note, [line]), VERIFIER, key)


def test_an_ml_dsa_44_cosignature_is_of_one_name() -> None:
    """The Ed25519 message does not hold the cosigner's name; the ML-DSA-44 message does."""
    key = COSIGNERS["ml-dsa-44"]
    raw = base64.b64decode(cosign(CHECKPOINT.note, WITNESS, key, AT).split(" ")[2])
    other = cosigner_key("another-name", key)
    named = f"— another-name {base64.b64encode(other.key_id + raw[4:]).decode()}\n"
    with pytest.raises(BadNote, match="does not hold"):
        signatures_of(with_signatures(CHECKPOINT.note, [named]), other)


@pytest.mark.parametrize(
    ("kind", "at"),
    [("ed25519", 0), ("ed25519", -1), ("ed25519", 2**63), ("ml-dsa-44", -1), ("ml-dsa-44", 2**63)],
)
def test_a_time_that_cannot_be_is_not_signed(kind: str, at: int) -> None:
    with pytest.raises(BadNote, match="time"):
        cosign(CHECKPOINT.note, WITNESS, COSIGNERS[kind], at)


def test_a_time_beyond_the_limit_is_refused() -> None:
    key = SigningKey(b"\x01" * 32)
    verifier = cosigner_key(WITNESS, key)
    text, _ = split_note(CHECKPOINT.note)
    message = f"cosignature/v1\ntime {2**63}\n{text}".encode()
    raw = verifier.key_id + (2**63).to_bytes(8, "big") + key.sign(message)
    line = f"— {WITNESS} {base64.b64encode(raw).decode()}\n"
    with pytest.raises(BadNote, match="does not hold"):
        signatures_of(CHECKPOINT.note + line, VERIFIER, verifier)


@pytest.mark.parametrize("kind", COSIGNERS)
def test_what_is_no_checkpoint_is_not_cosigned(kind: str) -> None:
    with pytest.raises(BadNote, match="not a checkpoint"):
        cosign(NOTE, WITNESS, COSIGNERS[kind], AT)


def test_a_name_of_256_bytes_is_too_long_for_ml_dsa_44() -> None:
    with pytest.raises(BadNote, match="255 bytes"):
        cosign(CHECKPOINT.note, "n" * 256, COSIGNERS["ml-dsa-44"], AT)


def test_the_ml_dsa_44_message_is_as_it_is_written() -> None:
    """c2sp.org/tlog-cosignature, cosigned_message, byte by byte."""
    head = TreeHead("example.com/log", 20_852_163, b"0123456789abcdef0123456789abcdef")
    expected = (
        b"subtree/v1\n\x00" + b"\x0emirror.test/m1" + bytes.fromhex("00000000641850cb")
        + b"\x0fexample.com/log" + bytes(8) + bytes.fromhex("00000000013e2dc3")
        + b"0123456789abcdef0123456789abcdef"
    )  # fmt: skip
    assert ml_dsa_44_message("mirror.test/m1", 1_679_315_147, head) == expected


def test_a_log_signs_with_both_kinds_of_key() -> None:
    beside = MlDsa44Key(b"\x03" * 32)
    checkpoint = sign_checkpoint(ORIGIN, 7, leaf_hash(b"root"), KEY, beside=beside, at=AT)
    key = VerifierKey(ORIGIN, beside.public_bytes, KeyType.ML_DSA_44_COSIGNATURE)
    assert open_checkpoint(checkpoint.note, VERIFIER) == checkpoint
    assert open_checkpoint(checkpoint.note, key) == checkpoint
    assert [s.at for s in signatures_of(checkpoint.note, VERIFIER, key)] == [None, AT]


def test_sixteen_signatures_of_strangers_are_accepted_and_101_are_not() -> None:
    lines = [
        cosign(CHECKPOINT.note, f"witness{n}", MlDsa44Key(bytes([n]) * 32), AT) for n in range(16)
    ]
    assert open_note(with_signatures(CHECKPOINT.note, lines), VERIFIER)
    lines = [
        cosign(CHECKPOINT.note, f"witness{n}", SigningKey(bytes([n]) * 32), AT) for n in range(100)
    ]
    with pytest.raises(BadNote, match="more than 100"):
        with_signatures(CHECKPOINT.note, lines)


def test_a_signature_is_added_once() -> None:
    line = cosign(CHECKPOINT.note, WITNESS, COSIGNERS["ed25519"], AT)
    once = with_signatures(CHECKPOINT.note, [line, line])
    assert once == CHECKPOINT.note + line == with_signatures(once, [line])


@pytest.mark.parametrize(
    "line",
    ["", "\n", "— a AAAAAAA=", "— a AAAAAAA=\n\n", "- a AAAAAAA=\n", "— a AAAA\n", "— a+b AAAAAAA=\n",
     "—  AAAAAAA=\n", "— a AAAAAAB=\n", "— a !!!!\n", "— a\u2003b AAAAAAA=\n", "— a AAAAAAA=\r\n",
     "— a AAAAAAA=\n— b AAAAAAA=\n"],
)  # fmt: skip
def test_a_malformed_signature_line_is_not_added(line: str) -> None:
    with pytest.raises(BadNote):
        with_signatures(CHECKPOINT.note, [line])


@pytest.mark.parametrize(
    "note",
    ["", "\n\n", "text\n", "text\n\n", "text\n\n\n", CHECKPOINT.note[:-1], CHECKPOINT.note + "\n",
     CHECKPOINT.note + "x\n", "\r\n".join(CHECKPOINT.note.split("\n")), "x" * 1_000_001,
     CHECKPOINT.note + "— a AAAA\u2028AAA=\n"],
    ids=range(11),
)  # fmt: skip
def test_a_malformed_note_is_refused(note: str) -> None:
    with pytest.raises(BadNote):
        open_note(note, VERIFIER)


def test_a_key_of_another_type_signed_something_else() -> None:
    """One Ed25519 key as a log's and as a cosigner's has two ids, and neither opens the other's."""
    as_cosigner = cosigner_key(ORIGIN, KEY)
    assert as_cosigner.key_id != VERIFIER.key_id
    with pytest.raises(BadNote, match="No key that is known"):
        open_note(CHECKPOINT.note, as_cosigner)


@pytest.mark.parametrize("type_", [0, 2, 3, 5, 7, 255])
def test_a_verifier_key_of_an_unknown_type_is_refused(type_: int) -> None:
    encoded = base64.b64encode(bytes([type_]) + bytes(32)).decode()
    with pytest.raises(BadNote, match="not an Ed25519 key"):
        parse_verifier_key(f"a+00000000+{encoded}")
