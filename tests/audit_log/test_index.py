"""The index of a log in SQLite: made again, joined as it grows, never in the way of the log."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import apsw
import pytest

from assay.audit_log.backends import _sqlite_follower
from assay.audit_log.backends._sqlite_index import IndexReader
from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_files import DATABASE, INDEX
from assay.audit_log.interface import EventQuery
from assay.audit_log.opening import LogPlace, open_sqlite_log, reindex_log
from assay.errors import LogBusy
from tests.audit_log.conftest import SIGNER, event

VERIFIER = SIGNER.verifier


def tables(folder: Path) -> dict[str, list[Any]]:
    """What the projections say; texts in place of the numbers that they happen to have."""
    db = apsw.Connection(str(folder / DATABASE))
    said = {
        name: list(db.execute(f"SELECT * FROM {name} ORDER BY 1, 2"))
        for name in ("node", "event_id")
    }
    db.close()
    db = apsw.Connection(str(folder / INDEX))
    said["rows"] = list(IndexReader(db).rows())
    said["hours"] = list(IndexReader(db).kinds_by_hour())
    db.close()
    return said


def write(folder: Path, count: int = 700, batch: int = 50) -> None:
    with open_sqlite_log(folder, SIGNER) as log:
        for first in range(0, count, batch):
            log.append_many([event(n) for n in range(first, min(first + batch, count))]).sequenced()
        log.settle()


def test_projections_made_again_are_those_that_were_there(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    write(folder)
    before = tables(folder)
    assert len(before["node"]) == 2
    db = apsw.Connection(str(folder / DATABASE))
    db.execute("DELETE FROM node; UPDATE event_id SET idx = idx + 1").fetchall()
    db.close()
    db = apsw.Connection(str(folder / INDEX))
    db.execute("UPDATE word SET text = text || 'x'; DELETE FROM hourly").fetchall()
    db.close()
    seen = verify(folder, VERIFIER)
    assert seen.evidence_intact
    assert not seen.clean
    assert reindex_log(LogPlace(folder), VERIFIER) == 700
    assert tables(folder) == before
    assert verify(folder, VERIFIER).clean


def test_reindexing_beside_a_writer_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        log.keep([event(0)])
        with pytest.raises(LogBusy):
            reindex_log(LogPlace(tmp_path / "log"), VERIFIER)
        log.keep([event(1)])
        assert log.settle(30)
    assert verify(tmp_path / "log", VERIFIER).clean


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("batch", [1, 2, 3, 5, 8, 20])
def test_blocks_are_joined_and_end_at_super_blocks(tmp_path: Path, batch: int) -> None:
    write(tmp_path / "log", count=40, batch=batch)
    db = apsw.Connection(str(tmp_path / "log" / INDEX))
    blocks = list(db.execute("SELECT first, length(at) / 8 FROM block ORDER BY first"))
    supers = db.execute("SELECT count(DISTINCT super) FROM member").get
    db.close()
    assert sum(length for _, length in blocks) == 40
    assert supers == 5
    assert len(blocks) <= 25
    assert all(first // 8 == (first + length - 1) // 8 for first, length in blocks)
    assert verify(tmp_path / "log", VERIFIER).clean


@pytest.mark.parametrize("damage", ["gone", "cut", "no database"])
def test_an_unusable_index_is_made_again_by_the_next_writer(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "log"
    write(folder)
    path = folder / INDEX
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:5000] if damage == "cut" else b"no database" * 1000)
    with open_sqlite_log(folder, SIGNER) as log:
        assert log.append(event(700)).index(30) == 700
        assert log.settle(30)
    assert verify(folder, VERIFIER).clean
    assert reindex_log(LogPlace(folder), VERIFIER) == 701
    assert verify(folder, VERIFIER).clean


def test_an_index_that_is_far_behind_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index of a long log was removed: appending does not wait until it is made again."""
    folder = tmp_path / "log"
    write(folder)
    (folder / INDEX).unlink()
    monkeypatch.setattr(_sqlite_follower, "HANDED_MAX", 20)
    monkeypatch.setattr(_sqlite_follower, "_CHUNK", 10)
    go_on = threading.Event()
    event_of = _sqlite_follower.event_of

    def slow(data: bytes) -> Any:
        assert go_on.wait(60)
        return event_of(data)

    monkeypatch.setattr(_sqlite_follower, "event_of", slow)
    log = open_sqlite_log(folder, SIGNER)
    for number in range(700, 800):
        assert log.append(event(number)).index(10) == number
    assert not log.settle(0.01)
    go_on.set()
    assert log.settle(30)
    assert log.reader.count(EventQuery()) == 800
    log.close()
    assert verify(folder, VERIFIER).clean


def test_an_index_that_is_a_little_slow_holds_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits to be indexed is bounded: then the writer waits too."""
    monkeypatch.setattr(_sqlite_follower, "HANDED_MAX", 20)
    writer = _sqlite_follower.IndexWriter
    go_on = threading.Event()

    class Slow(writer):  # type: ignore[misc, valid-type]
        def add(self, first: int, events: Any) -> None:
            assert go_on.wait(60)
            super().add(first, events)

    monkeypatch.setattr(_sqlite_follower, "IndexWriter", Slow)
    log = open_sqlite_log(tmp_path / "log", SIGNER)
    tickets = []
    for number in range(60):
        tickets.append(log.append(event(number)))
        time.sleep(0.002)
    assert not tickets[-1].done
    go_on.set()
    assert tickets[-1].index(30) == 59
    assert log.settle(30)
    log.close()
    assert verify(tmp_path / "log", VERIFIER).clean
