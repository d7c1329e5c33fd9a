"""`assay log report`, `verify-report` and `review` on a workspace's log and on an export of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.audit_log.entry import new_event
from assay.audit_log.interface import EventQuery
from assay.audit_log.tiles_folder import export
from assay.bootstrap import open_log_for_reading, open_log_for_writing, read_verifier_keys
from assay.settings import read_settings
from assay.vocabulary import Target, TargetKind
from tests.docs.pages import ROOT, run_page
from tests.workspaces import Workspace, command, make_workspace

pytestmark = pytest.mark.xdist_group("commands")
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
PERIOD = ("--since", "2026-03-02", "--until", "2026-03-09")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a week in its log, two alerts among it, and an export beside it."""
    workspace = make_workspace(tmp_path_factory.mktemp("r") / "w")
    settings = read_settings(workspace.toml)
    events = [
        new_event(
            "security_alert" if n in (50, 60) else "data_access",
            occurred_at=BEGIN + timedelta(hours=n),
            actor=f"actor:{n % 3:032x}",
            action="read",
            target=Target(TargetKind.DATASET, "people"),
        )
        for n in range(120)
    ]
    with open_log_for_writing(settings) as log:
        log.keep(events)
    with open_log_for_reading(settings) as reader:
        export(reader, workspace.folder / "export", read_verifier_keys(settings))
    return workspace


