"""Every event type is emitted by the public commands and calls that the table names.

Each emitter of `event_types.own()` is driven here: a command of the command line, or a call that
`docs/how-to/log-from-your-code.md` shows. What it leaves in the log is read by `assay log query`, or
from the log itself. A type without an emitter fails, and so does an emitter that nobody drives.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from assay.audit_log import event_types
from assay.audit_log.emitting import AuditLogHandler, AuditMiddleware, audited
from assay.audit_log.entry import event_of, new_event
from assay.audit_log.erasing import erase_subject
from assay.audit_log.log import AuditLog
from assay.bootstrap import open_log_for_writing
from assay.crypto.key_encryption import KeyEncryptionKey
from assay.crypto.subject_keys import SubjectKeys, new_subject
from assay.settings import read_settings
from tests.audit_log.emitting.delivering import open_real_log
from tests.audit_log.emitting.fakes import ACTOR, CLINIC
from tests.workspaces import Workspace, command, make_workspace

_EMITTED = [(one.name, emitter) for one in event_types.own() for emitter in one.emitters]


def test_every_type_has_an_emitter_and_every_emitter_is_driven() -> None:
    assert [one.name for one in event_types.own() if not one.emitters] == []
    named = {emitter for one in event_types.own() for emitter in one.emitters}
    assert named == {*_COMMANDS, *_CALLS}


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], frozenset[str]]:
    """The types that a command leaves in a log; each command is carried out once."""

    @cache
    def drive(emitter: str) -> frozenset[str]:
        folder = tmp_path_factory.mktemp("workspace")
        return frozenset(_types_in(_COMMANDS[emitter](folder)))

    return drive


@pytest.mark.parametrize(
    ("type_", "emitter"),
    [
        pytest.param(t, e, marks=[pytest.mark.long] if e == "assay demo" else [])
        for t, e in _EMITTED
        if not e.startswith("assay.") and e != event_types.APPEND
    ],
)
def test_the_command_emits_the_type(
    type_: str, emitter: str, driven: Callable[[str], frozenset[str]]
) -> None:
    assert type_ in driven(emitter)


def test_log_append_emits_each_type_with_its_severity(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    types = [one for one in event_types.own() if event_types.APPEND in one.emitters]
    for one in types:
        done = command(
            "log", "append", "--settings", workspace.toml, "--type", one.name, "--action", "try"
        )
        assert done.status == 0, done.err
    found = {event["type"]: event["severity"] for event in _events_in(workspace)}
    assert found == {one.name: one.severity.word for one in types}


@pytest.mark.parametrize(
    ("type_", "emitter"), [(t, e) for t, e in _EMITTED if e.startswith("assay.")]
)
def test_the_call_emits_the_type(type_: str, emitter: str, tmp_path: Path) -> None:
    with open_real_log(tmp_path / "log") as log:
        _CALLS[emitter](log, type_)
        events = [event_of(data) for _, data in log.reader.entries(0, log.size)]
    assert type_ in {event.type for event in events}


_FAILS_WHILE_EXAMINED = """
import pathlib
import traceback
_scores = scores

def scores(batch):
    gone = pathlib.Path(__file__).with_name("gone").exists()
    if gone and any(frame.name == "examine" for frame in traceback.extract_stack()):
        raise OSError("gone")
    return _scores(batch)
