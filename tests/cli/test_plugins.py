"""`assay plugins` lists everything, on paper and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.cli.main import main
from assay.plugins import ROOMS, members


def test_every_member_of_every_room_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins"]) == 0
    out = capsys.readouterr().out
    names = [member.name for room in ROOMS for member in members(room)]
    assert [name for name in names if name not in out] == []
    assert f"{len(names)} members" in out


def test_json_holds_what_is_known_of_a_member(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["plugins", "--room", "attacks", "--json", "-"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["schema"] == 1
    assert {member["room"] for member in listed["members"]} == {"attacks"}
    fgsm = next(member for member in listed["members"] if member["name"] == "fgsm")
    assert fgsm["summary"] == "The fast gradient sign method: one step to the edge of the ball."
    assert (fgsm["origin"], fgsm["available"], fgsm["extra"]) == ("assay", True, "torch")
    file = tmp_path / "members.json"
    assert main(["plugins", "--room", "attacks", "--json", str(file)]) == 0
    assert json.loads(file.read_text()) == listed


def test_a_room_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "--room", "kitchen"]) == 2
    assert "kitchen" in capsys.readouterr().err
