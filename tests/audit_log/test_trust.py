"""A verifier's policy: whose signatures make a checkpoint believed, and whose do not."""

from __future__ import annotations

import pytest

from assay.audit_log.notes import KeyType, VerifierKey, cosign, cosigner_key, with_signatures
from assay.audit_log.trust import Trust, parse_trust, trusted_checkpoint
from assay.crypto.signing import MlDsa44Key, SigningKey
from assay.errors import BadNote, BadTrust, NotTrusted
from tests.audit_log.in_memory import (
    AT,
    BESIDE_VERIFIER,
    KEY,
    ORIGIN,
    OTHER_WITNESS,
    OTHER_WITNESS_VERIFIER,
    TRUST,
    VERIFIER,
    WITNESS,
    WITNESS_VERIFIER,
    log_of,
)

NOTE = log_of(5).published[0]
ONE = cosign(NOTE, WITNESS_VERIFIER.name, WITNESS, AT)
TWO = cosign(NOTE, OTHER_WITNESS_VERIFIER.name, OTHER_WITNESS, AT + 60)
BOTH = with_signatures(NOTE, [ONE, TWO])
WITNESSES = (WITNESS_VERIFIER, OTHER_WITNESS_VERIFIER)
TWO_OF_TWO = Trust((VERIFIER, BESIDE_VERIFIER), WITNESSES, 2)


def test_the_logs_own_keys_are_enough_without_a_quorum() -> None:
    trusted = trusted_checkpoint(NOTE, TRUST)
    assert trusted.checkpoint.size == 5
    assert trusted.witnesses == ()
    assert (trusted.oldest_at, trusted.newest_at) == (None, None)


def test_the_witnesses_and_their_times() -> None:
    trusted = trusted_checkpoint(BOTH, TWO_OF_TWO, now=AT + 60)
    assert [c.witness for c in trusted.witnesses] == [k.name for k in WITNESSES]
    assert (trusted.oldest_at, trusted.newest_at) == (AT, AT + 60)


@pytest.mark.parametrize("lines", [[], [ONE], [TWO], [ONE, cosign(NOTE, "w3", WITNESS, AT)]])
def test_too_few_witnesses(lines: list[str]) -> None:
    with pytest.raises(NotTrusted, match="of the 2 witnesses that are needed") as caught:
        trusted_checkpoint(with_signatures(NOTE, lines), TWO_OF_TWO)
    assert caught.value.next_step


def test_one_of_two_is_enough_for_a_quorum_of_one() -> None:
    trust = Trust(TRUST.log_keys, WITNESSES, 1)
    for line in (ONE, TWO):
        assert len(trusted_checkpoint(with_signatures(NOTE, [line]), trust).witnesses) == 1


def test_a_witness_with_two_keys_counts_once() -> None:
    name, second = WITNESS_VERIFIER.name, MlDsa44Key(b"\x05" * 32)
    witnesses = (*WITNESSES, cosigner_key(name, second))
    note = with_signatures(NOTE, [ONE, cosign(NOTE, name, second, AT + 1)])
    with pytest.raises(NotTrusted, match="1 of the 2 witnesses"):
        trusted_checkpoint(note, Trust(TRUST.log_keys, witnesses, 2))
    trusted = trusted_checkpoint(note, Trust(TRUST.log_keys, witnesses, 1))
    assert [(c.witness, c.at) for c in trusted.witnesses] == [(name, AT + 1)]


@pytest.mark.parametrize("at", [1, 1_577_836_799, AT + 301, 4_102_444_801, 2**63 - 1])
def test_a_time_that_cannot_be_does_not_count(at: int) -> None:
    note = with_signatures(NOTE, [cosign(NOTE, WITNESS_VERIFIER.name, WITNESS, at)])
    with pytest.raises(NotTrusted, match="0 of the 1 witnesses"):
        trusted_checkpoint(note, Trust((VERIFIER,), WITNESSES, 1), now=AT)


def test_a_clock_that_is_a_little_behind_is_forgiven() -> None:
    trust = Trust((VERIFIER,), WITNESSES, 1)
    note = with_signatures(NOTE, [ONE])
    assert trusted_checkpoint(note, trust, now=AT - 300).newest_at == AT
    with pytest.raises(NotTrusted):
        trusted_checkpoint(note, trust, now=AT - 301)


