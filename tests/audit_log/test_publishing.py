"""Witnesses are asked beside the writer: one that is slow, or down, does not hold up appends."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assay.audit_log.log import Limits
from assay.audit_log.notes import cosign
from assay.audit_log.opening import open_sqlite_log
from assay.errors import TooFewWitnesses
from assay.vocabulary import Checkpoint
from tests.audit_log.conftest import KEY, SIGNER, event

QUICK = Limits(publish_seconds=0.01)


class SlowWitness:
    """Cosigns when it is let."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let = threading.Event()

    def __call__(self, checkpoint: Checkpoint) -> Sequence[str]:
        self.asked.set()
        assert self.let.wait(20)
        return [cosign(checkpoint.note, "witness.example/slow", KEY, 1_000)]


def test_appends_go_on_while_a_witness_is_asked(tmp_path: Path) -> None:
    witness = SlowWitness()
    with open_sqlite_log(tmp_path, replace(SIGNER, cosigners=witness), limits=QUICK) as log:
        log.append(event(0)).sequenced(10)
        assert witness.asked.wait(10)
        assert log.append(event(1)).sequenced(10) == (1,)
        with pytest.raises(TimeoutError):
            log.append(event(2)).published(0.05)
        witness.let.set()
        checkpoint = log.append(event(3)).published(10)
    assert checkpoint.size == 4
    assert "witness.example/slow" in checkpoint.note


def test_closing_waits_for_the_witness_of_the_last_entry(tmp_path: Path) -> None:
    witness = SlowWitness()
    log = open_sqlite_log(tmp_path, replace(SIGNER, cosigners=witness), limits=QUICK)
    log.append(event(0)).sequenced(10)
    assert witness.asked.wait(10)
    log.append(event(1)).sequenced(10)
    witness.let.set()
    closed = log.close()
    assert closed.checkpoint is not None
    assert closed.checkpoint.size == 2


def test_too_few_witnesses_are_told_and_asked_again(tmp_path: Path) -> None:
    down = threading.Event()

    def cosigners(checkpoint: Checkpoint) -> Sequence[str]:
        if not down.is_set():
            raise TooFewWitnesses("0 of 1 witnesses answered.")
        return [cosign(checkpoint.note, "witness.example/one", KEY, 1_000)]

    with open_sqlite_log(tmp_path, replace(SIGNER, cosigners=cosigners), limits=QUICK) as log:
        ticket = log.append(event(0))
        with pytest.raises(TooFewWitnesses):
            ticket.published(10)
        assert ticket.sequenced(0) == (0,)
        down.set()
        assert ticket.published(10).size == 1
