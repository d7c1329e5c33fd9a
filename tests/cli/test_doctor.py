"""What is wrong is said with what to do, nothing is changed, and nothing makes the doctor fail."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assay.audit_log.entry import new_event
from assay.bootstrap import open_log_for_writing, open_parts
from assay.cli.main import main
from assay.crypto.signing import secret_from_file
from assay.diagnosis.diagnose import diagnose
from assay.diagnosis.interface import Diagnosis, Gravity, Surroundings
from assay.settings import read_settings
from assay.stores.records import newest_revision
from assay.vocabulary import Target, TargetKind

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
AROUND = Surroundings(
    now=NOON + timedelta(hours=1),
    python=(3, 11, 7),
    user_id=Path.home().stat().st_uid,
    has_library=lambda name: True,
    free_bytes=lambda folder: 10**12,
)
ASSAY_TOML = """
schema = 1
[organisation]
name = "clinic"
[facts.org]
roles = ["controller"]
[datasets.patients]
source = "patients.csv"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a dataset, a log of one entry, and records."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "assay.toml").write_text(ASSAY_TOML)
    (folder / "patients.csv").write_text("patient_id\n1\n")
    with open_parts(read_settings(folder)) as parts:
        target = Target(TargetKind.SYSTEM, "clinic")
        parts.log.keep(
            [new_event("note", occurred_at=NOON, actor="a", action="write", target=target)]
        )
    return folder


def around(project: Path, **changes: Any) -> Surroundings:
    """The surroundings of the account that made the project, with changes."""
    return replace(AROUND, user_id=project.stat().st_uid, **changes)


def said(project: Path, **changes: Any) -> list[Diagnosis]:
    """The diagnoses of a project, without the note about root."""
    found = diagnose(project, around(project, **changes))
    return [diagnosis for diagnosis in found if "runs as root" not in diagnosis.what]


def test_a_good_project_has_nothing_wrong(project: Path) -> None:
    assert said(project) == []


def test_every_diagnosis_says_what_to_do(tmp_path: Path) -> None:
    found = diagnose(tmp_path, replace(AROUND, has_library=lambda name: False, python=(3, 9)))
    assert len(found) >= 8
    assert [diagnosis for diagnosis in found if not diagnosis.next_step] == []


def _forget_facts(project: Path) -> None:
    text = (project / "assay.toml").read_text()
    (project / "assay.toml").write_text(text.replace('roles = ["controller"]', ""))


def _spoil_fact(project: Path) -> None:
    text = (project / "assay.toml").read_text()
    (project / "assay.toml").write_text(text.replace("controller", "emperor"))


def _misspell(project: Path) -> None:
    text = (project / "assay.toml").read_text()
    (project / "assay.toml").write_text(text.replace("source", "sauce"))


def _other_key(project: Path) -> None:
    (project / ".assay/keys/log.key").write_bytes(bytes(32))


