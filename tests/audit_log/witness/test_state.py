"""What a witness remembers survives whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from assay.audit_log.witness.state import DATABASE, Seen, WitnessState
from assay.errors import LogBusy, LogDamaged
from tests.audit_log.in_memory import AT, ORIGIN
from tests.audit_log.witness.asking import (
    body,
    cosigned_at,
    make_witness,
    post,
    serving,
    witness_in,
)
from tests.audit_log.witness.test_protocol import FORKED, grown, note_of
from tests.docs.pages import ROOT
from tests.workspaces import clean_environment

ONE, TWO = Seen(1, b"r" * 32, "note one"), Seen(2, b"s" * 32, "note two")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    WitnessState.begin(tmp_path)
    return tmp_path


def test_it_remembers_when_it_is_opened_again(folder: Path) -> None:
    with WitnessState(folder) as state, state.deciding("a") as decision:
        assert decision.last is None
        decision.keep(ONE)
        decision.keep(TWO)
    with WitnessState(folder) as state:
        with state.deciding("a") as decision:
            assert decision.last == TWO
        with state.deciding("b") as decision:
            assert decision.last is None


def test_a_decision_that_fails_leaves_nothing(folder: Path) -> None:
    with WitnessState(folder) as state:
        with pytest.raises(AttributeError):
            _keep(state, ONE, None)
        with state.deciding("a") as decision:
            assert decision.last is None


def _keep(state: WitnessState, *seen: Any) -> None:
    with state.deciding("a") as decision:
        for one in seen:
            decision.keep(one)


def test_every_commit_is_synced(folder: Path) -> None:
    with WitnessState(folder) as state:
        assert state._db.pragma("synchronous") == 3
        assert state._db.pragma("journal_mode") == "delete"


def test_a_record_that_is_gone_is_not_begun_anew(folder: Path) -> None:
    (folder / DATABASE).unlink()
    with pytest.raises(LogDamaged, match="nobody knows what it cosigned"):
        WitnessState(folder)
    assert not (folder / DATABASE).exists()


@pytest.mark.parametrize("data", [b"", b"garbage" * 1000], ids=["empty", "garbage"])
def test_what_is_no_record_is_refused(folder: Path, data: bytes) -> None:
    (folder / DATABASE).write_bytes(data)
    with pytest.raises(LogDamaged):
        WitnessState(folder)


def test_another_version_is_refused(folder: Path) -> None:
    db = apsw.Connection(str(folder / DATABASE))
    db.pragma("user_version", 2)
    db.close()
    with pytest.raises(LogDamaged, match="version 1"):
        WitnessState(folder)


def test_a_record_that_somebody_holds_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.audit_log.witness.state._BUSY_MS", 10)
    with WitnessState(folder) as state:
        other = apsw.Connection(str(folder / DATABASE))
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LogBusy, match="nother program"), state.deciding("a"):
            pytest.fail("decided all the same")
        other.close()


_KILLED = """
import os, signal, sys
from pathlib import Path
from assay.audit_log.witness.keys import WitnessKeys, known_logs, open_keys
from assay.audit_log.witness.state import WitnessState
from assay.audit_log.witness.witness import Witness

class Dying(WitnessKeys):
    def cosign(self, note, at):
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
keys = open_keys(folder)
state = WitnessState(folder)
witness = Witness(Dying(keys.name, keys.key, keys.beside), known_logs(folder), state)
witness.add_checkpoint(sys.stdin.buffer.read(), 1795348800)
"""


def test_killed_between_record_and_answer_it_remembers(tmp_path: Path) -> None:
    folder = make_witness(tmp_path / "w")
    with witness_in(folder) as witness:
        assert witness.add_checkpoint(grown(0, 5), AT).status == 200
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(folder)],
        input=grown(5, 8),
        cwd=ROOT,
        env=clean_environment(),
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with serving(folder) as server:
        # Another history from 5 would be cosigned if the kill had lost the record.
        assert post(server.url, grown(5, 8, FORKED)) == (409, "text/x.tlog.size", "8\n")
        # The log asks again, is told the size, and gets the cosignature that was never sent.
        assert post(server.url, grown(5, 8)) == (409, "text/x.tlog.size", "8\n")
        again = post(server.url, body(8, (), note_of(8)))
        assert cosigned_at(again, folder, note_of(8)) == [AT]


@pytest.mark.long
def test_killed_at_random_it_never_cosigns_two_histories(tmp_path: Path) -> None:
    """A server is killed while it answers; what it had answered is never contradicted."""
    import random
    import time

    rng = random.Random(11)  # noqa: S311 - a plan for a test
    folder = make_witness(tmp_path / "w")
    size = 0
    for _ in range(20):
        child = subprocess.Popen(
            [sys.executable, "-c", _SERVED, str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=clean_environment(),
        )
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        ends = time.monotonic() + rng.random() * 0.2
        try:
            while time.monotonic() < ends:
                wanted = min(size + 1, 39)
                reply = post(url, grown(size, wanted))
                if reply.status == 200:
                    size = wanted
                elif reply.status == 409:
                    assert int(reply.body) >= size
                    size = int(reply.body)
        finally:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            child.stdout.close()
        with witness_in(folder) as witness, witness.state.deciding(ORIGIN) as decision:
            assert size in (0, decision.last.size if decision.last else 0)


_SERVED = """
import sys
from pathlib import Path
from tests.audit_log.witness.asking import witness_in
from assay.audit_log.witness.server import WitnessServer
with witness_in(Path(sys.argv[1])) as witness:
    server = WitnessServer(witness, ("127.0.0.1", 0))
    print(server.url, flush=True)
    server.serve_forever(0.01)
"""
