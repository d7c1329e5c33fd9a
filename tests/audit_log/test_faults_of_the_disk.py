"""A disk that fails, cuts, reorders or is full: callers are told, nothing told is lost, it goes on."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from assay.audit_log.backends import _sqlite_follower, _sqlite_published
from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_files import DATABASE, INDEX, PUBLISHED_CHECKPOINT
from assay.audit_log.interface import EventQuery
from assay.audit_log.log import AuditLog, Limits
from assay.audit_log.notes import VerifierKey
from assay.audit_log.opening import open_sqlite_log
from assay.errors import CouldNotFinish, DiskFull, NotWritable
from tests.audit_log.conftest import KEY, ORIGIN, SIGNER, event, exhibit
from tests.audit_log.shims import CrashedFolder, Done, FailingDisk, RecordedDisk, in_use

ROOT = Path(__file__).parents[2]
VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)
SELDOM = Limits(publish_seconds=3_600)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index tries again at once."""
    monkeypatch.setattr(_sqlite_follower, "RETRY_SECONDS", 0.05)


def told_of(log: AuditLog, numbers: range) -> dict[int, int]:
    """Append one by one; the indices of those that were acknowledged. The rest got a named error."""
    told = {}
    for number in numbers:
        with suppress(CouldNotFinish):
            told[number] = log.append(event(number)).index(30)
    return told


def caught_up(log: AuditLog) -> bool:
    """Whether the index catches up; while it waits to try again, `settle` says so at once."""
    for _ in range(300):
        if log.settle(30):
            return True
        time.sleep(0.1)
    return False


def check_goes_on(folder: Path, log: AuditLog, told: dict[int, int], next_number: int) -> None:
    """The same log takes events again, everything told is where it was said, and it verifies."""
    new = log.keep([event(next_number)])[0]
    assert new == log.size - 1
    assert caught_up(log)
    assert log.reader.count(EventQuery()) == log.size
    log.close()
    check_kept(folder, told)


def check_kept(folder: Path, told: dict[int, int]) -> None:
    seen = verify(folder, VERIFIER)
    assert seen.clean, seen.faults[:3]
    with open_sqlite_log(folder, SIGNER) as log:
        again = {number: log.append(event(number)).index(30) for number in told}
    assert again == told


@pytest.mark.parametrize("cuts", [False, True], ids=["refused", "cut"])
@pytest.mark.parametrize("nth", [1, 2, 3, 5, 8, 13, 21])
def test_a_write_that_fails(tmp_path: Path, nth: int, cuts: bool) -> None:
    with in_use(FailingDisk) as disk:
        log = open_sqlite_log(tmp_path / "log", SIGNER, limits=SELDOM)
        told = told_of(log, range(5))
        disk.cuts = cuts
        begun = disk.writes
        disk.fails_write = lambda n: begun + nth <= n < begun + nth + 3
        told |= told_of(log, range(5, 25))
        disk.mend()
        assert disk.failed
        check_goes_on(tmp_path / "log", log, told, 100)


@pytest.mark.parametrize("nth", [1, 2, 3, 5, 8])
def test_a_sync_that_fails(tmp_path: Path, nth: int) -> None:
    with in_use(FailingDisk) as disk:
        log = open_sqlite_log(tmp_path / "log", SIGNER, limits=SELDOM)
        told = told_of(log, range(5))
        begun = disk.syncs
        disk.fails_sync = lambda n: begun + nth <= n < begun + nth + 2
        told |= told_of(log, range(5, 20))
        disk.mend()
        assert disk.failed
        check_goes_on(tmp_path / "log", log, told, 100)


def test_a_disk_that_stays_full_tells_everyone_and_publishes_nothing_wrong(tmp_path: Path) -> None:
    with in_use(FailingDisk) as disk:
        log = open_sqlite_log(tmp_path / "log", SIGNER)
        told = told_of(log, range(3))
        disk.fails_write = lambda _: True
        tickets = [log.append(event(number)) for number in range(3, 40)]
        for ticket in tickets:
            with pytest.raises(DiskFull, match="could not be written"):
                ticket.sequenced(30)
        with pytest.raises(DiskFull):
            log.publish()
        disk.mend()
        assert log.close().failed == 37
        check_kept(tmp_path / "log", told)


