"""A log in SQLite whose checkpoints must be witnessed, and somebody with its database and its key."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.log import AuditLog
from assay.audit_log.merkle import consistency_holds
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.proofs import consistency_proof
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.audit_log.witness.client import Witnesses
from assay.audit_log.witness.client_view import ClientView
from assay.audit_log.witness.keys import open_keys
from assay.errors import NotTrusted, SplitView, TooFewWitnesses
from tests.audit_log.conftest import SIGNER, event
from tests.audit_log.in_memory import VERIFIER
from tests.audit_log.witness.asking import make_witness, serving


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    return make_witness(tmp_path / "witness", logs=[SIGNER.verifier])


def trust_in(witness: Path) -> Trust:
    return Trust((VERIFIER,), open_keys(witness).verifiers, 1)


def open_witnessed(folder: Path, url: str, trust: Trust) -> AuditLog:
    cosigners = Witnesses([url], trust, lambda: SqliteLogReader(folder, SIGNER.verifier))
    return open_sqlite_log(folder, replace(SIGNER, cosigners=cosigners))


def write(log: AuditLog, start: int, end: int) -> None:
    log.append_many([event(number) for number in range(start, end)]).published()


def newest_note(folder: Path) -> str:
    with SqliteLogReader(folder, SIGNER.verifier) as reader:
        note = reader.newest_note()
    assert note is not None
    return note


def test_every_published_checkpoint_is_cosigned(tmp_path: Path, witness: Path) -> None:
    folder, trust = tmp_path / "log", trust_in(witness)
    with serving(witness, now=1_800_000_000 - 4_800_000) as server:
        with open_witnessed(folder, server.url, trust) as log:
            for end in (3, 300, 301):
                write(log, log.size, end)
                seen = trusted_checkpoint(newest_note(folder), trust)
                assert (seen.checkpoint.size, len(seen.witnesses)) == (end, 1)
        # Opened again, it goes on from what the witness says that it cosigned.
        with open_witnessed(folder, server.url, trust) as log:
            write(log, 301, 310)
    assert trusted_checkpoint(newest_note(folder), trust).checkpoint.size == 310


def test_without_its_witness_events_are_durable_but_not_published(
    tmp_path: Path, witness: Path
) -> None:
    folder, trust = tmp_path / "log", trust_in(witness)
    with serving(witness) as server:
        log = open_witnessed(folder, server.url, trust)
        write(log, 0, 3)
    with log:
        ticket = log.append(event(3))
        assert ticket.sequenced() == (3,)
        with pytest.raises(TooFewWitnesses, match="ConnectionRefusedError"):
            ticket.published()
    assert trusted_checkpoint(newest_note(folder), trust).checkpoint.size == 3


def test_whoever_has_database_and_key_cannot_rewrite_what_was_witnessed(
    tmp_path: Path, witness: Path
) -> None:
    folder, forged, trust = tmp_path / "log", tmp_path / "forged", trust_in(witness)
    view = ClientView(tmp_path / "seen")
    with serving(witness) as server:
        with open_witnessed(folder, server.url, trust) as log:
            write(log, 0, 8)
        kept = newest_note(folder)
        with SqliteLogReader(folder, SIGNER.verifier) as reader:
            view.see(kept, trust, reader)

        # Another history, complete and signed with the log's own key. A verifier of the log's key
        # alone believes it.
        with open_sqlite_log(forged, SIGNER) as log:
            write(log, 100, 112)
        note = newest_note(forged)
        assert trusted_checkpoint(note, Trust((VERIFIER,))).checkpoint.size == 12

        # One who asks for the witness does not, and the witness does not cosign it.
        with pytest.raises(NotTrusted):
            trusted_checkpoint(note, trust)
        with (
            open_witnessed(forged, server.url, trust) as log,
            pytest.raises(TooFewWitnesses, match="two histories"),
        ):
            write(log, 112, 113)

    # From the checkpoint that was kept, nothing leads to the forged history.
    old = trusted_checkpoint(kept, trust).checkpoint
    with SqliteLogReader(forged, SIGNER.verifier) as reader:
        tree = reader.tree()
        proof = consistency_proof(reader, old.size, tree.size)
        assert not consistency_holds(old.size, old.root, tree.size, tree.root, proof)
        with pytest.raises(SplitView) as caught:
            view.see(note, Trust((VERIFIER,)), reader)
    assert (caught.value.first, caught.value.second) == (kept, note)


def test_a_log_that_was_set_back_to_a_copy_is_not_witnessed(tmp_path: Path, witness: Path) -> None:
    folder, copy, trust = tmp_path / "log", tmp_path / "copy", trust_in(witness)
    with serving(witness) as server:
        with open_witnessed(folder, server.url, trust) as log:
            write(log, 0, 3)
        shutil.copytree(folder, copy)
        with open_witnessed(folder, server.url, trust) as log:
            write(log, 3, 9)
        with (
            open_witnessed(copy, server.url, trust) as log,
            pytest.raises(
                TooFewWitnesses, match="9 entries, and the log has 4: the log was set back"
            ),
        ):
            write(log, 50, 51)
