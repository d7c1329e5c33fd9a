"""`assay log witness` and `assay log heartbeat`, as they are typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assay.audit_log.heartbeat import heartbeat
from assay.audit_log.notes import parse_verifier_key, with_signatures
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.bootstrap import open_log_for_writing
from assay.settings import read_settings
from assay.vocabulary import Target, TargetKind
from tests.audit_log.in_memory import VERIFIER
from tests.audit_log.witness.asking import NAME, body, cosigned_at, post
from tests.audit_log.witness.certificates import self_signed
from tests.audit_log.witness.test_protocol import FORKED, grown, note_of
from tests.workspaces import ASSAY, Outcome, Workspace, clean_environment, command, make_workspace


@pytest.fixture
def vkey(tmp_path: Path) -> Path:
    path = tmp_path / "log.vkey"
    path.write_text(f"{VERIFIER}\n")
    return path


@pytest.fixture
def folder(tmp_path: Path, vkey: Path) -> Path:
    """A witness that was begun and knows the log."""
    made = run("--init", "--folder", tmp_path / "w", "--name", NAME, "--log", vkey)
    assert made.status == 0, made.err
    return tmp_path / "w"


def run(*arguments: str | Path) -> Outcome:
    return command("log", "witness", *arguments)


@contextmanager
def listening(folder: Path, *arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """A witness in a process of its own, and what it said when it listened."""
    child = subprocess.Popen(
        [*ASSAY, "log", "witness", "--folder", folder, "--listen", "127.0.0.1:0", "--json", "-",
         *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )  # fmt: skip
    try:
        assert child.stdout is not None
        said = ""
        while not said.endswith("\n}\n") and (line := child.stdout.readline()):
            said += line
        yield child, json.loads(said)
    finally:
        child.kill()
        child.communicate()


def test_init_prints_what_verifiers_need(tmp_path: Path, vkey: Path) -> None:
    made = run("--init", "--folder", tmp_path / "w", "--name", NAME, "--ml-dsa", "--log", vkey)
    assert made.status == 0, made.err
    keys = [parse_verifier_key(line) for line in made.out.splitlines()]
    assert [(key.name, int(key.type)) for key in keys] == [(NAME, 4), (NAME, 6)]
    assert (tmp_path / "w" / "witness.vkey").read_text() == made.out
    assert Trust((VERIFIER,), tuple(keys), 1)


def test_it_cosigns_until_it_is_told_to_stop(folder: Path) -> None:
    with listening(folder) as (child, said):
        assert cosigned_at(post(said["url"], grown(0, 5)), folder, note_of(5))[0] > 1_700_000_000
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
        assert child.stderr is not None
        assert child.stderr.read() == ""
    with listening(folder) as (child, said):
        assert post(said["url"], grown(0, 8)).body == "5\n"
        assert post(said["url"], grown(5, 8)).status == 200
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 0


def test_it_speaks_tls(folder: Path, tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    with listening(folder, "--cert", cert, "--key", key, "--prefix", "/w") as (_, said):
        assert said["url"].startswith("https://127.0.0.1:")
        assert said["url"].endswith("/w")


def test_it_answers_a_file_without_a_network(folder: Path, tmp_path: Path) -> None:
    request = tmp_path / "request"
    for old, size in ((0, 5), (5, 9)):
        request.write_bytes(grown(old, size))
        answered = run("--folder", folder, "--answer", request)
        assert answered.status == 0, answered.err
        trust = Trust((VERIFIER,), (parse_verifier_key((folder / "witness.vkey").read_text()),), 1)
        seen = trusted_checkpoint(with_signatures(note_of(size), [answered.out]), trust)
        assert seen.checkpoint.size == size
        # Appending the lines is all that it takes.
        assert trusted_checkpoint(note_of(size) + answered.out, trust) == seen


def test_a_refusal_is_status_1_and_says_why(folder: Path, tmp_path: Path) -> None:
    request = tmp_path / "request"
    request.write_bytes(grown(0, 5))
    assert run("--folder", folder, "--answer", request).status == 0
    for data, why in (
        (grown(0, 8), "Refused (409): 5"),
        (body(5, (), note_of(5, FORKED)), "Refused (409): This witness has cosigned another root"),
        (body(5, (), note_of(8)), "Refused (422)"),
        (b"garbage", "Refused (400)"),
    ):
        request.write_bytes(data)
        refused = run("--folder", folder, "--answer", request)
        assert (refused.status, refused.out) == (1, "")
        assert why in refused.err
    said = json.loads(run("--folder", folder, "--answer", request, "--json", "-").out)
    assert (said["schema"], said["status"]) == (1, 400)


def test_a_log_is_added_later(tmp_path: Path, vkey: Path) -> None:
    folder = tmp_path / "w"
    assert run("--init", "--folder", folder, "--name", NAME).status == 0
    lonely = run("--folder", folder, "--listen", "127.0.0.1:0")
    assert (lonely.status, "knows no log" in lonely.err) == (2, True)
    assert run("--folder", folder, "--log", vkey).status == 0
    request = tmp_path / "request"
    request.write_bytes(grown(0, 5))
    assert run("--folder", folder, "--answer", request).status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        ((), 2, "one at a time"),
        (("--init", "--listen", "127.0.0.1:0"), 2, "one at a time"),
        (("--init",), 2, "own folder"),
        (("--init", "--folder", "{new}"), 2, "needs a name"),
        (("--init", "--folder", "{new}", "--name", "a b"), 2, "cannot name a witness"),
        (("--init", "--folder", "{old}", "--name", NAME), 2, "already"),
        (("--folder", "{old}", "--name", NAME, "--listen", "127.0.0.1:0"), 2, "new witness"),
        (("--folder", "{new}", "--listen", "127.0.0.1:0"), 2, "cannot be read"),
        (("--folder", "{old}", "--listen", "0.0.0.0:0"), 2, "Without TLS"),
        (("--folder", "{old}", "--listen", "example.com"), 2, "not an address"),
        (("--folder", "{old}", "--listen", "127.0.0.1:0", "--cert", "c"), 2, "and its key"),
        (("--folder", "{old}", "--listen", "127.0.0.1:0", "--cert", "c", "--key", "k"), 2, "used"),
        (("--folder", "{old}", "--listen", "127.0.0.1:0", "--prefix", "x"), 2, "path of a URL"),
        (("--folder", "{old}", "--answer", "{new}"), 2, "cannot be read"),
        (("--folder", "{old}", "--log", "{new}"), 2, "cannot be read"),
    ],
)
def test_wrong_use_has_a_name(
    arguments: tuple[str, ...], status: int, why: str, folder: Path, tmp_path: Path
) -> None:
    places = {"new": tmp_path / "new", "old": folder}
    outcome = run(*(argument.format(**places) for argument in arguments))
    assert outcome.status == status, outcome
    assert why in outcome.err
    assert outcome.out == ""


def test_a_witness_that_lost_its_record_does_not_listen(folder: Path) -> None:
    (folder / "witness.sqlite").unlink()
    outcome = run("--folder", folder, "--listen", "127.0.0.1:0")
    assert outcome.status == 3
    assert "new key" in outcome.err


def test_a_workspace_and_a_witness_by_files(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    _append(workspace)
    witness, request = tmp_path / "witness", tmp_path / "request"
    vkey = workspace.state / "log.vkey"
    assert run("--init", "--folder", witness, "--name", NAME, "--log", vkey).status == 0
    old = 0
    for _ in range(3):
        asked = run("--request", str(old), workspace.toml)
        assert asked.status == 0, asked.err
        request.write_text(asked.out)
        answered = run("--folder", witness, "--answer", request)
        assert answered.status == 0, answered.err
        note = (workspace.state / "log.checkpoint").read_text()
        keys = [parse_verifier_key(line) for line in vkey.read_text().splitlines()]
        cosigner = parse_verifier_key((witness / "witness.vkey").read_text())
        seen = trusted_checkpoint(note + answered.out, Trust(tuple(keys), (cosigner,), 1))
        assert seen.checkpoint.size > old
        old = seen.checkpoint.size
        _append(workspace)


def test_a_workspace_asks_the_witness_of_its_settings(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    _append(workspace)
    witness, vkey = tmp_path / "witness", workspace.state / "log.vkey"
    made = run("--init", "--folder", witness, "--name", NAME, "--log", vkey)
    with listening(witness) as (_, said):
        with workspace.toml.open("a") as toml:
            toml.write(
                f'\n[log]\nquorum = 1\n[log.witnesses.one]\nurl = "{said["url"]}"\n'
                f'key = "{made.out.strip()}"\n'
            )
        _append(workspace)
        keys = [parse_verifier_key(line) for line in vkey.read_text().splitlines()]
        trust = Trust(tuple(keys), (parse_verifier_key(made.out),), 1)
        note = (workspace.state / "log.checkpoint").read_text()
        assert trusted_checkpoint(note, trust).checkpoint.size == 2
    down = command("log", "append", "--settings", workspace.toml, "--action", "look")
    assert down.status == 3
    assert "0 of the 1 witnesses" in down.err
    # It is durable all the same, and published when the witness is there again.
    with listening(witness, "--prefix", "") as (_, again):
        workspace.change(said["url"], again["url"])
        _append(workspace)
    note = (workspace.state / "log.checkpoint").read_text()
    assert trusted_checkpoint(note, trust).checkpoint.size == 4


def test_a_request_from_beyond_the_log_is_refused(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    _append(workspace)
    assert run("--request", "99", workspace.toml).status == 3


def test_a_heartbeat_is_appended_only_when_it_is_due(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    assert _beat(workspace, "--every", "3600") == 0
    assert _beat(workspace, "--every", "3600") is None
    _append(workspace)
    assert _beat(workspace, "--every", "3600") is None
    assert _beat(workspace, "--every", "60") == 2
    assert _beat(workspace, "--every", "1") == 3
    time.sleep(0.6)
    assert _beat(workspace, "--every", "1") == 4
    assert _beat(workspace, "--stop") == 5
    assert _beat(workspace, "--stop") is None
    found = command("log", "query", workspace.toml, "--type", "heartbeat", "--json", "-")
    events = json.loads(found.out)["events"]
    assert [event["detail"]["interval_seconds"] for event in events] == [0, 1, 1, 60, 3600]
    assert {event["severity"] for event in events} == {"low"}


@pytest.mark.parametrize("every", ["0", "-1", "x", "1e9", str(10**12)])
def test_an_interval_that_cannot_be_is_refused(every: str, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    outcome = command("log", "heartbeat", "--settings", workspace.toml, "--every", every)
    assert outcome.status == 2
    assert not workspace.state.exists()


def test_help_loads_neither_sqlite_nor_keys() -> None:
    program = (
        "import sys; from assay.cli.main import main; main(['log', 'witness', '--help']);"
        "print([m for m in ('apsw', 'cryptography', 'http.server') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.splitlines()[-1] == "[]"


def _append(workspace: Workspace) -> None:
    done = command("log", "append", "--settings", workspace.toml, "--action", "look")
    assert done.status == 0, done.err


def _beat(workspace: Workspace, *arguments: str) -> int | None:
    done = command("log", "heartbeat", "--settings", workspace.toml, *arguments, "--json", "-")
    assert done.status == 0, done.err
    index: int | None = json.loads(done.out)["index"]
    return index


def test_verify_names_the_heartbeats_that_are_missing(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    began = datetime.now(UTC) - timedelta(hours=10)
    target = Target(TargetKind.SYSTEM, "clinic")
    with open_log_for_writing(read_settings(workspace.folder)) as log:
        beat = heartbeat(began, timedelta(hours=1), actor="actor:1", target=target)
        log.keep(
            [beat, replace(beat, id="later", occurred_at=began + timedelta(hours=9, minutes=30))]
        )
    done = command("log", "verify", workspace.toml, "--json", "-")
    said = json.loads(done.out)
    assert (done.status, said["clean"]) == (0, True)
    assert [(gap["after_index"], gap["missing"]) for gap in said["missing_heartbeats"]] == [(0, 9)]
    assert "NO HEARTBEAT" in command("log", "verify", workspace.toml).out
