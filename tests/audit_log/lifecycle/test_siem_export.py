"""Lines for a SIEM, written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.lifecycle.siem_export import siem_format, siem_lines, write_siem
from assay.errors import LogDamaged, NotWritable, UnknownFormat
from tests.audit_log.lifecycle.logs import ORIGIN, VERIFIER, fill


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLogReader]:
    fill(tmp_path / "log", 20)
    with SqliteLogReader(tmp_path / "log", VERIFIER) as reader:
        yield reader


@pytest.mark.parametrize("name", ["ocsf", "cloudevents"])
def test_every_entry_has_a_line_that_gives_it_back(
    log: SqliteLogReader, tmp_path: Path, name: str
) -> None:
    assert write_siem(log, name, tmp_path / "out.jsonl", 3, 18) == 15
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines(keepends=True)
    read = [siem_format(name).read(line) for line in lines]
    assert [logged.index for logged in read] == [*range(3, 18)]
    assert {logged.origin for logged in read} == {ORIGIN}
    assert list(siem_lines(log, name, 3, 18)) == lines
    assert len(list(siem_lines(log, name))) == 20


def test_an_unknown_format_is_told(log: SqliteLogReader) -> None:
    with pytest.raises(UnknownFormat, match="no SIEM format 'cef'") as raised:
        siem_lines(log, "cef")
    assert "cloudevents, ocsf" in raised.value.next_step


def test_what_was_there_stays_when_it_cannot_be_written(
    log: SqliteLogReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text("old")

    def damaged(*_: object) -> Iterator[tuple[int, bytes]]:
        yield 0, log.entry(0)
        yield 1, b"{}"

    monkeypatch.setattr(SqliteLogReader, "entries", damaged)
    with pytest.raises(LogDamaged):
        write_siem(log, "ocsf", file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "out.jsonl"]
    assert file.read_text() == "old"
    with pytest.raises(NotWritable):
        write_siem(log, "ocsf", tmp_path / "nowhere" / "out.jsonl")
