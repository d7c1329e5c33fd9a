"""What the log promises to whoever writes and reads it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest

from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_files import DATABASE
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.interface import EventQuery
from assay.audit_log.notes import VerifierKey
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.query import read_events
from assay.errors import EntryTooLarge, LogBusy, LogDamaged, LogError, NotWritable
from assay.vocabulary import Severity
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


def test_a_full_disk_loses_nothing_that_was_returned(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        from assay.audit_log.opening import open_sqlite_log
        from assay.errors import DiskFull
        from tests.audit_log.conftest import KEY, ORIGIN, SIGNER, event, exhibit
        kept = 0
        with open_sqlite_log(Path(sys.argv[1]), SIGNER) as log:
            log.keep([event(0)])[0]
            kept = 1
            resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
            try:
                for number in range(1, 1000):
                    big = exhibit(str(number) * 9000)
                    log.keep([event(number, big)], [big])
                    kept += 1
            except DiskFull as error:
                print(kept, error.exit_code)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        """)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "log")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    kept, exit_code = map(int, done.stdout.split())
    assert exit_code == 3
    assert 1 < kept < 1000
    seen = verify(tmp_path / "log", VERIFIER)
    assert seen.clean
    assert seen.size == kept


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


@pytest.mark.long
@pytest.mark.parametrize("round_", range(20))
def test_a_killed_writer_loses_nothing_that_it_was_told(tmp_path: Path, round_: int) -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from assay.audit_log.opening import open_sqlite_log
        from tests.audit_log.conftest import KEY, ORIGIN, SIGNER, event, exhibit
        with open_sqlite_log(Path(sys.argv[1]), SIGNER) as log:
            for number in range(100_000):
                print(log.keep([event(number)])[0], flush=True)
        """)
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(10 + 13 * round_)]
        writer.kill()
        told += writer.stdout.readlines()
    acknowledged = [int(line) for line in told if line.endswith("\n")]
    seen = verify(tmp_path / "log", VERIFIER)
    assert seen.clean
    assert seen.size >= len(acknowledged) > 0
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        assert log.keep([event(999_999)])[0] == seen.size
