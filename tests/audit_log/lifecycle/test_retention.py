"""What is removed, what is kept by a hold or a neighbour, and that everything still verifies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.entry import entry_bytes
from assay.audit_log.interface import EventQuery
from assay.audit_log.lifecycle.archive import archive
from assay.audit_log.lifecycle.retention import Due, Hold, apply_retention, due
from assay.audit_log.lifecycle.verify_archive import verify_archive
from assay.audit_log.lifecycle.volume import Volume
from assay.audit_log.lifecycle.volume_files import UNFINISHED
from assay.audit_log.merkle import inclusion_holds, leaf_hash
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.proofs import inclusion_proof
from assay.audit_log.query import read_events
from assay.errors import BadInput, LogDamaged, LogError, NotAnArchive
from tests.audit_log.lifecycle.logs import (
    EARLY,
    MONDAY,
    OTHER_SIGNER,
    OTHER_TRUST,
    SHARED,
    SIGNER,
    TRUST,
    VERIFIER,
    access_to,
    event,
    fill,
)

DAY = timedelta(days=1)
NOTES = {"note": "P30D"}


def entries(
    *types: str, start: int = 0, at: datetime = MONDAY, step: timedelta = timedelta()
) -> Iterator[tuple[int, bytes]]:
    """Entries of these types, from an index on."""
    for n, type_ in enumerate(types):
        yield start + n, entry_bytes(event(n, type_, at + n * step))


def test_the_last_day_of_the_period_is_still_kept() -> None:
    notes = list(entries(*["note"] * 256))
    first_day = datetime(2026, 4, 2, tzinfo=UTC)
    assert due(NOTES, [], first_day - DAY / 24, notes).count == 0
    assert due(NOTES, [], first_day, notes) == Due(((0, 256),))


def test_a_month_is_a_calendar_month() -> None:
    notes = list(entries(*["note"] * 256, at=datetime(2026, 1, 31, 23, tzinfo=UTC)))
    assert due({"note": "P1M"}, [], datetime(2026, 2, 28, 23, tzinfo=UTC), notes).count == 0
    assert due({"note": "P1M"}, [], datetime(2026, 3, 1, tzinfo=UTC), notes).count == 256


@pytest.mark.parametrize(
    ("types", "rules", "expected"),
    [
        (["note"] * 512, NOTES, Due(((0, 512),))),
        (
            ["note"] * 256 + ["user_login"] + ["note"] * 511,
            NOTES,
            Due(((0, 256), (512, 768)), 0, 255),
        ),
        (["note"] * 300, NOTES, Due(((0, 256),), 0, 44)),
        (["note"] * 255 + ["user_login"], {**NOTES, "default": "P10D"}, Due(((0, 256),))),
        (["note"] * 255 + ["user_login"], {**NOTES, "default": "P10Y"}, Due((), 0, 255)),
        (["note"] * 256, {"user_login": "P1D"}, Due()),
        (["note"] * 256, {}, Due()),
        ([], NOTES, Due()),
    ],
    ids=["all", "a neighbour", "no whole bundle", "default", "longer", "no rule", "none", "empty"],
)
def test_whole_bundles_of_what_is_due(
    types: list[str], rules: dict[str, str], expected: Due
) -> None:
    assert due(rules, [], MONDAY + 90 * DAY, entries(*types)) == expected


@pytest.mark.parametrize(
    ("hold", "held"),
    [
        (Hold("a case"), 512),
        (Hold("a case", frozenset({"note"})), 512),
        (Hold("a case", frozenset({"user_login"})), 0),
        (Hold("a case", since=date(2026, 3, 3)), 0),
        (Hold("a case", until=date(2026, 3, 1)), 0),
        (Hold("a case", since=date(2026, 3, 2), until=date(2026, 3, 2)), 512),
    ],
)
def test_holds(hold: Hold, held: int) -> None:
    found = due(NOTES, [hold], MONDAY + 90 * DAY, entries(*["note"] * 512))
    assert (found.held, found.count) == (held, 512 - held)


def test_one_held_entry_keeps_its_bundle_and_no_other() -> None:
    rows = list(entries(*["note"] * 512, step=timedelta(minutes=10)))
    hold = Hold("a case", since=date(2026, 3, 5))
    found = due(NOTES, [hold], MONDAY + 90 * DAY, rows)
    assert found.ranges == ((0, 256),)
    assert (found.held, found.waiting) == (512 - 432, 432 - 256)


def test_a_clock_that_jumped_ahead_keeps_its_bundle() -> None:
    rows = [*entries(*["note"] * 255), *entries("note", start=255, at=MONDAY + 3650 * DAY)]
    assert due(NOTES, [], MONDAY + 90 * DAY, rows) == Due((), 0, 255)


@pytest.mark.parametrize("period", ["30 days", "", "P", "PT1H", "P99999Y"])
def test_a_period_that_is_none_is_refused(period: str) -> None:
    with pytest.raises(BadInput):
        due({"note": period}, [], MONDAY + 90 * DAY, entries("note"))


def test_an_entry_that_is_no_event_is_damage() -> None:
    with pytest.raises(LogDamaged, match="not an event"):
        due(NOTES, [], MONDAY, [(0, b"{}")])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of 1,100 notes in the first days of March, the 700th of which is a login."""
    folder = tmp_path / "log"
    with open_sqlite_log(folder, SIGNER) as opened:
        events = [event(n, "user_login" if n == 700 else "note") for n in range(1_100)]
        events[3] = event(3, "note", None, SHARED, EARLY)
        events[900] = event(900, "note", None, SHARED)
        opened.keep(events, [SHARED, EARLY])
    return folder


