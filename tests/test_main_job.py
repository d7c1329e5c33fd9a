"""The main job end to end: what is kept, what is used again, and what happens when it is cut short."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay import main_job
from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.entry import event_of
from assay.audit_log.interface import EventQuery
from assay.bootstrap import open_log_for_reading, open_parts, read_verifier_key
from assay.errors import CouldNotFinish, Interrupted, LogBusy, LogDamaged, LogError
from assay.kept import latest, reopen
from assay.settings import read_settings
from assay.step import Moment, Seen, Step
from assay.steps import Plan, Room, plan
from assay.vocabulary import Assessment, Depth, Status
from tests.workspaces import ASSAY, Workspace, clean_environment, command, make_workspace, write_csv

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Heard:
    """A listener that remembers; `at` is told the number of each step as it begins."""

    def __init__(self, at: Callable[[int], None] = lambda number: None) -> None:
        self.reused: dict[str, bool] = {}
        self._at = at

    def began(self, step: Step, number: int, total: int) -> None:
        self._at(number)

    def progressed(self, share: float) -> None:
        assert 0 <= share <= 1

    def ended(self, step: Step, *, reused: bool) -> None:
        self.reused[step.name] = reused


def assess(
    workspace: Workspace,
    *,
    depth: Depth = Depth.QUICK,
    seed: int = 0,
    heard: Heard | None = None,
    change: Callable[[Plan], Plan] = lambda planned: planned,
    now: datetime = NOON,
) -> Assessment:
    """An assessment under a clock that stands still."""
    with open_parts(read_settings(workspace.folder), clock=lambda: now) as parts:
        planned = change(plan(parts, depth=depth, seed=seed))
        return main_job.assess(parts, planned, depth=depth, seed=seed, listener=heard or Heard())


def faults(workspace: Workspace) -> tuple[object, ...]:
    settings = read_settings(workspace.folder)
    return verify(settings.workspace_folder, read_verifier_key(settings)).faults


def outcomes(workspace: Workspace) -> list[str]:
    """Of the assessments in the log, oldest first, without their beginnings."""
    with open_log_for_reading(read_settings(workspace.folder)) as log:
        events = [event_of(data) for _, data in log.query(EventQuery(type="assessment", limit=99))]
    return [event.outcome for event in reversed(events) if event.action == "assess"]


@pytest.fixture(scope="module")
def assessed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a function model that was assessed once; copy it before changing it."""
    workspace = make_workspace(tmp_path_factory.mktemp("ws") / "clinic", "function")
    assess(workspace)
    return workspace


