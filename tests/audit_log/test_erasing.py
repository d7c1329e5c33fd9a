"""A person's fields in a real log: sealed before hashing, gone with the key, the tree as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

import assay
from assay.audit_log.caller import client
from assay.audit_log.entry import event_of, new_event
from assay.audit_log.interface import EventQuery
from assay.bootstrap import SUBJECT_KEY_VARIABLE, actor_of, open_log_for_writing
from assay.crypto.subject_keys import new_subject
from assay.errors import KeyMissing, WrongKey
from assay.settings import read_settings
from assay.vocabulary import Target, TargetKind
from tests.audit_log.conftest import NOON
from tests.workspaces import make_workspace

CLINIC = Target(TargetKind.SYSTEM, "clinic")
SECRET, OTHER = "ada.of.the.clinic@example.org", "+49 30 5550199"


def _bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_one_of_two_people_is_erased_and_everything_still_verifies(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    settings = read_settings(workspace.folder)
    first, second = new_subject(), new_subject()
    with open_log_for_writing(settings) as log, assay.open_subject_keys(settings) as keys:
        event = new_event(
            "data_access", occurred_at=NOON, actor="actor:1", action="read", target=CLINIC
        )
        kept = assay.sealed(event, {"email": (first, SECRET), "phone": (second, OTHER)}, keys)
        index = log.keep([kept])[0]
        entry, root = log.reader.entry(index), log.publish()
        assert assay.opened(event_of(entry), keys).values == {"email": SECRET, "phone": OTHER}

        with client(agent="erasure desk"):
            actor = actor_of(settings)
            gone = assay.erase_subject(log, keys, first, actor=actor, target=CLINIC, request="R-17")
            again = assay.erase_subject(log, keys, first, actor=actor, target=CLINIC)
        assert gone == again
        assert log.reader.entry(index) == entry
        now = assay.opened(event_of(entry), keys)
        assert (now.values, [erased.field for erased in now.erased]) == (
            {"phone": OTHER},
            ["email"],
        )
        ((_, said),) = log.reader.query(EventQuery(type="subject_key_destroyed"))
        assert event_of(said).detail["commitment"] == gone.commitment.hex()
        assert event_of(said).client_agent == "erasure desk"
    assert root is not None
    seen = assay.verify_log(settings, root.note)
    assert seen.clean, seen.faults
    assert SECRET.encode() not in _bytes_of(workspace.folder)
    assert OTHER.encode() not in _bytes_of(workspace.folder)


def test_the_wrapping_key_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings(make_workspace(tmp_path / "w").folder)
    subject = new_subject()
    monkeypatch.setenv(SUBJECT_KEY_VARIABLE, "11" * 32)
    with assay.open_subject_keys(settings) as keys:
        keys.ensure([subject])
        with pytest.raises(KeyMissing):
            keys.key_for(new_subject())
    assert not (settings.workspace_folder / "keys" / "subjects.key").exists()
    monkeypatch.setenv(SUBJECT_KEY_VARIABLE, "22" * 32)
    with pytest.raises(WrongKey):
        assay.open_subject_keys(settings)