def test_an_index_that_cannot_be_written_fails_no_append(tmp_path: Path) -> None:
    with in_use(FailingDisk) as disk:
        log = open_sqlite_log(tmp_path / "log", SIGNER)
        disk.only = (INDEX, f"{INDEX}-wal")
        disk.fails_write = lambda _: True
        told = told_of(log, range(50))
        assert len(told) == 50
        assert not log.settle(0.2)
        assert log.reader.count(EventQuery(actor="actor:0")) == 17
        disk.mend()
        check_goes_on(tmp_path / "log", log, told, 100)


def test_an_index_that_never_can_be_written_keeps_nothing_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqlite_follower, "HANDED_MAX", 10)
    with in_use(FailingDisk) as disk:
        log = open_sqlite_log(tmp_path / "log", SIGNER)
        disk.only = (INDEX, f"{INDEX}-wal")
        disk.fails_write = lambda _: True
        assert len(told_of(log, range(60))) == 60
        store: Any = log._store
        assert store._follower._handed_events <= 20
        disk.mend()
        assert caught_up(log)
        log.close()
    assert verify(tmp_path / "log", VERIFIER).clean


# Every prefix of what was written, and what was not synced in any order


def record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, bytes], list[Done]]:
    """Append, publish and checkpoint; the files at the beginning, and everything that was done."""
    with open_sqlite_log(folder, SIGNER, limits=SELDOM) as log:
        log.keep([event(0)])
        log.settle()
    begin = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    with in_use(RecordedDisk) as disk:
        write = _sqlite_published.write_atomically

        def published(path: Path, data: bytes, **options: Any) -> None:
            disk.done.append(Done("publish", path.name, 0, data))
            write(path, data, **options)

        monkeypatch.setattr(_sqlite_published, "write_atomically", published)
        log = open_sqlite_log(folder, SIGNER, limits=SELDOM)
        store: Any = log._store
        for number in range(1, 25):
            cited = exhibit(f"evidence {number}" * 300)
            ticket = log.append_many([event(number, cited), event(number + 100)], [cited])
            ticket.sequenced()
            disk.done.append(Done("told", "", log.size))
            if number % 6 == 0:
                log.publish()
            if number % 10 == 0:
                store._db.execute("PRAGMA wal_checkpoint").fetchall()
        log.close()
    return begin, list(disk.done)


def check_crashes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, stride: int, draws: int
) -> None:
    begin, done = record(folder, monkeypatch)
    assert {one.op for one in done} >= {"write", "sync", "publish", "told"}
    published = begin[PUBLISHED_CHECKPOINT]
    crash = CrashedFolder({n: bytearray(d) for n, d in begin.items()}, published, told=1)
    draw = random.Random(7)  # noqa: S311
    crashed = folder.with_name("crashed")
    for number, one in enumerate(done):
        crash.do(one)
        if number % stride:
            continue
        for _ in range(draws):
            check_crash(crashed, crash, draw)


def check_crash(crashed: Path, crash: CrashedFolder, draw: random.Random) -> None:
    crashed.mkdir()
    for name, data in crash.crashed(draw).items():
        if not name.endswith("-shm"):
            (crashed / name).write_bytes(data)
    assert crash.published is not None
    (crashed / PUBLISHED_CHECKPOINT).write_bytes(crash.published)
    seen = verify(crashed, VERIFIER)
    assert seen.clean, seen.faults[:3]
    assert seen.size >= crash.told
    with open_sqlite_log(crashed, SIGNER) as log:
        log.keep([event(999)])
        assert log.settle(30)
        assert log.reader.count(EventQuery()) == log.size == seen.size + 1
    assert verify(crashed, VERIFIER).clean
    shutil.rmtree(crashed)


def test_a_crash_between_any_two_writes_loses_nothing_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_crashes(tmp_path / "log", monkeypatch, stride=11, draws=1)


