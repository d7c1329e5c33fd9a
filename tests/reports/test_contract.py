"""The laws of the room, over every member."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.plugins import available
from assay.reports.interface import Report
from assay.vocabulary import Assessment

from . import example

REPORTS: list[Report] = [member.use() for member in available("reports")]
_OTHER_PROCESS = """
import hashlib, json
from assay.plugins import available
from {example} import assessment
reports = [member.use() for member in available("reports")]
print(json.dumps({{r.name: hashlib.sha256(r.render(assessment())).hexdigest() for r in reports}}))
"""

each = pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)


def test_the_room_has_its_members() -> None:
    assert [report.name for report in REPORTS] == ["html", "json", "text"]


@each
def test_same_assessment_same_bytes(report: Report) -> None:
    assert report.render(example.assessment()) == report.render(example.assessment())


def test_same_bytes_in_another_process(full: Assessment) -> None:
    top = Path(__file__).parents[example.__name__.count(".")]
    program = _OTHER_PROCESS.format(example=example.__name__)
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "PYTHONPATH": str(top)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True
    )
    here = {r.name: hashlib.sha256(r.render(full)).hexdigest() for r in REPORTS}
    assert json.loads(done.stdout) == here


@each
def test_nothing_assessed_is_rendered(report: Report) -> None:
    assert b"Nobody Ltd" in report.render(example.empty())


@each
def test_name_suffix_and_media_type(report: Report) -> None:
    assert report.suffix.startswith(".")
    assert "/" in report.media_type


@each
def test_no_character_that_acts_is_left_raw(report: Report) -> None:
    rendered = report.render(example.assessment()).decode()
    assert "\x1b" not in rendered
    assert report.name == "json" or "\u202e" not in rendered
