"""Killed anywhere between a record's change and the mark of its delivery: each event, exactly once."""

from __future__ import annotations

import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assay.audit_log.emitting.delivery import deliver
from assay.audit_log.entry import event_of
from assay.stores.records import open_store
from tests.audit_log.emitting.delivering import BATCH, open_real_log, rolled_back

_ROOT = Path(__file__).parents[2]
_PLACES = ("within", "committed", "appended", "marked")


class Killed:
    """Processes that change records and die, one after another, on the same records and log."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self.acknowledged: set[int] = set()
        """The changes that a process said to be committed."""
        self._next = 0

    def run(self, where: str, seconds: float | None = None) -> None:
        """Let a process work until it kills itself, or is killed after this long."""
        program = [sys.executable, "-m", "tests.audit_log.emitting.delivering"]
        arguments = [self._url, str(self._folder), str(self._next), where]
        running = subprocess.Popen([*program, *arguments], cwd=_ROOT, stdout=subprocess.PIPE)
        assert running.stdout is not None
        if seconds is not None:
            select.select([running.stdout], [], [], 60)
            try:
                running.wait(seconds)
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGKILL)
        said, _ = running.communicate(timeout=60)
        assert running.returncode == -signal.SIGKILL
        # A last line that was cut is no acknowledgement.
        done = [int(line) for line in said.decode().split("\n")[:-1]]
        self.acknowledged |= {number for number in done if not rolled_back(number)}
        self._next = (max(done, default=self._next) // BATCH + 2) * BATCH

    def check(self) -> None:
        """Deliver what waits; then the log has the event of each record, once, and no other."""
        store, log = open_store(self._url), open_real_log(self._folder)
        try:
            deliver(store, log)
            assert store.waiting_events() == ()
            kept = {int(one.id[1:]) for one in store.assessments(limit=1_000_000)}
            events = [event_of(data) for _, data in log.reader.entries(0, log.size)]
            logged = [int(event.id.removeprefix("event-")) for event in events]
            assert logged == sorted(kept)
            assert self.acknowledged <= kept
            assert [number for number in logged if rolled_back(number)] == []
            assert store.delivered_index(events[-1].id) == len(events) - 1
        finally:
            log.close()
            store.close()


@pytest.fixture
def killed(url: str, tmp_path: Path) -> Killed:
    open_store(url).close()
    return Killed(url, tmp_path / "log")


@pytest.mark.parametrize("where", _PLACES)
def test_a_kill_between_record_and_log_loses_and_repeats_nothing(
    where: str, killed: Killed
) -> None:
    killed.run(where)
    assert killed.acknowledged
    killed.check()


def test_one_kill_after_another_before_anything_is_mended(killed: Killed) -> None:
    for where in _PLACES:
        killed.run(where)
    killed.check()


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.long)])
def test_kills_at_random_instants_lose_and_repeat_nothing(rounds: int, killed: Killed) -> None:
    rng = random.Random(11)  # noqa: S311 - chooses instants
    for _ in range(rounds):
        killed.run("nowhere", rng.uniform(0.0, 0.3))
        killed.check()
    assert len(killed.acknowledged) > rounds