def test_a_witness_whose_signature_is_wrong_spoils_the_note() -> None:
    other = cosign(log_of(6).published[0], WITNESS_VERIFIER.name, WITNESS, AT)
    with pytest.raises(BadNote, match="does not hold"):
        trusted_checkpoint(with_signatures(NOTE, [other]), TWO_OF_TWO)


def test_every_named_key_of_the_log_must_have_signed() -> None:
    log = log_of(5)
    note = log.publish(beside=None)
    assert trusted_checkpoint(note, Trust((VERIFIER,))).checkpoint.size == 5
    with pytest.raises(NotTrusted, match="The log's ML-DSA-44 key did not sign"):
        trusted_checkpoint(note, TRUST)
    text, _, lines = NOTE.partition("\n\n")
    only_beside = f"{text}\n\n{lines.splitlines()[1]}\n"
    with pytest.raises(NotTrusted, match="The log's Ed25519 key did not sign"):
        trusted_checkpoint(only_beside, TRUST)


def test_witnesses_do_not_replace_the_log() -> None:
    """Whoever has all the witnesses, but not the log's key, cannot speak for the log."""
    stranger = SigningKey(b"\x09" * 32)
    trust = Trust((VerifierKey(ORIGIN, stranger.public_bytes),), WITNESSES, 2)
    with pytest.raises(NotTrusted, match="Ed25519 key did not sign"):
        trusted_checkpoint(BOTH, trust)


def test_a_note_of_another_log_is_refused() -> None:
    other = VerifierKey("elsewhere", KEY.public_bytes)
    with pytest.raises(BadNote, match="No key that is known"):
        trusted_checkpoint(NOTE, Trust((other,)))


@pytest.mark.parametrize("trust", [TRUST, TWO_OF_TWO, Trust((VERIFIER,), WITNESSES, 0)])
def test_a_policy_survives_its_text(trust: Trust) -> None:
    assert parse_trust(str(trust)) == trust
    assert parse_trust(f"# ours\n\n  {str(trust).strip()}  \n#") == trust


SECOND = VerifierKey(ORIGIN, bytes(32))
AS_COSIGNER = cosigner_key(ORIGIN, KEY)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no Ed25519 key of the log"),
        ("log\n", "Line 1 of the policy"),
        (f"log {BESIDE_VERIFIER}\n", "no Ed25519 key of the log"),
        (f"log {VERIFIER}\nlog {SECOND}\n", "two keys of one type"),
        (f"log {VERIFIER}\nlog elsewhere{str(VERIFIER)[len(ORIGIN) :]}\n", "Line 2 of the policy"),
        (f"log {VERIFIER}\nlog {AS_COSIGNER}\n", "not with 0x04"),
        (f"log {VERIFIER}\nwitness {AS_COSIGNER}\nquorum 1\n", "cannot witness itself"),
        (f"log {VERIFIER}\nwitness {SECOND}\nquorum 1\n", "does not cosign"),
        (f"log {VERIFIER}\nwitness {WITNESS_VERIFIER}\n", "how many of them"),
        (f"log {VERIFIER}\nwitness {WITNESS_VERIFIER}\nquorum 2\n", "1 witnesses are named"),
        (f"log {VERIFIER}\nquorum 1\n", "0 witnesses are named"),
        (f"log {VERIFIER}\nquorum 0\nquorum 0\n", "Line 3 of the policy"),
        (f"log {VERIFIER}\nquorum -1\n", "not a number"),
        (f"log {VERIFIER}\nquorum \n", "not a number"),
        (f"log {VERIFIER}\nquorum 9999\n", "not a number"),
        (f"log {VERIFIER}\ntrust everyone\n", "Line 2 of the policy"),
        (f"log {VERIFIER}\n" + f"witness {WITNESS_VERIFIER}\n" * 2 + "quorum 1\n", "twice"),
        (f"log {VERIFIER}\n" + "#" * 1_000_000, "a million characters"),
    ],
    ids=range(18),
)
def test_a_policy_that_cannot_be_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadTrust, match=why):
        parse_trust(text)


def test_a_policy_with_keys_of_two_logs_is_refused() -> None:
    other = VerifierKey("elsewhere", bytes(1312), KeyType.ML_DSA_44_COSIGNATURE)
    with pytest.raises(BadTrust, match="two logs"):
        Trust((VERIFIER, other))
