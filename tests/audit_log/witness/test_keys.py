"""A witness's folder: what is in it, who can read it, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from assay.audit_log.notes import KeyType, VerifierKey, parse_verifier_key
from assay.audit_log.witness.keys import (
    LOGS_FILE,
    VERIFIER_FILE,
    add_logs,
    begin_witness,
    known_logs,
    open_keys,
)
from assay.crypto.signing import SigningKey
from assay.errors import AssayError, BadInput, BadNote, LogDamaged, UnreadableFile
from tests.audit_log.in_memory import BESIDE_VERIFIER, ORIGIN, VERIFIER, WITNESS_VERIFIER
from tests.audit_log.witness.asking import NAME


def test_a_witness_opens_with_the_keys_it_began_with(tmp_path: Path) -> None:
    begun = begin_witness(tmp_path / "w", NAME, ml_dsa_44=True)
    opened = open_keys(tmp_path / "w")
    assert opened.verifiers == begun.verifiers
    assert [key.type for key in opened.verifiers] == [
        KeyType.ED25519_COSIGNATURE,
        KeyType.ML_DSA_44_COSIGNATURE,
    ]
    lines = (tmp_path / "w" / VERIFIER_FILE).read_text().splitlines()
    assert [parse_verifier_key(line) for line in lines] == list(opened.verifiers)


def test_its_secrets_are_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    keys = begin_witness(folder, NAME, ml_dsa_44=True)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("witness.key", "witness-ml-dsa-44.key", "witness.sqlite"):
        assert modes[name] == 0o600
    secret = (folder / "witness.key").read_bytes()
    assert secret != (folder / "witness-ml-dsa-44.key").read_bytes()
    assert secret.hex() not in repr(keys)
    assert repr(secret) not in repr(keys)
    with pytest.raises(TypeError):
        pickle.dumps(keys)


def test_a_second_beginning_is_refused(tmp_path: Path) -> None:
    begin_witness(tmp_path, NAME)
    before = (tmp_path / "witness.key").read_bytes()
    with pytest.raises(BadInput, match="already"):
        begin_witness(tmp_path, NAME)
    (tmp_path / VERIFIER_FILE).unlink()
    with pytest.raises(BadInput, match="already"):
        begin_witness(tmp_path, "witness.example.com/two")
    assert (tmp_path / "witness.key").read_bytes() == before


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\nb", "a\tb", "a\u2028b", "a\0b", "x" * 256, "a\udc80", " a"]
)
def test_a_name_that_names_no_key_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot name a witness"):
        begin_witness(tmp_path / "w", name)
    assert not (tmp_path / "w").exists()


def test_keys_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    begin_witness(tmp_path, NAME)
    (tmp_path / "witness.key").write_bytes(bytes(32))
    with pytest.raises(LogDamaged, match="public halves"):
        open_keys(tmp_path)


@pytest.mark.parametrize("missing", ["witness.key", VERIFIER_FILE])
def test_a_missing_key_is_named(missing: str, tmp_path: Path) -> None:
    begin_witness(tmp_path, NAME)
    (tmp_path / missing).unlink()
    with pytest.raises(UnreadableFile, match=missing):
        open_keys(tmp_path)


@pytest.mark.parametrize("text", ["", "\n", "garbage\n", "\xff"])
def test_a_damaged_key_file_is_named(text: str, tmp_path: Path) -> None:
    begin_witness(tmp_path, NAME)
    (tmp_path / VERIFIER_FILE).write_text(text, "latin-1")
    with pytest.raises((LogDamaged, BadNote)):
        open_keys(tmp_path)


def test_logs_are_added_once(tmp_path: Path) -> None:
    begin_witness(tmp_path, NAME)
    assert known_logs(tmp_path) == {}
    add_logs(tmp_path, [VERIFIER], NAME)
    add_logs(tmp_path, [VERIFIER, BESIDE_VERIFIER], NAME)
    add_logs(tmp_path, [VerifierKey("example.com/b", VERIFIER.public_bytes)], NAME)
    logs = known_logs(tmp_path)
    assert logs[ORIGIN] == (VERIFIER, BESIDE_VERIFIER)
    assert sorted(logs) == ["example.com/b", ORIGIN]
    assert len((tmp_path / LOGS_FILE).read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (VerifierKey(ORIGIN, SigningKey(bytes(32)).public_bytes), "Another key of the log"),
        (WITNESS_VERIFIER, "is a witness's"),
        (VerifierKey(NAME, VERIFIER.public_bytes), "cannot witness itself"),
        (VerifierKey("x" * 256, VERIFIER.public_bytes), "longer than 255 bytes"),
    ],
    ids=["another key", "a witness", "itself", "long name"],
)
def test_a_key_that_cannot_be_a_logs_is_refused(key: VerifierKey, why: str, tmp_path: Path) -> None:
    begin_witness(tmp_path, NAME)
    add_logs(tmp_path, [VERIFIER], NAME)
    with pytest.raises(BadInput, match=why):
        add_logs(tmp_path, [key], NAME)
    assert known_logs(tmp_path) == {ORIGIN: (VERIFIER,)}


def test_a_damaged_list_of_logs_is_refused(tmp_path: Path) -> None:
    begin_witness(tmp_path, NAME)
    for text in ("garbage\n", f"{WITNESS_VERIFIER}\n"):
        (tmp_path / LOGS_FILE).write_text(text)
        with pytest.raises(AssayError):
            known_logs(tmp_path)
