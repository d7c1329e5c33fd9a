"""`assay log archive`, `retain` and `import` on a workspace's log."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from assay.audit_log.entry import new_event
from assay.audit_log.tiles_folder import export
from assay.bootstrap import open_log_for_reading, open_log_for_writing, read_verifier_keys
from assay.cli import log_lifecycle
from assay.errors import AssayError, BadInput
from assay.settings import read_settings
from assay.vocabulary import Target, TargetKind
from tests.workspaces import Workspace, command, make_workspace

pytestmark = pytest.mark.xdist_group("commands")
BEGIN = datetime(2020, 3, 2, tzinfo=UTC)
SIZE = 900


def make(folder: Path, name: str) -> Workspace:
    workspace = make_workspace(folder / name)
    events = [
        new_event(
            "note",
            occurred_at=BEGIN + timedelta(minutes=n),
            actor=f"actor:{n % 3:032x}",
            action="read",
            target=Target(TargetKind.DATASET, "people"),
        )
        for n in range(SIZE)
    ]
    with open_log_for_writing(read_settings(workspace.toml)) as log:
        log.keep(events)
    return workspace


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with 900 notes of the year 2020."""
    return make(tmp_path_factory.mktemp("l"), "w")


@pytest.fixture
def workspace(first: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it."""
    shutil.copytree(first.folder, tmp_path / "w")
    return replace(first, folder=tmp_path / "w")


def run(
    command_: click.Command, *arguments: str | Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """The status and the output of a command, called as the group calls it."""
    status = command_.main([str(each) for each in arguments], standalone_mode=False)
    return int(status or 0), capsys.readouterr().out


def faults(workspace: Workspace) -> Sequence[object]:
    said = command("log", "verify", workspace.toml, "--json", "-")
    found: Sequence[object] = json.loads(said.out)["faults"]
    return found


def test_archive_then_verify_it_with_the_key_alone(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cold, key = tmp_path / "cold", tmp_path / "log.vkey"
    shutil.copy(workspace.state / "log.vkey", key)
    status, out = run(
        log_lifecycle.archive, cold, "--settings", workspace.toml, "--keep", "100", capsys=capsys
    )
    assert (status, out.splitlines()[0]) == (0, f"Entries 0 to 767 are in {cold / ('0' * 12)}.")
    assert out.splitlines()[1] == "768 entries left the log; entry 900 records it."
    assert faults(workspace) == []
    shutil.rmtree(workspace.folder)
    status, out = run(log_lifecycle.archive, cold, "--verify", "--key", key, capsys=capsys)
    assert (status, out) == (0, "Entries 0 to 767; 0 cited.\nEverything verifies.\n")
    path = cold / ("0" * 12) / "tile" / "0" / "001"
    path.write_bytes(path.read_bytes()[::-1])
    status, out = run(
        log_lifecycle.archive, cold, "--verify", "--key", key, "--json", "-", capsys=capsys
    )
    assert status == 1
    assert json.loads(out)["volumes"][0]["faults"][0]["place"] == "tile 0/001"


def test_archive_before_an_instant_and_as_json(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (tmp_path / "cold", "--settings", workspace.folder, "--json", "-", "--before")
    _, out = run(log_lifecycle.archive, *arguments, "2020-03-02T10:00", capsys=capsys)
    said = json.loads(out)
    assert (said["archived"], said["minimum"], said["dropped"]) == (512, 512, 512)
    _, out = run(log_lifecycle.archive, *arguments, "2020-03-02T10:00", capsys=capsys)
    assert json.loads(out) == {"schema": 1, "archived": 0}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ((), "either --before or --keep"),
        (("--keep", "1", "--before", "2020-01-01"), "either --before or --keep"),
        (("--before", "yesterday"), "not an instant"),
        (("--verify", "--key", "nothing.vkey"), "cannot be read"),
        (("--verify", "--settings", "nothing.toml"), "public keys"),
    ],
)
def test_wrong_use_of_archive_is_told(
    workspace: Workspace, tmp_path: Path, options: tuple[str, ...], what: str
) -> None:
    arguments = [str(tmp_path / "cold"), "--settings", str(workspace.toml), *options]
    with pytest.raises(BadInput, match=what):
        log_lifecycle.archive.main(arguments, standalone_mode=False)
    assert not (tmp_path / "cold").exists()


def test_retain_says_first_and_then_removes(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cold = tmp_path / "cold"
    run(log_lifecycle.archive, cold, "--settings", workspace.toml, "--keep", "400", capsys=capsys)
    toml = workspace.toml.read_text()
    workspace.toml.write_text(toml + '\n[log.retention]\nnote = "P1Y"\n')
    arguments = ("--settings", workspace.toml, "--archive", cold, "--json", "-")
    _, out = run(log_lifecycle.retain, *arguments, "--dry-run", capsys=capsys)
    would = [(each["where"], each["removed"]) for each in json.loads(out)["places"]]
    assert would == [("0" * 12, 256), ("log", 512)]
    _, out = run(log_lifecycle.retain, *arguments, capsys=capsys)
    done = json.loads(out)["places"]
    assert [(each["where"], each["removed"]) for each in done] == would
    assert faults(workspace) == []
    _, out = run(log_lifecycle.retain, "--settings", workspace.toml, capsys=capsys)
    assert "log" in out


def test_a_hold_of_assay_toml_keeps_everything(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    hold = '[log.holds.case-7]\nground = "a dispute"\nsince = 2020-01-01\nuntil = 2020-12-31\n'
    toml = workspace.toml.read_text()
    workspace.toml.write_text(f'{toml}\n[log.retention]\nnote = "P1Y"\n{hold}')
    _, out = run(log_lifecycle.retain, "--settings", workspace.toml, "--json", "-", capsys=capsys)
    (here,) = json.loads(out)["places"]
    assert (here["removed"], here["held"]) == (0, SIZE)


def test_retain_without_a_rule_is_told(workspace: Workspace) -> None:
    with pytest.raises(BadInput, match="no retention"):
        log_lifecycle.retain.main(["--settings", str(workspace.toml)], standalone_mode=False)


def test_import_an_export_of_another_workspace_once(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = make(tmp_path, "runner")
    read = read_settings(runner.toml)
    with open_log_for_reading(read) as reader:
        export(reader, tmp_path / "export", read_verifier_keys(read))
    key = shutil.copy(runner.state / "log.vkey", tmp_path / "runner.vkey")
    arguments = (tmp_path / "export", "--settings", workspace.toml, "--key", key)
    status, out = run(log_lifecycle.import_, *arguments, "--limit", "600", capsys=capsys)
    assert status == 0
    assert out.startswith("600 entries of assay.local/log/")
    assert out.endswith("run it again for the rest.\n")
    _, out = run(log_lifecycle.import_, *arguments, "--json", "-", capsys=capsys)
    said = json.loads(out)
    assert (said["taken"], said["known"], said["remaining"]) == (300, 600, False)
    assert faults(workspace) == []
    with pytest.raises(AssayError, match="does not verify"):
        run(
            log_lifecycle.import_,
            tmp_path / "export",
            "--settings",
            workspace.toml,
            "--key",
            workspace.state / "log.vkey",
            capsys=capsys,
        )


def test_import_needs_a_key(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="public keys"):
        log_lifecycle.import_.main(
            [str(tmp_path), "--settings", str(workspace.toml)], standalone_mode=False
        )