def _other_schema(project: Path) -> None:
    with sqlite3.connect(project / ".assay/records.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def _change_entry(project: Path) -> None:
    with sqlite3.connect(project / ".assay/log.sqlite") as connection:
        connection.execute("UPDATE entry SET bytes = x'7b7d' WHERE idx = 0")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "severity", "words"),
    [
        (_forget_facts, "warning", "No facts are declared"),
        (_spoil_fact, "problem", "cannot be 'emperor'"),
        (_misspell, "problem", "line 8: there is no key 'datasets.patients.sauce'"),
        (_other_key, "problem", "lacks the public half"),
        (_other_schema, "problem", "schema 9999"),
        (_change_entry, "problem", "The log does not verify: entry 0"),
        (lambda p: (p / "patients.csv").unlink(), "problem", "datasets.patients.source names"),
        (lambda p: (p / "assay.toml").unlink(), "warning", "There is no file"),
        (lambda p: shutil.rmtree(p / ".assay"), "note", "There is no workspace"),
        (lambda p: (p / ".assay/keys/log.key").unlink(), "problem", "log.key cannot be read"),
        (lambda p: (p / ".assay/log.vkey").unlink(), "problem", "log.vkey is missing"),
        (lambda p: (p / ".assay").chmod(0o755), "warning", "(mode 0755)"),
        (lambda p: (p / ".assay/keys/log.key").chmod(0o644), "problem", "(mode 0644)"),
        (lambda p: (p / ".assay/records.sqlite").unlink(), "note", "There are no records yet"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_named(project: Path, spoil: Any, severity: str, words: str) -> None:
    spoil(project)
    found = [d for d in said(project) if words in d.what]
    assert [d.severity for d in found] == [Gravity(severity)]


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({"python": (3, 10, 2)}, "problem", "Python 3.10 is too old"),
        ({"has_library": lambda name: name != "pyarrow"}, "warning", "Not installed: pyarrow"),
        ({"has_library": lambda name: name != "matplotlib"}, "note", "Not installed: matplotlib"),
        ({"free_bytes": lambda folder: 5_000_000}, "problem", "5 MB are free"),
        ({"free_bytes": lambda folder: 500_000_000}, "warning", "500 MB are free"),
        ({"now": NOON - timedelta(days=1)}, "problem", "The clock is behind"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_machine_lacks_is_named(
    project: Path, changes: dict[str, Any], severity: str, words: str
) -> None:
    assert [(d.severity, words in d.what) for d in said(project, **changes)] == [
        (Gravity(severity), True)
    ]


def test_running_as_root_and_another_owner_are_noted(project: Path) -> None:
    found = [d.what for d in diagnose(project, replace(AROUND, user_id=0))]
    assert any("runs as root" in what for what in found)
    stranger = diagnose(project, replace(AROUND, user_id=project.stat().st_uid + 1))
    assert any("belongs to user" in diagnosis.what for diagnosis in stranger)


def test_looking_makes_and_changes_nothing(project: Path) -> None:
    def state() -> dict[str, bytes]:
        files = [path for path in sorted(project.rglob("*")) if path.is_file()]
        kept = [f for f in files if not f.name.endswith(("-wal", "-shm"))]
        return {str(path): path.read_bytes() for path in kept}

    before = state()
    diagnose(project, around(project))
    assert state() == before


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_in_any_file_are_a_diagnosis_and_no_crash(project: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - bytes to spoil files with
    good = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    harmless = ("patients.csv", "log.lock", "-shm", "-wal", "pseudonym.key")
    for path, data in good.items():
        path.write_bytes(rng.randbytes(rng.choice([0, 7, 32, 5_000])))
        found = said(project)
        if path.name == "log-index.sqlite":  # can be made again
            assert Gravity.WARNING in [d.severity for d in found], path.name
        elif not path.name.endswith(harmless):
            assert Gravity.PROBLEM in [d.severity for d in found], path.name
        path.write_bytes(data)


def test_bytes_changed_inside_any_file_are_no_crash(project: Path) -> None:
    rng = random.Random(5)  # noqa: S311 - bytes to spoil files with
    files = [path for path in project.rglob("*") if path.is_file()]
    for path in files:
        good = path.read_bytes()
        for _ in range(4 if good else 0):
            place = rng.randrange(len(good))
            path.write_bytes(good[:place] + rng.randbytes(8) + good[place + 8 :])
            assert all(d.next_step for d in said(project))
        path.write_bytes(good)


def test_every_file_random_at_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (project / "assay.toml").read_bytes()
    for path in [path for path in project.rglob("*") if path.is_file()]:
        path.write_bytes(b"\x00\xff\x1b[31m" * 50)
    assert main(["doctor", str(project), "--fail-on", "problem"]) == 1
    (project / "assay.toml").write_bytes(text)
    assert main(["doctor", str(project), "--fail-on", "problem"]) == 1
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    assert shown.err == ""


def test_a_workspace_that_cannot_be_is_no_crash(project: Path) -> None:
    with (project / "assay.toml").open("a") as stream:
        stream.write('[workspace]\nfolder = "~nobody-of-that-name"\n')
    assert {d.severity for d in said(project)} == {Gravity.PROBLEM}


def test_no_diagnosis_holds_a_key(project: Path) -> None:
    key = secret_from_file(project / ".assay/keys/log.key", create=False)
    _other_schema(project)
    _change_entry(project)
    words = " ".join(f"{d.what} {d.next_step}" for d in said(project))
    assert key.hex() not in words
    assert str(key) not in words


def test_a_database_url_with_a_password_is_not_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_STORE_URL", "postgresql://me:pa55word@127.0.0.1:1/none")
    found = said(project)
    assert [d.severity for d in found] == [Gravity.PROBLEM]
    assert "pa55word" not in found[0].what
    monkeypatch.setenv("ASSAY_STORE_URL", "nonsense pa55word")
    assert "pa55word" not in " ".join(d.what for d in said(project))


def test_json_says_the_same_and_fail_on_decides_the_status(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _forget_facts(project)
    assert main(["doctor", str(project), "--json", "-"]) == 0
    said_json = json.loads(capsys.readouterr().out)
    assert said_json["schema"] == 1
    assert said_json["counts"]["warning"] >= 1
    assert any("No facts" in d["what"] for d in said_json["diagnoses"])
    assert main(["doctor", str(project), "--fail-on", "warning"]) == 1
    assert "what to do" in capsys.readouterr().out
    assert main(["doctor", str(project), "--fail-on", "nothing"]) == 2


def test_a_log_that_another_process_writes_can_be_looked_at(project: Path) -> None:
    with open_log_for_writing(read_settings(project)):
        assert said(project) == []


def test_migrate_brings_records_to_the_newest_schema(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".assay/records.sqlite").unlink()
    assert main(["store", "migrate", str(project), "--json", "-"]) == 0
    newest = newest_revision()
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "before": None, "after": newest}
    assert main(["store", "migrate", str(project)]) == 0
    assert f"have schema {newest} already" in capsys.readouterr().out
    assert said(project) == []


def test_migrate_refuses_a_schema_that_it_does_not_know(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _other_schema(project)
    assert main(["store", "migrate", str(project)]) == 3
    assert "a newer assay made it" in capsys.readouterr().err.lower()
