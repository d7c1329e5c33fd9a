"""An exported folder as a log: the same report, and what is missing or broken is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.report.exported_log import ExportedLog
from assay.audit_log.report.make import make_report, newest_anchor
from assay.audit_log.report.render import html, json_bytes
from assay.audit_log.report.verify_report import verify_report
from assay.audit_log.signer import LogSigner
from assay.audit_log.tiles_folder import export
from assay.errors import LogError, NotAnExport
from tests.audit_log.report.logs import ALONE, KEY, MONDAY, ORIGIN, WEEK, event

QUESTION = replace(WEEK, until=MONDAY + timedelta(days=60))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export of 600 entries, and a report of the live log beside it."""
    with open_sqlite_log(tmp_path / "log", LogSigner(ORIGIN, KEY)) as log:
        log.keep([event(n, actor=str(n % 3)) for n in range(600)])
        made = make_report(log.reader, newest_anchor(log.reader, ALONE), QUESTION)
        export(log.reader, tmp_path / "export", ALONE.log_keys)
    (tmp_path / "report.html").write_bytes(html(made))
    (tmp_path / "report.json").write_bytes(json_bytes(made))
    return tmp_path / "export"


@pytest.mark.parametrize("name", ["report.html", "report.json"])
def test_a_report_of_the_live_log_verifies_on_an_export(folder: Path, name: str) -> None:
    data = (folder.parent / name).read_bytes()

    assert verify_report(data, ExportedLog(folder), ALONE).differences == ()


def test_an_export_gives_the_same_report(folder: Path) -> None:
    log = ExportedLog(folder)
    made = make_report(log, newest_anchor(log, ALONE), QUESTION)

    assert json_bytes(made) == (folder.parent / "report.json").read_bytes()


def test_a_changed_entry_of_the_export_is_named(folder: Path) -> None:
    bundle = folder / "tile" / "entries" / "001"
    data = bytearray(bundle.read_bytes())
    at = data.index(b'"outcome":"success"')
    data[at + 11 : at + 18] = b"sUccess"
    bundle.write_bytes(data)
    [difference] = verify_report(
        (folder.parent / "report.json").read_bytes(), ExportedLog(folder), ALONE
    ).differences

    assert "entry 256 is not what was hashed" in difference.what


def test_a_bundle_that_is_gone_is_unknown_and_no_pass(folder: Path) -> None:
    (folder / "tile" / "entries" / "000").unlink()
    log = ExportedLog(folder)
    seen = verify_report((folder.parent / "report.json").read_bytes(), log, ALONE)

    assert not seen.clean
    assert make_report(log, newest_anchor(log, ALONE), QUESTION)["log"]["unreadable"] == 256


@pytest.mark.parametrize("name", ["tile/entries/001", "tile/entries/002.p/88"])
def test_a_bundle_that_is_cut_is_named(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-3])
    [difference] = verify_report(
        (folder.parent / "report.json").read_bytes(), ExportedLog(folder), ALONE
    ).differences

    assert "entry bundle" in difference.what


def test_a_tile_that_is_gone_is_named_where_it_is_needed(folder: Path) -> None:
    (folder / "tile" / "entries" / "000").unlink()
    (folder / "tile" / "0" / "000").unlink()
    [difference] = verify_report(
        (folder.parent / "report.json").read_bytes(), ExportedLog(folder), ALONE
    ).differences

    assert "tile/0/000" in difference.what


def test_a_folder_without_a_checkpoint_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(NotAnExport, match="holds no exported log"):
        ExportedLog(tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\n\n", b"one\ntwo\n\n", b"a\n-1\nAAAA\n\n\xe2\x80\x94 a b\n"]
)
def test_a_checkpoint_that_is_none_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "checkpoint").write_bytes(data)
    with pytest.raises(LogError):
        ExportedLog(tmp_path)