@pytest.mark.long
def test_every_crash_between_any_two_writes_loses_nothing_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_crashes(tmp_path / "log", monkeypatch, stride=1, draws=4)


def test_the_recorder_would_see_a_log_that_does_not_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, of a log that syncs too little: the test above is able to fail."""
    begin, done = record(tmp_path / "log", monkeypatch)
    lazy = [one for one in done if one.op != "sync" or one.file != f"{DATABASE}-wal"]
    crash = CrashedFolder({n: bytearray(d) for n, d in begin.items()}, begin[PUBLISHED_CHECKPOINT])
    crashed, lost = tmp_path / "crashed", 0
    draw = random.Random(7)  # noqa: S311
    for number, one in enumerate(lazy):
        crash.do(one)
        if number % 31 == 0:
            crashed.mkdir()
            for name, data in crash.crashed(draw).items():
                (crashed / name).write_bytes(data)
            seen = verify(crashed, VERIFIER)
            lost += seen.size < crash.told or not seen.clean
            shutil.rmtree(crashed)
    assert lost


# Our own file beside the database


@pytest.mark.parametrize("call", ["fsync", "open", "replace"])
@pytest.mark.parametrize(
    ("number", "told"), [(errno.ENOSPC, DiskFull), (errno.EIO, NotWritable)], ids=["full", "broken"]
)
def test_a_checkpoint_that_cannot_be_published_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, told: type[Exception]
) -> None:
    folder = tmp_path / "log"
    with open_sqlite_log(folder, SIGNER, limits=SELDOM) as log:
        log.keep([event(0)])
        before = (folder / PUBLISHED_CHECKPOINT).read_bytes()

        def fails(*_: Any, **__: Any) -> Any:
            raise OSError(number, os.strerror(number))

        ticket = log.append(event(1))
        assert ticket.sequenced(30) == (1,)
        with monkeypatch.context() as patched:
            patched.setattr(os, call, fails)
            with pytest.raises(told):
                ticket.published(30)
        assert (folder / PUBLISHED_CHECKPOINT).read_bytes() == before
        assert ticket.published(30).size == 2
    assert verify(folder, VERIFIER).clean
    assert not list(folder.glob("*.tmp"))


# Full disks


FULL = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from assay.audit_log.backends import _sqlite_follower
    from assay.audit_log.opening import open_sqlite_log
    from assay.errors import DiskFull
    from tests.audit_log.conftest import SIGNER, event, exhibit
    _sqlite_follower.RETRY_SECONDS = 0.05
    folder, full, room = Path(sys.argv[1]), *map(eval, sys.argv[2:4])
    log = open_sqlite_log(folder, SIGNER)
    told = []
    def append(number):
        big = exhibit(str(number) * 9000)
        log.append_many([event(number, big)], [big]).sequenced()
        told.append(number)
    append(0)
    full()
    try:
        for number in range(1, 1000):
            append(number)
        sys.exit("the disk was never full")
    except DiskFull as error:
        assert error.exit_code == 3
    refused = len(told)
    room()
    for number in range(1000, 1020):
        append(number)
    log.publish()
    assert any(log.settle(30) or time.sleep(0.1) for _ in range(300)), "the index lags"
    closed = log.close()
    print(refused, len(told), closed.size, closed.failed)
    """)


def fill(folder: Path, full: str, room: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(folder), full, room],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    refused, told, size, failed = map(int, done.stdout.split())
    assert 1 < refused < 1000
    assert told == refused + 20
    assert failed == 1
    seen = verify(folder, VERIFIER)
    assert seen.clean, seen.faults[:3]
    # What was refused may still be there: it was not told.
    assert told <= seen.size == size <= told + 1


def test_a_limit_on_file_size_is_a_full_disk(tmp_path: Path) -> None:
    limit = "lambda: __import__('resource').setrlimit(1, ({}, -1))"
    fill(tmp_path / "log", limit.format(400_000), limit.format(-1))


def test_a_full_file_system_is_told_and_the_log_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip("a file system can be mounted by root only")
    try:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(5 << 20))
        room = f"lambda: __import__('os').unlink({str(ballast)!r})"
        fill(disk / "log", "lambda: None", room)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