@pytest.fixture
def again(assessed: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the workspace that was assessed once."""
    shutil.copytree(assessed.folder, tmp_path / "clinic")
    return replace(assessed, folder=tmp_path / "clinic")


@pytest.fixture
def fresh(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "clinic", "function")


def test_one_table_and_one_model_end_to_end(fresh: Workspace) -> None:
    found = assess(fresh)

    assert found.outcome == "finished"
    assert [m.model.name for m in found.robustness] == ["scorer"]
    statuses = {finding.check: finding.status for finding in found.findings}
    assert statuses["CHK-BASIS"] is Status.FAIL, "five of fifty withdrew their consent"
    assert statuses["CHK-RETENTION"] is Status.FAIL
    assert statuses["CHK-ENC-REST"] is Status.FAIL
    assert statuses["CHK-AUDIT-INTEGRITY"] is Status.UNKNOWN, "it has just been begun"
    assert not faults(fresh)


def test_networks_are_attacked_with_gradients(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", "torch")
    (net,) = assess(workspace).robustness

    assert {"fgsm", "pgd", "square"} <= {curve.member for curve in net.curves}
    assert not faults(workspace)


def test_whatever_fails_is_reported_as_a_violation(assessed: Workspace) -> None:
    with open_log_for_reading(read_settings(assessed.folder)) as log:
        found = reopen(log, latest(log))
        violations = list(log.query(EventQuery(type="compliance_violation", limit=99)))
    failing = [finding for finding in found.findings if finding.status is Status.FAIL]

    assert len(violations) == len(failing) > 0


def test_same_inputs_give_the_same_evidence(tmp_path: Path) -> None:
    """Two fresh workspaces, at one place one after the other, under one clock and the same keys."""
    place = tmp_path / "clinic"
    with open_parts(read_settings(make_workspace(place, "function", "torch").folder)):
        shutil.copytree(place, tmp_path / "as new")
    assessments = []
    for name in ("first", "second"):
        shutil.rmtree(place, ignore_errors=True)
        workspace = make_workspace(place, "function", "torch")
        _take_keys(tmp_path / "as new" / ".assay", workspace.state)
        assessments.append(assess(workspace, seed=4))
        place.rename(tmp_path / name)
    first, second = assessments

    assert [e.digest for e in first.evidence] == [e.digest for e in second.evidence]
    assert _unsigned(first) == _unsigned(second)


def _unsigned(found: Assessment) -> Assessment:
    """Without the signatures of its checkpoint: those by ML-DSA are never twice the same."""
    text = found.checkpoint.note.partition("\n\n")[0]
    return replace(found, checkpoint=replace(found.checkpoint, note=text))


def test_other_seed_gives_other_evidence(again: Workspace) -> None:
    first, second = assess(again, seed=1), assess(again, seed=2)

    assert {e.digest for e in first.evidence} != {e.digest for e in second.evidence}


def test_reopening_gives_the_same_assessment(again: Workspace) -> None:
    found = assess(again)
    with open_log_for_reading(read_settings(again.folder)) as log:
        assert reopen(log, latest(log)) == found


NET = {f"net: {member}" for member in ("fgsm", "pgd", "square", "noise", "rotation")}


@pytest.fixture(scope="module")
def assessed_net(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a network that was assessed once; copy it before changing it."""
    workspace = make_workspace(tmp_path_factory.mktemp("net") / "clinic", "torch")
    assess(workspace)
    return workspace


@pytest.fixture
def net(assessed_net: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the workspace with the network."""
    shutil.copytree(assessed_net.folder, tmp_path / "net")
    return replace(assessed_net, folder=tmp_path / "net")


def test_second_run_uses_every_kept_step(net: Workspace) -> None:
    heard = Heard()
    assess(net, heard=heard)
    kept = {name for name, reused in heard.reused.items() if reused}

    assert kept == {"people: classify", *NET}


def test_a_function_may_read_anything_and_is_always_asked_again(again: Workspace) -> None:
    heard = Heard()
    assess(again, heard=heard)
    assert {name for name, reused in heard.reused.items() if reused} == {"people: classify"}


def _changed_code(workspace: Workspace) -> None:
    (workspace.folder / "layers.py").write_text("# a module that the factory might import\n")


def _new_test_data(workspace: Workspace) -> None:
    import numpy as np

    with np.load(workspace.folder / "images.npz") as kept:
        x, y = kept["x"][:-1], kept["y"][:-1]
    np.savez(workspace.folder / "images.npz", x=x, y=y)


def _one_more_row(workspace: Workspace) -> None:
    with (workspace.folder / "people.csv").open("a") as stream:
        stream.write("P9999,Some One,a@example.org,100-10-1000,2020-01-01,none\n")


@pytest.mark.parametrize(
    ("change", "taken_again"),
    [
        (_one_more_row, {"people: classify"}),
        (_changed_code, NET),
        (_new_test_data, NET),
        (lambda w: w.change("[0.05, 0.1]", "[0.05, 0.2]"), NET),
    ],
    ids=["table", "code", "test data", "epsilon"],
)
def test_changed_input_is_looked_at_again(
    net: Workspace, change: Callable[[Workspace], None], taken_again: set[str]
) -> None:
    change(net)
    heard = Heard()
    assess(net, heard=heard)
    with_key = {name for name in heard.reused if not name.startswith("inspect")}

    assert {name for name in with_key if not heard.reused[name]} == taken_again


@pytest.mark.parametrize(
    ("depth", "seed"), [(Depth.QUICK, 9), (Depth.STANDARD, 0)], ids=["seed", "depth"]
)
def test_other_seed_or_depth_is_looked_at_again(again: Workspace, depth: Depth, seed: int) -> None:
    heard = Heard()
    assess(again, depth=depth, seed=seed, heard=heard)

    assert heard.reused["people: classify"]
    assert not heard.reused["scorer: square"]


def test_damaged_evidence_is_measured_again(again: Workspace) -> None:
    import sqlite3

    with sqlite3.connect(again.state / "log.sqlite") as db:
        db.execute(
            "DELETE FROM cited WHERE instr(bytes, CAST('\"classification_labels\"' AS BLOB))"
        )
    db.close()
    heard = Heard()
    assess(again, heard=heard)

    assert not heard.reused["people: classify"]


def test_ctrl_c_keeps_what_is_done(fresh: Workspace) -> None:
    def stop(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="after 2 of 9 steps, which are kept") as caught:
        assess(fresh, heard=Heard(stop))
    heard = Heard()
    found = assess(fresh, heard=heard)

    assert caught.value.exit_code == 3
    assert [name for name, reused in heard.reused.items() if reused] == ["people: classify"]
    assert found.outcome == "finished"
    assert outcomes(fresh) == ["interrupted", "finished"]
    assert not faults(fresh)


def test_signal_in_the_middle_of_a_step(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", "function")
    slow = workspace.folder / "scorer.py"
    slow.write_text(
        "import time\n" + slow.read_text().replace("    return", "    nap()\n    return")
    )
    slow.write_text(slow.read_text() + "\ndef nap():\n    time.sleep(0.05)\n")
    child = subprocess.Popen(
        [*ASSAY, "assess", str(workspace.folder)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=clean_environment(),
    )
    assert child.stderr is not None
    line = ""
    while not line.startswith("[2/"):
        line = child.stderr.readline()
        assert line, "it ended before its second step"
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=60)[1]

    assert child.returncode == 3
    assert "Stopped after 1 of 9 steps, which are kept." in said
    assert "Traceback" not in said
    assert command("log", "verify", workspace.folder).status == 0
    assert not list(workspace.folder.rglob("*.tmp"))


def _failing_at(place: int, error: BaseException) -> Callable[[Plan], Plan]:
    def look(_: Moment) -> Seen:
        raise error

    def change(planned: Plan) -> Plan:
        steps = list(planned.steps)
        steps[place] = replace(steps[place], look=look, key=None)
        return replace(planned, steps=tuple(steps))

    return change


@pytest.mark.parametrize(
    "error",
    [RuntimeError("secret row"), SystemExit(0), MemoryError()],
    ids=lambda e: type(e).__name__,
)
def test_crash_in_a_step_keeps_the_steps_before(fresh: Workspace, error: BaseException) -> None:
    with pytest.raises(CouldNotFinish, match=f"failed .{type(error).__name__}") as caught:
        assess(fresh, change=_failing_at(2, error))
    heard = Heard()
    assess(fresh, heard=heard)

    assert "secret row" not in str(caught.value)
    assert sum(heard.reused.values()) == 1
    assert outcomes(fresh) == ["failed", "finished"]
    assert not faults(fresh)


def test_crash_leaves_an_error_event_without_its_words(fresh: Workspace) -> None:
    with pytest.raises(CouldNotFinish):
        assess(fresh, change=_failing_at(2, RuntimeError("secret row")))
    with open_log_for_reading(read_settings(fresh.folder)) as log:
        ((_, data),) = log.query(EventQuery(type="error_event"))
    assert event_of(data).outcome == "CouldNotFinish"
    assert b"secret" not in data


@pytest.mark.parametrize(("days", "reused"), [(89, True), (90, False)])
def test_kept_evidence_counts_for_ninety_days(again: Workspace, days: int, reused: bool) -> None:
    heard = Heard()
    assess(again, heard=heard, now=NOON + timedelta(days=days))
    assert heard.reused["people: classify"] is reused


def test_a_note_that_poses_as_an_assessment_is_not_reported(again: Workspace) -> None:
    before = command("report", again.folder).out
    posing = ("log", "append", "--settings", again.folder, "--type", "assessment")
    command(*posing, "--action", "assess", "--outcome", "finished")
    assert command("report", again.folder).out == before


@pytest.mark.parametrize("entries", ["[]", "[0]", "[1, 1]", "[999]"])
def test_edited_records_lead_to_another_look_and_not_to_other_evidence(
    again: Workspace, entries: str
) -> None:
    db = sqlite3.connect(again.folder / ".assay" / "records.sqlite")
    db.execute("UPDATE kept_step SET entries = ?", (entries,))
    db.commit()
    db.close()
    heard = Heard()
    found = assess(again, heard=heard)
    assert not any(heard.reused.values())
    assert found.robustness


def test_records_of_another_step_are_not_used(again: Workspace) -> None:
    db = sqlite3.connect(again.folder / ".assay" / "records.sqlite")
    db.execute("UPDATE kept_step SET entries = (SELECT entries FROM kept_step LIMIT 1)")
    db.commit()
    db.close()
    heard = Heard()
    assess(again, heard=heard)
    assert sum(heard.reused.values()) <= 1


def test_clock_before_the_newest_entry_is_refused(again: Workspace) -> None:
    with pytest.raises(CouldNotFinish, match="newest entry"):
        assess(again, now=NOON - timedelta(days=4000))


def test_file_replaced_while_it_is_read(fresh: Workspace) -> None:
    def touched(planned: Plan) -> Plan:
        step = planned.steps[0]

        def look(moment: Moment) -> Seen:
            _one_more_row(fresh)
            return step.look(moment)

        return replace(planned, steps=(replace(step, look=look), *planned.steps[1:]))

    with pytest.raises(CouldNotFinish, match=r"people\.csv was changed while it was read"):
        assess(fresh, change=touched)
    heard = Heard()
    assess(fresh, heard=heard)

    assert not heard.reused["people: classify"]


def test_file_replaced_between_steps(fresh: Workspace) -> None:
    def replace_table(number: int) -> None:
        if number == 4:
            _one_more_row(fresh)

    with pytest.raises(CouldNotFinish, match="dataset people was changed while it was assessed"):
        assess(fresh, heard=Heard(replace_table))
    assert not faults(fresh)


def test_two_at_once(fresh: Workspace) -> None:
    with open_parts(read_settings(fresh.folder)):
        outcome = command("assess", fresh.folder)

    assert outcome.status == 3
    assert "Another process writes this log" in outcome.err
    with open_parts(read_settings(fresh.folder)), pytest.raises(LogBusy):
        assess(fresh)


def test_only_some_rooms(fresh: Workspace) -> None:
    with open_parts(read_settings(fresh.folder)) as parts:
        planned = plan(parts, depth=Depth.QUICK, seed=0, rooms=frozenset({Room.DATA}))

    assert [step.name for step in planned.steps] == ["people: classify", "inspect: declarations"]


def test_plan_says_what_deeper_would_add(assessed: Workspace) -> None:
    with open_parts(read_settings(assessed.folder)) as parts:
        quick = plan(parts, depth=Depth.QUICK, seed=0)
        full = plan(parts, depth=Depth.FULL, seed=0)

    assert sum(step.seconds for step in quick.steps) > 0
    assert list(quick.deeper_seconds) == [Depth.STANDARD, Depth.FULL]
    assert all("UNMEASURED" in line for line in quick.unmeasured)
    assert quick.unmeasured
    assert not full.deeper_seconds
    assert not full.unmeasured


def test_assessment_of_many_datasets_fits_an_entry(tmp_path: Path) -> None:
    """An entry holds 65,535 bytes; the evidence of 250 tables is listed beside it."""
    workspace = make_workspace(tmp_path / "w")
    rows = [{"number": str(number)} for number in range(3)]
    with workspace.toml.open("a") as stream:
        for number in range(250):
            write_csv(workspace.folder / f"t{number}.csv", rows)
            stream.write(f'\n[datasets.t{number}]\nsource = "t{number}.csv"\n')
    found = assess(workspace)

    assert len(found.evidence) > 700
    assert not faults(workspace)


def test_entry_that_is_no_assessment(assessed: Workspace) -> None:
    with open_log_for_reading(read_settings(assessed.folder)) as log:
        with pytest.raises(LogError, match="Entry 0 does not close an assessment"):
            reopen(log, 0)
        with pytest.raises(LogError, match="no entry 99999"):
            reopen(log, 99_999)


def test_no_assessment_yet(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    with open_parts(read_settings(workspace.folder)) as parts, pytest.raises(LogError) as caught:
        latest(parts.log.reader)
    assert "assay assess" in caught.value.next_step


@pytest.mark.parametrize(
    "gone",
    ["log.sqlite", "log.vkey", "keys/log.key", "keys/log-ml-dsa-44.key", "keys/pseudonym.key"],
)
def test_part_of_the_workspace_is_gone(again: Workspace, gone: str) -> None:
    (again.state / gone).unlink()
    outcome = command("assess", again.folder)

    assert outcome.status in (2, 3)
    assert Path(gone).name in outcome.err
    assert "Restore it from your copy" in outcome.err
    assert not (again.state / gone).exists(), "nothing is made in its place"


def test_key_of_another_log(again: Workspace) -> None:
    (again.state / "keys" / "log.key").write_bytes(bytes(32))
    with pytest.raises(LogDamaged, match="not hold the public halves"):
        assess(again)
    assert not faults(again)


def test_log_names_no_account(assessed: Workspace) -> None:
    with open_log_for_reading(read_settings(assessed.folder)) as log:
        actors = {json.loads(log.entry(index))["actor"] for index in range(log.size)}

    (actor,) = actors
    assert actor.startswith("actor:")
    assert len(actor) == len("actor:") + 32


def _take_keys(old: Path, new: Path) -> None:
    """So that both logs have the same keys and origin."""
    new.mkdir(mode=0o700)
    shutil.copytree(old / "keys", new / "keys")
    shutil.copy(old / "log.vkey", new / "log.vkey")