"""


def _assess(folder: Path) -> Path:
    """One assessment that cannot end, since its model fails while it is attacked, and one that can."""
    workspace = make_workspace(folder, "function")
    with (folder / "scorer.py").open("a") as stream:
        stream.write(_FAILS_WHILE_EXAMINED)
    (folder / "gone").touch()
    assert command("assess", workspace.toml, "--depth", "quick").status in (2, 3)
    (folder / "gone").unlink()
    assert command("assess", workspace.toml, "--depth", "quick").status in (0, 1)
    return folder


def _check_run(folder: Path) -> Path:
    workspace = make_workspace(folder)
    assert command("check", "run", workspace.toml).status in (0, 1)
    return folder


def _robustness(folder: Path) -> Path:
    workspace = make_workspace(folder, "function")
    done = command("model", "robustness", workspace.toml, "--depth", "quick")
    assert done.status == 0, done.err
    return folder


def _demo(folder: Path) -> Path:
    assert command("demo", folder / "demo").status in (0, 1)
    return folder / "demo"


def _append(folder: Path) -> Path:
    workspace = make_workspace(folder)
    assert command("log", "append", "--settings", workspace.toml, "--action", "try").status == 0
    return folder


def _review(folder: Path) -> Path:
    folder = _append(folder)
    out = folder / "log.json"
    made = command("log", "report", folder, "--format", "json", "--out", out)
    assert made.status == 0, made.err
    done = command("log", "review", out, "--settings", folder)
    assert done.status == 0, done.err
    return folder


def _heartbeat(folder: Path) -> Path:
    workspace = make_workspace(folder)
    assert command("log", "heartbeat", "--settings", workspace.toml).status == 0
    return folder


def _long_log(folder: Path) -> Path:
    """A workspace whose log has 300 old entries, and rules by which they may go."""
    workspace = make_workspace(folder)
    with workspace.toml.open("a") as stream:
        stream.write('[log.retention]\nnote = "P1Y"\n')
    old = datetime(2020, 1, 1, tzinfo=UTC)
    with open_log_for_writing(read_settings(workspace.folder)) as log:
        log.keep(
            [
                new_event("note", occurred_at=old, actor=ACTOR, action="try", target=CLINIC)
                for _ in range(300)
            ]
        )
    return folder


def _archive(folder: Path) -> Path:
    workspace = _long_log(folder / "w")
    done = command("log", "archive", folder / "cold", "--settings", workspace, "--keep", "10")
    assert done.status == 0, done.err
    return workspace


def _retain(folder: Path) -> Path:
    done = command("log", "retain", "--settings", _long_log(folder))
    assert done.status == 0, done.err
    return folder


def _import(folder: Path) -> Path:
    other, bundle = _append(folder / "other"), folder / "bundle"
    assert command("log", "export", bundle, "--settings", other).status == 0
    workspace, key = make_workspace(folder / "w"), other / ".assay" / "log.vkey"
    done = command("log", "import", bundle, "--key", key, "--settings", workspace.toml)
    assert done.status == 0, done.err
    return workspace.folder


def _events_in(workspace: Workspace) -> list[dict[str, Any]]:
    done = command("log", "query", workspace.toml, "--limit", "10000", "--json", "-")
    assert done.status == 0, done.err
    events: list[dict[str, Any]] = json.loads(done.out)["events"]
    return events


def _types_in(folder: Path) -> set[str]:
    return {event["type"] for event in _events_in(Workspace(folder))}


def _audited(log: AuditLog, type_: str) -> None:
    @audited(log, type_, "try", CLINIC, actor=ACTOR)
    def call() -> None:
        pass

    call()


def _handler(log: AuditLog, type_: str) -> None:
    logger = logging.Logger("clinic")
    logger.addHandler(AuditLogHandler(log, actor=ACTOR, target=CLINIC))
    if type_ == "error_event":
        logger.error("try %d", 1)
    else:
        logger.warning("try %d", 1)


def _middleware(log: AuditLog, type_: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if type_ == "error_event":
            raise RuntimeError

    async def send(message: Any) -> None:
        pass

    served = AuditMiddleware(app, log, target=CLINIC, actor=lambda _: ACTOR)
    try:
        asyncio.run(served({"type": "http", "method": "GET", "headers": []}, None, send))
    except RuntimeError:
        assert type_ == "error_event"


def _erase(log: AuditLog, _: str) -> None:
    with TemporaryDirectory() as folder:
        path, wrapper = Path(folder) / "keys.sqlite", KeyEncryptionKey(bytes(32))
        with SubjectKeys(path, wrapper, clock=lambda: datetime.now(UTC)) as keys:
            subject = new_subject()
            keys.ensure([subject])
            erase_subject(log, keys, subject, actor=ACTOR, target=CLINIC)


_COMMANDS: dict[str, Callable[[Path], Path]] = {
    "assay assess": _assess,
    "assay check run": _check_run,
    "assay model robustness": _robustness,
    "assay demo": _demo,
    event_types.APPEND: _append,
    "assay log review": _review,
    "assay log heartbeat": _heartbeat,
    "assay log archive": _archive,
    "assay log retain": _retain,
    "assay log import": _import,
}
_CALLS: dict[str, Callable[[AuditLog, str], None]] = {
    event_types.AUDITED: _audited,
    event_types.HANDLER: _handler,
    event_types.MIDDLEWARE: _middleware,
    event_types.ERASE: _erase,
}