@pytest.fixture
def workspace(first: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it."""
    shutil.copytree(first.folder, tmp_path / "w")
    return replace(first, folder=tmp_path / "w")


def written(workspace: Workspace, form: str = "html", *options: str) -> Path:
    path = workspace.folder / f"log-report.{form}"
    said = command(
        "log", "report", workspace.folder, *PERIOD, "--format", form, "--out", path, *options
    )
    assert said.status == 0, said.err
    return path


def reviews_in(workspace: Workspace) -> list[bytes]:
    with open_log_for_reading(read_settings(workspace.toml)) as reader:
        return [data for _, data in reader.query(EventQuery(type="log_review"))]


def vkey(workspace: Workspace) -> Path:
    return workspace.state / "log.vkey"


@pytest.mark.parametrize("form", ["html", "json"])
def test_a_report_verifies_on_the_log_and_on_an_export(workspace: Workspace, form: str) -> None:
    path = written(workspace, form)
    live = command("log", "verify-report", path, workspace.folder)
    exported = command(
        "log", "verify-report", path, workspace.folder / "export", "--key", vkey(workspace)
    )

    assert (live.status, exported.status) == (0, 0), live.out + exported.out
    assert "Every number is what the log says." in live.out
    assert live.out == exported.out


def test_the_same_bytes_on_standard_output_and_from_the_export(workspace: Workspace) -> None:
    expected = written(workspace).read_bytes()
    again = command("log", "report", workspace.folder, *PERIOD)
    place = workspace.folder / "export"
    exported = command("log", "report", place, *PERIOD, "--key", vkey(workspace))

    assert again.out.encode() == expected
    assert exported.out.encode() == expected


def test_json_is_alone_on_standard_output(workspace: Workspace) -> None:
    said = command("log", "report", workspace.folder, *PERIOD, "--json", "-")
    found = json.loads(said.out)
    report = written(workspace)
    seen = command("log", "verify-report", report, workspace.folder, "--json", "-")

    assert (found["schema"], found["totals"]["events"]) == (1, 120)
    assert json.loads(seen.out)["clean"] is True
    assert json.loads(seen.out)["differences"] == []


def test_days_are_those_of_the_zone(workspace: Workspace) -> None:
    said = command(
        "log", "report", workspace.folder, "--since", "2026-03-03", "--until", "2026-03-04",
        "--zone", "America/New_York", "--json", "-",
    )  # fmt: skip
    found = json.loads(said.out)

    assert found["query"]["since"] == "2026-03-03T05:00:00.000000Z"
    assert [row["day"] for row in found["timeline"]["by_day"]] == ["2026-03-03"]


def test_a_number_changed_in_the_report_is_named(workspace: Workspace) -> None:
    path = written(workspace, "json")
    path.write_bytes(path.read_bytes().replace(b'"events":120', b'"events":119'))
    said = command("log", "verify-report", path, workspace.folder)

    assert said.status == 1
    assert "NOT CLEAN" in said.out
    assert "totals.events: is reported 119, and is 120" in said.out


def test_a_row_changed_in_the_log_is_named(workspace: Workspace) -> None:
    path = written(workspace)
    with sqlite3.connect(workspace.state / "log.sqlite") as db:
        db.execute(
            "UPDATE entry SET bytes = cast(replace(bytes, 'read', 'rEad') AS BLOB) WHERE idx = 17"
        )
    db.close()
    said = command("log", "verify-report", path, workspace.folder)

    assert said.status == 1
    assert "entry 17 is not what was hashed" in said.out
    assert command("log", "report", workspace.folder, *PERIOD).status == 3


def test_an_export_wants_a_key_from_elsewhere(workspace: Workspace) -> None:
    said = command("log", "verify-report", written(workspace), workspace.folder / "export")

    assert said.status == 2
    assert "a key that came with it proves nothing" in said.err


def test_another_key_is_not_believed(workspace: Workspace, tmp_path: Path) -> None:
    path = written(workspace)
    other = make_workspace(tmp_path / "other")
    open_log_for_writing(read_settings(other.toml)).close()
    said = command("log", "verify-report", path, workspace.folder / "export", "--key", vkey(other))

    assert said.status == 1
    assert "log.verifier_keys" in said.out


def test_a_review_acknowledges_alerts(workspace: Workspace) -> None:
    path = written(workspace)
    said = command(
        "log", "review", path, "--settings", workspace.folder, "--acknowledge", "50", "--json", "-"
    )
    after = json.loads(written(workspace, "json").read_bytes())

    assert said.status == 0, said.err
    assert json.loads(said.out)["acknowledged"] == [50]
    assert [a["acknowledged_by"] is None for a in after["alerts"]["listed"]] == [False, True]
    assert after["reviews"]["listed"][0]["report"] == json.loads(said.out)["report"]
    assert command("log", "verify", workspace.folder).status == 0
    assert command("log", "verify-report", path, workspace.folder).status == 0


def test_all_open_alerts_are_acknowledged_at_once(workspace: Workspace) -> None:
    said = command(
        "log", "review", written(workspace), "--settings", workspace.folder, "--acknowledge-all"
    )
    after = json.loads(written(workspace, "json").read_bytes())

    assert said.status == 0, said.err
    assert "2 alerts acknowledged" in said.out
    assert after["alerts"]["not_acknowledged"] == 0


def test_a_review_names_nobody(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "adelheid.quastenberg")
    said = command("log", "review", written(workspace), "--settings", workspace.folder)
    assert said.status == 0, said.err
    [entry] = reviews_in(workspace)

    assert b'"actor":"actor:' in entry
    assert b'"client_agent":"assay/' in entry
    assert b"adelheid" not in entry


def test_a_report_that_is_not_true_is_not_signed_off(workspace: Workspace) -> None:
    path = written(workspace, "json")
    path.write_bytes(path.read_bytes().replace(b'"events":120', b'"events":119'))
    said = command("log", "review", path, "--settings", workspace.folder)

    assert said.status == 1
    assert reviews_in(workspace) == []


def test_what_is_no_alert_cannot_be_acknowledged(workspace: Workspace) -> None:
    said = command(
        "log", "review", written(workspace), "--settings", workspace.folder, "--acknowledge", "51"
    )

    assert said.status == 2
    assert "Entry 51 is not an alert" in said.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--since", "yesterday"), "not a day or an instant"),
        (("--since", "2026-03-09", "--until", "2026-03-02"), "is empty"),
        (("--zone", "Mars/Olympus"), "no time zone"),
        (("--hours", "always"), "no working hours"),
        (("--false-alarms", "0"), "cannot be asked for"),
        (("--false-alarms", "nan"), "cannot be asked for"),
        (("--key", "gone.vkey"), "cannot be read"),
        (("--trust", "assay.toml"), "Line 1 of the policy"),
        (("--heartbeat", "0"), "Invalid value"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_bad_input_is_one_message(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(workspace.folder)
    out = workspace.folder / "never.html"
    said = command("log", "report", workspace.folder, *options, "--out", out)

    assert said.status in (2, 3)
    assert words in said.err
    assert "Traceback" not in said.err
    assert not out.exists()


@pytest.mark.parametrize("data", [b"", b"words", b"{}", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_report_is_refused(workspace: Workspace, data: bytes) -> None:
    path = workspace.folder / "strange"
    path.write_bytes(data)
    for name in ("verify-report", "review"):
        place = ("--settings", workspace.folder) if name == "review" else (workspace.folder,)
        said = command("log", name, path, *place)
        assert said.status == 2
        assert "not a report" in said.err


def test_a_workspace_without_a_log_says_so(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "new")
    said = command("log", "report", workspace.folder)

    assert said.status == 3
    assert "There is no log" in said.err


def test_an_empty_log_says_so(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "new")
    open_log_for_writing(read_settings(workspace.toml)).close()
    said = command("log", "report", workspace.folder)

    assert said.status == 3
    assert "no checkpoint yet" in said.err


def test_the_how_to_page_runs(workspace: Workspace) -> None:
    page = ROOT / "docs" / "how-to" / "read-the-log-report.md"

    assert run_page(page, workspace.folder, None) == []
