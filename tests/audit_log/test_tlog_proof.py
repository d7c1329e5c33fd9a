"""Proof bundles: their text, what they prove, and every byte that may be wrong in them."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.notes import cosign, with_signatures
from assay.audit_log.tlog_proof import TlogProof, parse_proof, prove, verify_bundle
from assay.audit_log.trust import Trust
from assay.errors import BadNote, BadProof, LogError, NotTrusted
from tests.audit_log.in_memory import (
    AT,
    TRUST,
    VERIFIER,
    WITNESS,
    WITNESS_VERIFIER,
    log_of,
)

LOG = log_of(300)
CHECKPOINT = open_checkpoint(LOG.published[0], VERIFIER)
PROOF = prove(LOG, CHECKPOINT, 17)
TEXT = str(PROOF)
HASH = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize("index", [0, 17, 255, 256, 299])
def test_a_bundle_proves_its_entry(index: int) -> None:
    text = str(prove(LOG, CHECKPOINT, index))
    assert verify_bundle(text, LOG.list[index], TRUST).checkpoint == CHECKPOINT


def test_the_text_is_as_the_format_says() -> None:
    lines = TEXT.split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 17"]
    assert lines[2] == base64.b64encode(PROOF.hashes[0]).decode()
    assert lines[2 + len(PROOF.hashes)] == ""
    assert TEXT.endswith("\n\n" + LOG.published[0])


@pytest.mark.parametrize("extra", [None, b"", b"context", bytes(65_536)])
def test_a_proof_survives_its_text(extra: bytes | None) -> None:
    proof = replace(PROOF, extra=extra)
    assert parse_proof(str(proof)) == proof
    assert verify_bundle(str(proof), LOG.list[17], TRUST)


def test_a_tree_of_one_entry_needs_no_hashes() -> None:
    log = log_of(1)
    proof = prove(log, open_checkpoint(log.published[0], VERIFIER), 0)
    assert proof.hashes == ()
    assert verify_bundle(str(proof), log.list[0], TRUST)


def test_another_entry_or_place_is_not_proven() -> None:
    for entry in (LOG.list[18], LOG.list[17] + b"\n", b""):
        with pytest.raises(BadProof, match="does not show that this is entry 17"):
            verify_bundle(TEXT, entry, TRUST)
    for index in (16, 18, 299, 300, 2**63 - 1):
        with pytest.raises(BadProof):
            verify_bundle(str(replace(PROOF, index=index)), LOG.list[17], TRUST)


def test_surplus_missing_and_swapped_hashes_prove_nothing() -> None:
    hashes = PROOF.hashes
    for wrong in (hashes[:-1], (*hashes, hashes[0]), (hashes[1], hashes[0], *hashes[2:]), ()):
        with pytest.raises(BadProof):
            verify_bundle(str(replace(PROOF, hashes=wrong)), LOG.list[17], TRUST)


def test_every_changed_byte_is_refused() -> None:
    """With a policy that names both keys of the log, no byte of the bundle is without effect."""
    raw = TEXT.encode()
    for at in range(len(raw)):
        for bit in (1, 32):
            changed = raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]
            if at > 1000 and at % 10:  # within the long signature
                continue
            with pytest.raises((BadProof, BadNote)):
                verify_bundle(changed.decode("utf-8", "replace"), LOG.list[17], TRUST)


def test_a_policy_with_witnesses() -> None:
    trust = Trust(TRUST.log_keys, (WITNESS_VERIFIER,), 1)
    with pytest.raises(NotTrusted):
        verify_bundle(TEXT, LOG.list[17], trust)
    line = cosign(PROOF.note, WITNESS_VERIFIER.name, WITNESS, AT)
    cosigned = replace(PROOF, note=with_signatures(PROOF.note, [line]))
    assert verify_bundle(str(cosigned), LOG.list[17], trust, now=AT).newest_at == AT


def test_an_entry_that_the_checkpoint_does_not_cover() -> None:
    with pytest.raises(LogError, match="no entry 300"):
        prove(LOG, CHECKPOINT, 300)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no checkpoint"),
        ("c2sp.org/tlog-proof@v1\nindex 0\n", "no checkpoint"),
        ("c2sp.org/tlog-proof@v2\nindex 0\n\nnote\n", "does not begin with"),
        ("c2sp.org/tlog-proof@v1\n\nnote\n", "does not say the index"),
        ("c2sp.org/tlog-proof@v1\nextra !!\nindex 0\n\nnote\n", "extra data is not base64"),
        ("c2sp.org/tlog-proof@v1\nextra YR==\nindex 0\n\nnote\n", "in its one form"),
        (
            "c2sp.org/tlog-proof@v1\nindex 0\nextra YQ==\n\nnote\n",
            "hash of the proof is not base64",
        ),
        ("c2sp.org/tlog-proof@v1\nindex -1\n\nnote\n", "index is not a decimal"),
        ("c2sp.org/tlog-proof@v1\nindex 01\n\nnote\n", "index is not a decimal"),
        ("c2sp.org/tlog-proof@v1\nindex 9223372036854775808\n\nnote\n", "index is not a decimal"),
        ("c2sp.org/tlog-proof@v1\nindex one\n\nnote\n", "index is not a decimal"),
        ("c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nnote\n", "not 32 bytes"),
        ("c2sp.org/tlog-proof@v1\nindex 0\n!!!!\n\nnote\n", "not base64"),
        (f"c2sp.org/tlog-proof@v1\nindex 0\n{f'{HASH}{chr(10)}' * 64}\nnote\n", "more than 63"),
        (str(TlogProof(0, (), "n", bytes(65_537))), "extra data"),
        ("x" * 1_100_001, "longer than"),
        ("c2sp.org/tlog-proof@v1\nindex 0\n\u00e9\udcff\n\nnote\n", "not base64"),
    ],
    ids=range(17),
)
def test_a_malformed_bundle_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadProof, match=why):
        parse_proof(text)
