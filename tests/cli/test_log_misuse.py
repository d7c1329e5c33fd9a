"""What a sceptic tried on the log's commands, and what they must answer."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from assay.audit_log.entry import new_event
from assay.audit_log.opening import open_sqlite_log
from assay.bootstrap import open_log_for_writing
from assay.errors import TooFewWitnesses
from assay.settings import read_settings
from assay.vocabulary import Checkpoint, Target, TargetKind
from tests.audit_log.conftest import SIGNER, event
from tests.workspaces import Workspace, command, make_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace whose log has 600 old entries."""
    made = make_workspace(tmp_path / "w")
    target = Target(TargetKind.SYSTEM, "clinic")
    at = datetime(2020, 1, 1, tzinfo=UTC)
    with open_log_for_writing(read_settings(made.folder)) as log:
        log.keep(
            [
                new_event("note", occurred_at=at, actor="actor:1", action="try", target=target)
                for _ in range(600)
            ]
        )
    return made


@pytest.mark.parametrize(
    "rules",
    [
        '[log.retention]\nnotes = "P1Y"\n',
        '[log.retention]\nnote = "P1Y"\n[log.holds.court]\nground = "case"\ntypes = ["notes"]\n',
    ],
)
def test_a_misspelt_type_in_a_rule_or_hold_is_refused(workspace: Workspace, rules: str) -> None:
    with workspace.toml.open("a") as stream:
        stream.write(rules)
    done = command("log", "retain", "--settings", workspace.toml, "--dry-run")
    assert done.status == 2
    assert "there is no event type 'notes'" in done.err.lower()


def test_an_export_is_not_verified_by_the_key_that_came_with_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert command("log", "export", out, "--settings", workspace.toml).status == 0
    done = command("log", "verify", out)
    assert done.status == 2
    assert "proves nothing" in done.err
    assert command("log", "verify", out, "--key", workspace.state / "log.vkey").status == 0


def test_a_trigger_in_the_database_is_found_before_it_acts(workspace: Workspace) -> None:
    db = apsw.Connection(str(workspace.state / "log.sqlite"))
    db.execute(
        "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry WHERE idx = 0; END"
    ).fetchall()
    db.close()
    done = command("log", "verify", workspace.toml)
    assert (done.status, "triggers or views" in done.out) == (1, True)
    added = command("log", "append", "--settings", workspace.toml, "--action", "try")
    assert (added.status, "triggers or views" in added.err) == (3, True)


def test_an_empty_index_is_index_damage_and_is_made_again(workspace: Workspace) -> None:
    for suffix in ("", "-wal", "-shm"):
        (workspace.state / f"log-index.sqlite{suffix}").unlink(missing_ok=True)
    (workspace.state / "log-index.sqlite").touch()
    done = command("log", "verify", workspace.toml, "--json", "-")
    said = json.loads(done.out)
    assert (done.status, said["evidence_intact"], said["size"]) == (1, True, 600)
    assert command("log", "query", workspace.toml, "--count").out.strip() == "600"
    assert command("log", "append", "--settings", workspace.toml, "--action", "try").status == 0
    assert command("log", "verify", workspace.toml).status == 0


def test_a_key_kept_elsewhere_verifies_where_the_workspace_lost_its_own(
    workspace: Workspace, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.vkey"
    (workspace.state / "log.vkey").rename(kept)
    assert command("log", "verify", workspace.toml, "--key", kept).status == 0


def test_an_archived_entry_is_proven_from_the_archive(workspace: Workspace, tmp_path: Path) -> None:
    cold, proof = tmp_path / "cold", tmp_path / "three.tlog-proof"
    done = command("log", "archive", cold, "--settings", workspace.toml, "--keep", "10")
    assert done.status == 0, done.err
    words = ("log", "prove", "3", "--settings", workspace.toml, "--out", proof)
    assert command(*words).status == 3
    assert command(*words, "--archive", cold).status == 0
    key = workspace.state / "log.vkey"
    assert command("log", "verify", proof, "--key", key).status == 0


def test_a_proof_that_would_not_hold_is_not_written(workspace: Workspace, tmp_path: Path) -> None:
    db = apsw.Connection(str(workspace.state / "log.sqlite"))
    db.execute("UPDATE entry SET bytes = CAST(bytes || x'20' AS BLOB) WHERE idx = 0").fetchall()
    db.close()
    out = tmp_path / "zero.tlog-proof"
    done = command("log", "prove", "0", "--settings", workspace.toml, "--out", out)
    assert (done.status, out.exists()) == (3, False)


def test_too_few_witnesses_do_not_hide_that_the_entry_is_there(tmp_path: Path) -> None:
    def nobody(_: Checkpoint) -> list[str]:
        raise TooFewWitnesses("0 of the 1 witnesses that are needed cosigned.")

    with open_sqlite_log(tmp_path, replace(SIGNER, cosigners=nobody)) as log:
        with pytest.raises(TooFewWitnesses, match="Entries 0 to 0 are durable") as caught:
            log.keep([event(0)])
        assert "Do not append them again" in caught.value.next_step
        assert log.size == 1
