"""Several processes append to one log in PostgreSQL; some are stopped, some are killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from assay.audit_log.backends.postgres import PostgresLogStore, open_postgres_store
from assay.audit_log.backends.postgres_session import Patience
from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.entry import event_of, prepare
from assay.audit_log.interface import EventQuery
from assay.audit_log.merkle import CompactRange, leaf_hashes
from assay.errors import LogBusy
from tests.audit_log.backends.stored_logs import (
    SIGNER,
    VERIFIER,
    PostgresLog,
    append,
    event,
    event_id,
    unit,
)

ROOT = Path(__file__).parents[3]
PROCESSES = 4
HASTY = Patience(lock_seconds=1, idle_seconds=0.3)


def begin(log: PostgresLog, first: int, count: int, *options: str) -> subprocess.Popen[bytes]:
    """A process that appends `count` events, numbered from `first`."""
    program = [sys.executable, "-m", "tests.audit_log.backends.appending"]
    arguments = [log.url, str(first), str(count), *options]
    return subprocess.Popen([*program, *arguments], cwd=ROOT, stdout=subprocess.PIPE)


def acknowledged(said: bytes) -> dict[str, int]:
    """Index by id of the event; a last line that was cut is no acknowledgement."""
    pairs = [line.split() for line in said.decode().split("\n")[:-1]]
    return {event_id(int(number)): int(index) for number, index in pairs}


def check(log: PostgresLog, told: dict[str, int]) -> dict[str, int]:
    """All that was told is there under its index, once; the tree is that of the entries."""
    reader = log.reader()
    rows = list(reader.entries(0, 10_000_000))
    assert [index for index, _ in rows] == list(range(reader.size))
    found = {event_of(data).id: index for index, data in rows}
    assert len(found) == len(rows)
    assert {one: found.get(one) for one in told} == told
    tree = CompactRange().append(leaf_hashes(data for _, data in rows))
    assert reader.tree() == tree
    if rows:
        head = open_checkpoint(reader.head_note() or "", VERIFIER)
        assert (head.size, head.root) == (tree.size, tree.root)
    assert reader.count(EventQuery()) == len(rows)
    reader.close()
    return found


def four_processes(log: PostgresLog, each: int) -> None:
    log.store().close()
    stopped = begin(log, 0, each, "stops")
    running = [begin(log, 1_000_000 * n, each) for n in range(1, PROCESSES)]
    told: dict[str, int] = {}
    try:
        for process in running:
            said, _ = process.communicate(timeout=600)
            assert process.returncode == 0
            told |= acknowledged(said)
        wait_until_stopped(stopped)
        with log.reader() as reader:
            before = reader.size
        stopped.send_signal(signal.SIGCONT)
        said, _ = stopped.communicate(timeout=600)
        assert stopped.returncode == 0
    finally:
        for process in (stopped, *running):
            process.kill()
            process.wait()
    late = acknowledged(said)
    told |= late
    assert late[event_id(200)] >= before, "what was not committed in time has an old index"
    assert check(log, told) == told
    assert len(told) == PROCESSES * each
    assert log.verify().clean


def wait_until_stopped(process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    status = Path(f"/proc/{process.pid}/stat")
    while status.read_text().rpartition(")")[2].split()[0] != "T":
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)


def test_four_processes_one_of_them_stopped_and_continued(pg_log: PostgresLog) -> None:
    four_processes(pg_log, 500)


@pytest.mark.long
def test_four_processes_with_ten_thousand_each(pg_log: PostgresLog) -> None:
    four_processes(pg_log, 10_000)


def killed_rounds(log: PostgresLog, rounds: int) -> None:
    chance = random.Random(7)  # noqa: S311
    told: dict[str, int] = {}
    size = 0
    log.store().close()
    for number in range(rounds):
        process = begin(log, 1_000_000 * number, 900_000)
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(chance.uniform(0, 0.4))
        finally:
            process.send_signal(signal.SIGKILL)
        said, _ = process.communicate(timeout=60)
        told |= acknowledged(first + said)
        store = log.store()
        tree = append(store, [event(500_000_000 + number)]).tree
        store.close()
        assert tree.size > size
        size = tree.size
    check(log, told)
    assert len(told) >= rounds
    assert log.verify().clean


def test_killed_at_any_instant_nothing_acknowledged_is_lost(pg_log: PostgresLog) -> None:
    killed_rounds(pg_log, 5)


@pytest.mark.long
def test_killed_fifty_times_nothing_acknowledged_is_lost(pg_log: PostgresLog) -> None:
    killed_rounds(pg_log, 50)


# One at a time


def sits_on_the_lock(log: PostgresLog, store: PostgresLogStore) -> psycopg.Connection:
    """Somebody who took the lock and sets no limit for himself."""
    holder = psycopg.connect(log.server)
    holder.execute(f"SET search_path = {log.schema}")
    holder.execute("SELECT pg_advisory_xact_lock(%s)", (store._lock,))
    return holder


def test_who_sits_in_a_transaction_is_thrown_out(pg_log: PostgresLog) -> None:
    store = open_postgres_store(pg_log.url, VERIFIER, HASTY)
    holder = sits_on_the_lock(pg_log, store)
    assert append(store, [event(0)]).indices == ((0,),)
    with pytest.raises(psycopg.OperationalError):
        holder.execute("SELECT 1")
    holder.close()
    store.close()


def test_who_stops_within_a_copy_is_thrown_out(pg_log: PostgresLog) -> None:
    store = open_postgres_store(pg_log.url, VERIFIER, HASTY)
    holder = sits_on_the_lock(pg_log, store)
    with (
        pytest.raises(psycopg.OperationalError),
        holder.cursor() as cursor,
        cursor.copy("COPY entry FROM STDIN"),
    ):
        assert append(store, [event(0)]).indices == ((0,),)
    holder.close()
    store.close()
    assert pg_log.verify().clean


def test_who_is_at_work_is_not_thrown_out(pg_log: PostgresLog) -> None:
    store = open_postgres_store(pg_log.url, VERIFIER, HASTY)
    holder = sits_on_the_lock(pg_log, store)
    with holder.pipeline(), holder.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(3)")
        holder.pgconn.flush()
        started = time.monotonic()
        with pytest.raises(LogBusy, match="Another writer"):
            store.commit([unit([event(0)])], SIGNER.head)
        assert time.monotonic() - started < 3
    holder.rollback()
    holder.close()
    assert append(store, [event(0)]).indices == ((0,),)
    store.close()


def test_writers_take_turns_and_each_goes_on_from_the_others_head(pg_log: PostgresLog) -> None:
    one = open_postgres_store(pg_log.url, VERIFIER)
    two = open_postgres_store(pg_log.url, VERIFIER)
    for number in range(0, 12, 2):
        assert append(one, [event(number)]).indices == ((number,),)
        assert append(two, [event(number + 1), event(number)]).indices == ((number + 1, number),)
    assert one.tree() == two.tree()
    one.close()
    two.close()
    assert pg_log.verify().clean


def test_an_older_checkpoint_does_not_take_the_place_of_a_newer_one(pg_log: PostgresLog) -> None:
    store = open_postgres_store(pg_log.url, VERIFIER)
    older = store.commit([unit([event(0)])], SIGNER.head).tree
    newer = store.commit([unit([event(1)])], SIGNER.head).tree
    for tree in (newer, older):
        store.keep_checkpoint(tree.size, SIGNER.head(tree))
    assert store.newest_note() == SIGNER.head(newer)
    assert [open_checkpoint(note, VERIFIER).size for note in store.notes()] == [1, 2]
    assert pg_log.rows("SELECT size FROM published") == [(2,)]
    store.close()
    assert pg_log.verify().clean


def test_a_lost_connection_is_made_again_and_nothing_is_written_twice(
    pg_log: PostgresLog,
) -> None:
    store = open_postgres_store(pg_log.url, VERIFIER)
    append(store, [event(0)])
    lost = 0

    def sign(tree: CompactRange) -> str:
        nonlocal lost
        lost += 1
        if lost == 1:
            terminate(pg_log)
        return SIGNER.head(tree)

    assert store.commit([unit([event(1)])], sign).indices == ((1,),)
    assert lost == 2
    terminate(pg_log)
    assert store.entry(1) == prepare(event(1)).data
    assert store.tree().size == 2
    terminate(pg_log)
    assert append(store, [event(1), event(2)]).indices == ((1, 2),)
    store.close()
    assert pg_log.verify().clean


def terminate(log: PostgresLog) -> None:
    """End every session of the log, as a restart of the server does."""
    sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    log.rows(f"{sql} WHERE application_name = 'assay log'")
