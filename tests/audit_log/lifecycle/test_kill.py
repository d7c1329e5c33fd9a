"""kill -9 while a log is archived: at any instant nothing is lost, and the next run ends the work."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.lifecycle.archive import archive
from assay.audit_log.lifecycle.verify_archive import verify_archive
from assay.audit_log.lifecycle.volume import archived_volume
from tests.audit_log.lifecycle.logs import TRUST, VERIFIER, access_to, fill

SIZE, KEPT = 4_000, 300
CHILD = """
import sys
from pathlib import Path
from assay.audit_log.lifecycle.archive import archive
from tests.audit_log.lifecycle.logs import access_to
access = access_to(Path(sys.argv[1]))
print("ready", flush=True)
archive(access, Path(sys.argv[2]), keep=int(sys.argv[3]))
print("done", flush=True)
"""


def _killed_after(log: Path, cold: Path, keep: int, seconds: float) -> bool:
    """Whether a run that is killed so long after it began had come to its end."""
    arguments = [sys.executable, "-c", CHILD, str(log), str(cold), str(keep)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        return child.stdout.read() == "done\n"


def _kill_often(tmp_path: Path, rounds: int) -> None:
    log, cold, random = tmp_path / "log", tmp_path / "cold", Random(11)  # noqa: S311 - when
    fill(log, SIZE)
    keep, minimum = SIZE - 512, 0
    for _ in range(rounds):
        ended = _killed_after(log, cold, keep, random.uniform(0.0, 0.9))
        assert verify(log, VERIFIER).evidence_intact
        with SqliteLogReader(log, VERIFIER) as reader:
            assert reader.minimum_index >= minimum
            minimum = reader.minimum_index
            here = {index for index, _ in reader.entries(minimum, reader.size)}
            assert here == {*range(minimum, reader.size)}
        for index in range(0, minimum, 97):
            assert b"number%d" % index in archived_volume(cold, index).entry(index)
        keep = max(KEPT, keep - 256) if ended else keep
    archive(access_to(log), cold, keep=KEPT)
    assert verify(log, VERIFIER).faults == ()
    assert all(each.seen.clean for each in verify_archive(cold, TRUST))


def test_a_run_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    _kill_often(tmp_path, 8)


@pytest.mark.long
def test_many_runs_that_are_killed_lose_nothing(tmp_path: Path) -> None:
    _kill_often(tmp_path, 100)
