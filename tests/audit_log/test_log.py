"""What the log promises to whoever writes and reads it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import apsw
import pytest

from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_files import DATABASE
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.entry import by_digest, citations, entry_bytes
from assay.audit_log.interface import EventQuery
from assay.audit_log.notes import VerifierKey
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.query import read_events
from assay.crypto.signing import SigningKey
from assay.errors import (
    BadEvent,
    BadNote,
    EntryTooLarge,
    LogBusy,
    LogDamaged,
    LogError,
    NaiveInstant,
    NotUnicode,
    NotWritable,
    UnknownEventType,
)
from assay.vocabulary import Event, Exhibit, Severity
from tests.audit_log.conftest import KEY, NOON, ORIGIN, SIGNER, event, exhibit

VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)


def test_a_new_log_verifies(small_log: Path) -> None:
    seen = verify(small_log, VERIFIER)
    assert seen.clean
    assert (seen.size, seen.checkpoints, seen.cited) == (7, 3, 2)
    assert seen.newest is not None
    assert seen.newest.root == seen.root


def test_appending_the_same_event_again_gives_the_old_index(small_log: Path) -> None:
    with open_sqlite_log(small_log, SIGNER) as log:
        assert log.keep([event(4), event(7)]) == (4, 7)
        assert log.size == 8


def test_a_batch_with_one_bad_event_leaves_nothing(small_log: Path) -> None:
    too_long = event(8)
    too_long = type(too_long)(
        **{f: getattr(too_long, f) for f in too_long.__slots__ if f != "detail"},
        detail={"text": "x" * 70_000},
    )
    with open_sqlite_log(small_log, SIGNER) as log:
        with pytest.raises(EntryTooLarge, match="more than an entry holds"):
            log.keep([event(7), too_long])
        assert log.size == 7
    assert verify(small_log, VERIFIER).clean


def test_a_second_writer_is_refused_by_name(small_log: Path) -> None:
    with (
        open_sqlite_log(small_log, SIGNER),
        pytest.raises(LogBusy, match=f"process {os.getpid()} since"),
    ):
        open_sqlite_log(small_log, SIGNER)


def test_a_reader_sees_what_was_written(small_log: Path) -> None:
    with SqliteLogReader(small_log, VERIFIER) as log:
        assert log.size == 7
        assert log.cited_bytes(exhibit("evidence one").digest) == b"evidence one"
        checkpoint = log.newest_checkpoint()
        assert checkpoint is not None
        assert checkpoint.size == 7
        with pytest.raises(LogError, match="no entry 7"):
            log.entry(7)


def test_queries_filter_and_come_newest_first(small_log: Path) -> None:
    with SqliteLogReader(small_log, VERIFIER) as log:

        def found(wanted: EventQuery) -> list[int]:
            return [index for index, _ in read_events(log, wanted)]

        assert found(EventQuery()) == [6, 5, 4, 3, 2, 1, 0]
        assert found(EventQuery(actor="actor:1")) == [4, 1]
        assert found(EventQuery(limit=2)) == [6, 5]
        since, until = NOON + timedelta(seconds=2), NOON + timedelta(seconds=4)
        assert found(EventQuery(since=since, until=until)) == [3, 2]
        assert found(EventQuery(severity_min=Severity.HIGH)) == []
        assert found(EventQuery(type="assessment")) == []


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="There is no log at"):
        SqliteLogReader(tmp_path, VERIFIER)
    with pytest.raises(LogError, match="There is no log at"):
        verify(tmp_path, VERIFIER)


def test_a_file_that_is_no_log_is_named(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(LogDamaged, match="is damaged"):
        SqliteLogReader(tmp_path, VERIFIER)
    assert not verify(tmp_path, VERIFIER).clean


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritable, match="cannot be written"):
        open_sqlite_log(tmp_path / "file" / "log", SIGNER)


def test_a_log_on_a_read_only_disk_is_read_and_verified(small_log: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "--bind", "-o", "ro", str(small_log), str(disk)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("a file system can be mounted by root only")
    try:
        assert verify(disk, VERIFIER).clean
        with SqliteLogReader(disk, VERIFIER) as log:
            assert log.size == 7
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


# Bad input


def with_(**changes: Any) -> Event:
    return replace(event(7), **changes)


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (with_(detail={"text": "x" * 70_000}), EntryTooLarge, "by_digest"),
        (with_(actor="x" * 70_000), EntryTooLarge, "more than an entry holds"),
        (with_(type="no such type"), UnknownEventType, "no such type"),
        (with_(occurred_at=datetime(2026, 11, 22, 12)), NaiveInstant, "no zone"),  # noqa: DTZ001
        (with_(actor=b"\xff".decode("utf-8", "surrogateescape")), NotUnicode, "not Unicode"),
        (with_(id="\ud800"), NotUnicode, "not Unicode"),
        (with_(detail={"text": "half a pair: \udc00"}), NotUnicode, "not Unicode"),
        (with_(detail={"\udc00": "a key"}), NotUnicode, "not Unicode"),
        (with_(detail={"a": {1, 2}}), BadEvent, "JSON does not"),
        (with_(detail=deep(2_000)), BadEvent, "too deep"),
        (with_(detail={"a": float("nan")}), BadEvent, "JSON does not"),
        (with_(detail={"a": 2**60}), BadEvent, "JSON does not"),
        (with_(detail={"a": b"\xff", "b": object()}), BadEvent, "JSON does not"),
        (
            with_(detail={"cites": [{"digest": "sha256:00", "media_type": "a/b"}]}),
            BadEvent,
            "not kept",
        ),
        (with_(detail={"cites": [{"digest": 5, "media_type": []}]}), BadEvent, "not kept"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_bad_events_are_named_and_leave_nothing(
    small_log: Path, bad: Event, error: type[BadEvent], words: str
) -> None:
    with open_sqlite_log(small_log, SIGNER) as log:
        for events in ([bad], [event(8), bad]):
            with pytest.raises(error, match=words) as caught:
                log.append_many(events)
            assert len(str(caught.value)) < 500
            assert isinstance(caught.value, BadEvent)
        assert log.size == 7
        assert log.keep([event(8)]) == (7,)
    assert verify(small_log, VERIFIER).clean


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([exhibit("nobody cites this")], "No event cites"),
        ([], "which is not kept"),
        ([replace(exhibit("cited"), data=b"other bytes")], "have another digest"),
        ([replace(exhibit("cited"), media_type="image/png")], "kept as image/png"),
    ],
    ids=["uncited", "not given", "other bytes", "other type"],
)
def test_exhibits_that_are_not_what_is_cited(
    small_log: Path, given: list[Exhibit], words: str
) -> None:
    cites = [] if "No event" in words else [exhibit("cited")]
    with open_sqlite_log(small_log, SIGNER) as log:
        with pytest.raises(BadEvent, match=words):
            log.append_many([event(7, *cites)], given)
        # What lies in the log already needs not be given again.
        log.keep([event(8, exhibit("evidence one"))])
    assert verify(small_log, VERIFIER).clean


def test_a_large_detail_is_kept_by_its_digest(tmp_path: Path) -> None:
    large, kept = by_digest(with_(detail={"text": "x" * 70_000}))
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        (index,) = log.keep([large], [kept])
        assert citations(log.reader.entry(index)) == [(kept.digest, kept.media_type)]
        assert log.reader.cited_bytes(kept.digest) == kept.data
    assert verify(tmp_path / "log", VERIFIER).clean


def test_an_entry_of_the_largest_size_is_taken(tmp_path: Path) -> None:
    room = 65_535 - len(entry_bytes(with_(actor="")))
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        log.keep([with_(actor="x" * room), event(8)])
        assert len(log.reader.entry(0)) == 65_535
    assert verify(tmp_path / "log", VERIFIER).clean


def test_another_key_verifies_nothing(small_log: Path) -> None:
    other = VerifierKey(ORIGIN, SigningKey(b"\x09" * 32).public_bytes)
    faults = verify(small_log, other).faults
    assert {"head", "checkpoint of size 7", "the published checkpoint"} <= {f.place for f in faults}
    with SqliteLogReader(small_log, other) as log, pytest.raises(BadNote):
        log.newest_checkpoint()


def test_another_origin_verifies_nothing(small_log: Path) -> None:
    other = VerifierKey("example.com/another", KEY.public_bytes)
    assert not verify(small_log, other).clean


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_database_of_another_version_is_refused_by_name(small_log: Path, version: int) -> None:
    db = apsw.Connection(str(small_log / DATABASE))
    db.execute(f"PRAGMA user_version = {version}").fetchall()
    db.close()
    for use in (
        lambda: open_sqlite_log(small_log, SIGNER),
        lambda: SqliteLogReader(small_log, VERIFIER),
        lambda: verify(small_log, VERIFIER),
    ):
        with pytest.raises(LogError, match=f"has version {version} of the log's format"):
            use()


def test_an_instant_that_utc_does_not_have_is_refused_by_name(small_log: Path) -> None:
    late = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    with open_sqlite_log(small_log, SIGNER) as log:
        with pytest.raises(BadEvent, match="years 1 to 9999"):
            log.append(replace(event(8), occurred_at=late))
        assert log.size == 7