def later(days: int) -> datetime:
    return MONDAY + days * DAY


def test_archived_entries_are_removed_and_every_proof_of_the_others_holds(
    log: Path, tmp_path: Path
) -> None:
    cold = tmp_path / "cold"
    access = access_to(log, clock=lambda: later(60))
    assert archive(access, cold, keep=0) is not None
    volume = Volume(cold / f"{0:012}")
    (first, here) = apply_retention(access, NOTES, [], cold)
    assert first.due.ranges == ((0, 512), (768, 1_024))
    assert (first.due.count, first.due.waiting, first.due.held) == (768, 255, 0)
    assert here.due.count == 0
    (seen,) = verify_archive(cold, TRUST)
    assert seen.seen.faults == ()
    assert (seen.removed, seen.seen.cited) == (768, 0)
    assert not list(cold.glob("*/cited/sha256/*"))
    left = Volume(volume.folder)
    assert b"number700" in left.entry(700)
    assert left.proof(700) == volume.proof(700)
    with pytest.raises(LogError, match="Entry 3 was removed by a retention rule"):
        left.entry(3)
    assert verify(log, VERIFIER).faults == ()
    with SqliteLogReader(log, VERIFIER) as reader:
        (recorded,) = read_events(reader, EventQuery(type="retention_applied"))
    assert recorded[0] == first.recorded_in[0]
    assert recorded[1].detail == {
        "where": "archive",
        "ranges": [[0, 512], [768, 1024]],
        "count": 768,
        "rules": NOTES,
        "holds": 0,
    }


def test_the_log_loses_only_its_beginning(log: Path) -> None:
    access = access_to(log, clock=lambda: later(60))
    with SqliteLogReader(log, VERIFIER) as reader:
        old, leaf = reader.newest_checkpoint(), leaf_hash(reader.entry(3))
    (here,) = apply_retention(access, NOTES, [])
    assert here.due.ranges == ((0, 512),)
    assert here.due.waiting == 1_099 - 512
    assert verify(log, VERIFIER).faults == ()
    with SqliteLogReader(log, VERIFIER) as reader:
        assert reader.minimum_index == 512
        assert old is not None
        assert inclusion_holds(leaf, 3, old.size, inclusion_proof(reader, 3, old.size), old.root)
        assert reader.cited_bytes(SHARED.digest) == SHARED.data
        with pytest.raises(LogError, match="does not keep"):
            reader.cited_bytes(EARLY.digest)
    everything = b"".join(path.read_bytes() for path in log.iterdir())
    assert EARLY.data not in everything
    assert b"number3\x22" not in everything


def test_a_dry_run_and_a_hold_remove_nothing(log: Path, tmp_path: Path) -> None:
    cold = tmp_path / "cold"
    access = access_to(log, clock=lambda: later(60))
    archive(access, cold, keep=300)
    size = sum(1 for _ in cold.rglob("*"))
    looked = apply_retention(access, NOTES, [], cold, dry_run=True)
    assert [one.due.count for one in looked] == [512, 256]
    held = apply_retention(access, NOTES, [Hold("a case")], cold)
    assert [(one.due.count, one.recorded_in) for one in held] == [(0, ()), (0, ())]
    assert held[0].due.held + held[1].due.held == 1_099
    assert sum(1 for _ in cold.rglob("*")) == size
    assert verify(log, VERIFIER).clean


def test_what_was_recorded_and_not_yet_removed_is_removed_by_the_next_run(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = tmp_path / "cold"
    access = access_to(log, clock=lambda: later(60))
    archive(access, cold, keep=0)

    def refuse(self: Path, *, missing_ok: bool = False) -> None:
        if self.suffix == ".gz":
            raise PermissionError
        unlink(self, missing_ok=missing_ok)

    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(PermissionError):
        apply_retention(access, NOTES, [], cold)
    monkeypatch.undo()
    (cold / f"{0:012}" / UNFINISHED).write_bytes(b"half a manif")
    (seen,) = verify_archive(cold, TRUST)
    assert any("is still here" in fault.what for fault in seen.seen.faults)
    apply_retention(access, NOTES, [], cold)
    (seen,) = verify_archive(cold, TRUST)
    assert seen.seen.faults == ()
    assert seen.removed == 768


def test_another_logs_archive_is_left_alone(log: Path, tmp_path: Path) -> None:
    other, cold = tmp_path / "other", tmp_path / "cold"
    fill(other, 600, OTHER_SIGNER)
    archive(access_to(other, OTHER_SIGNER, OTHER_TRUST.log_keys), cold)
    with pytest.raises(NotAnArchive, match="another log"):
        apply_retention(access_to(log, clock=lambda: later(60)), NOTES, [], cold)
    assert verify_archive(cold, OTHER_TRUST)[0].seen.clean
