"""What a ticket promises, to threads and to event loops; the bounded queue; and what closing reports."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_files import LOCK, PUBLISHED_CHECKPOINT
from assay.audit_log.log import Limits
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.tickets import TicketQueue, WhenFull
from assay.errors import LogBusy, LogError, LogFull, TooFewWitnesses
from assay.vocabulary import Severity
from tests.audit_log.conftest import SIGNER, event, exhibit
from tests.audit_log.stores import held_log

SELDOM = Limits(publish_seconds=3_600)


def test_the_stages_of_a_ticket(tmp_path: Path) -> None:
    with open_sqlite_log(tmp_path / "log", SIGNER, limits=SELDOM) as log:
        ticket = log.append_many([event(0), event(1)])
        assert ticket.sequenced() == ticket.integrated() == (0, 1)
        assert ticket.index() == 0
        assert ticket.done
        assert not (tmp_path / "log" / PUBLISHED_CHECKPOINT).exists()
        checkpoint = ticket.published()
        assert checkpoint.size >= 2
        assert (tmp_path / "log" / PUBLISHED_CHECKPOINT).read_text() == checkpoint.note
        assert repr(ticket) == "Ticket(events=2, done=True)"


def test_waiting_for_a_ticket_ends_in_time(tmp_path: Path) -> None:
    log, store = held_log(tmp_path / "log", limits=SELDOM)
    store.hold()
    ticket = log.append(event(0))
    for wait in (ticket.sequenced, ticket.integrated, ticket.published):
        with pytest.raises(TimeoutError):
            wait(0.01)
    assert not ticket.done
    store.let.set()
    assert ticket.sequenced(30) == (0,)
    log.close()


def test_waiting_for_a_checkpoint_ends_in_time(tmp_path: Path) -> None:
    answer = threading.Event()

    def slow(_: object) -> list[str]:
        assert answer.wait(60)
        return []

    log, _ = held_log(tmp_path / "log", cosigners=slow, limits=SELDOM)
    ticket = log.append(event(0))
    assert ticket.sequenced(30) == (0,)
    with pytest.raises(TimeoutError, match="not published"):
        ticket.published(0.05)
    answer.set()
    assert ticket.published(30).size == 1
    log.close()


def test_a_checkpoint_is_published_at_once_when_somebody_waits(tmp_path: Path) -> None:
    """Also when the writer has just gone to sleep: no wake-up is lost."""
    with open_sqlite_log(tmp_path / "log", SIGNER, limits=SELDOM) as log:
        for number in range(200):
            assert log.append(event(number)).published(10).size == number + 1


def test_who_waits_for_a_checkpoint_is_told_why_there_is_none(tmp_path: Path) -> None:
    missing = [True]

    def cosigners(_: object) -> list[str]:
        if missing:
            raise TooFewWitnesses("0 of 1 witnesses cosigned.")
        return []

    log, _ = held_log(tmp_path / "log", cosigners=cosigners, limits=SELDOM)
    ticket = log.append(event(0))
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(ticket.published, 30) for _ in range(4)]
        for one in waiting:
            with pytest.raises(TooFewWitnesses, match="0 of 1"):
                one.result()
    assert ticket.sequenced() == (0,)
    missing.clear()
    assert ticket.published(30).size == 1
    log.close()


def test_an_empty_log_has_nothing_to_publish(tmp_path: Path) -> None:
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        assert log.publish() is None
        assert log.append_many([]).sequenced(30) == ()
        with pytest.raises(LogError, match="is empty"):
            log.append_many([]).published(30)
        assert log.close().checkpoint is None


def test_what_was_published_is_not_published_again_on_opening(tmp_path: Path) -> None:
    """A note with cosignatures is not replaced by one of a log that was opened without witnesses."""
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        log.keep([event(0)])
    kept = (tmp_path / "log" / PUBLISHED_CHECKPOINT).stat().st_ino
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        checkpoint = log.publish()
        assert checkpoint is not None
        assert checkpoint.size == 1
    assert (tmp_path / "log" / PUBLISHED_CHECKPOINT).stat().st_ino == kept


# The queue


def test_no_wake_up_is_lost_that_comes_before_the_writer_sleeps() -> None:
    queue = TicketQueue(events_max=1, bytes_max=1, when_full=WhenFull.WAIT)
    begun = time.monotonic()
    queue.wake()
    assert queue.take(1, 30) == ()
    assert time.monotonic() - begun < 20
    assert queue.take(1, 0.01) == ()
    queue.close()
    assert queue.take(1, 30) is None


def test_a_full_queue_tells_whoever_chose_to_be_told(tmp_path: Path) -> None:
    limits = Limits(when_full=WhenFull.RAISE, queue_events_max=3)
    log, store = held_log(tmp_path / "log", limits=limits)
    store.hold()
    tickets = [log.append(event(0))]
    assert store.begun.wait(30)
    tickets += [log.append(event(number)) for number in (1, 2, 3)]
    with pytest.raises(LogFull, match="3 events wait"):
        log.append(event(4))
    with pytest.raises(LogFull):
        asyncio.run(log.append_async([event(4)]))
    store.let.set()
    assert [ticket.index(30) for ticket in tickets] == [0, 1, 2, 3]
    assert log.append(event(4)).index(30) == 4
    log.close()


def test_a_full_queue_is_full_by_bytes_too_but_takes_one_large_unit(tmp_path: Path) -> None:
    limits = Limits(when_full=WhenFull.RAISE, queue_bytes_max=5_000)
    log, store = held_log(tmp_path / "log", limits=limits)
    store.hold()
    log.append(event(0))
    assert store.begun.wait(30)
    large = exhibit("x" * 100_000)
    first = log.append_many([event(1, large)], [large])
    with pytest.raises(LogFull):
        log.append(event(2))
    store.let.set()
    assert first.index(30) == 1
    log.close()


def test_a_full_queue_makes_appenders_wait(tmp_path: Path) -> None:
    log, store = held_log(tmp_path / "log", limits=Limits(queue_events_max=2))
    store.hold()
    log.append(event(0))
    assert store.begun.wait(30)
    log.append(event(1))
    log.append(event(2))
    third = threading.Thread(target=lambda: log.append(event(3)), daemon=True)
    third.start()
    third.join(0.1)
    assert third.is_alive()
    store.let.set()
    third.join(30)
    assert not third.is_alive()
    assert log.close().written == 4


def test_closing_tells_who_waits_for_room(tmp_path: Path) -> None:
    log, store = held_log(tmp_path / "log", limits=Limits(queue_events_max=1))
    store.hold()
    log.append(event(0))
    assert store.begun.wait(30)
    log.append(event(1))
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(log.append, event(2))
        time.sleep(0.05)
        closing = pool.submit(log.close)
        with pytest.raises(LogError, match="closed"):
            waiting.result(30)
        store.let.set()
        assert closing.result(30).written == 2


def check_outstanding(folder: Path, events: int) -> None:
    """Submit to a store that is slower than the submitters; no more than the limits wait in memory."""
    limits = Limits(queue_events_max=500, batch_events_max=100)
    log, store = held_log(folder, limits=limits)
    submitted = [0, 0]
    most = 0

    def submit(worker: int) -> None:
        for number in range(events // 2):
            log.append(event(worker * events + number))
            submitted[worker] = number + 1

    def watch() -> None:
        nonlocal most
        while any(thread.is_alive() for thread in threads):
            done = log.size
            most = max(most, sum(submitted) - done)
            time.sleep(0.001)

    threads = [threading.Thread(target=submit, args=(worker,)) for worker in range(2)]
    watcher = threading.Thread(target=watch)
    for thread in (*threads, watcher):
        thread.start()
    for thread in (*threads, watcher):
        thread.join()
    assert log.close().written == events // 2 * 2
    assert 100 < most <= 500 + 100 + 100 + 2
    assert max(len(units) for units in store.committed) <= 100


def test_what_waits_in_memory_is_bounded(tmp_path: Path) -> None:
    check_outstanding(tmp_path / "log", 10_000)


@pytest.mark.long
def test_what_waits_in_memory_is_bounded_for_a_million_events(tmp_path: Path) -> None:
    check_outstanding(tmp_path / "log", 1_000_000)


# Failures


def test_a_failed_commit_is_told_to_all_in_it_and_leaves_nothing(tmp_path: Path) -> None:
    log, store = held_log(tmp_path / "log", limits=SELDOM)
    store.hold()
    first = log.append(event(0))
    assert store.begun.wait(30)
    both = [log.append(event(1)), log.append_many([event(2), event(3)])]
    store.fails = RuntimeError("personal data of somebody")
    store.let.set()
    for ticket in (first, *both):
        with pytest.raises(LogError, match=r"could not be written \(RuntimeError\)") as caught:
            ticket.sequenced(30)
        assert "somebody" not in str(caught.value)
    store.fails = None
    assert log.append_many([event(2), event(0)]).sequenced(30) == (0, 1)
    closed = log.close()
    assert (closed.written, closed.failed, closed.repeated, closed.size) == (2, 4, 0, 2)


def test_a_retry_after_a_lost_answer_is_written_once(tmp_path: Path) -> None:
    log, store = held_log(tmp_path / "log", limits=SELDOM)
    store.hold()
    log.append(event(9))
    assert store.begun.wait(30)
    # All of these are in one batch: an id twice in one unit, and in two units, and with others.
    tickets = [
        log.append(event(0)),
        log.append_many([event(1), event(0), event(1)]),
        log.append_many([event(2), event(1)]),
        log.append(event(9)),
    ]
    store.let.set()
    assert [ticket.sequenced(30) for ticket in tickets] == [(1,), (2, 1, 2), (3, 2), (0,)]
    assert log.append_many([event(2), event(3)]).sequenced(30) == (3, 4)
    closed = log.close()
    assert (closed.written, closed.repeated) == (5, 5)
    assert verify(tmp_path / "log", SIGNER.verifier).clean


def test_a_retry_that_cites_other_bytes_leaves_none_that_nobody_cites(tmp_path: Path) -> None:
    one, other = exhibit("at first"), exhibit("made again, later")
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        log.keep([event(0, one)], [one])
        assert log.keep([event(0, other)], [other]) == (0,)
        assert verify(tmp_path / "log", SIGNER.verifier).clean
        assert log.keep([event(0, one), event(1, other)], [one, other]) == (0, 1)
    assert verify(tmp_path / "log", SIGNER.verifier).clean


def test_a_writer_that_was_taken_over_is_refused(tmp_path: Path) -> None:
    """Somebody deletes the lock file, and a second writer opens the log."""
    folder = tmp_path / "log"
    first = open_sqlite_log(folder, SIGNER, limits=SELDOM)
    first.append(event(0)).sequenced()
    (folder / LOCK).unlink()
    with open_sqlite_log(folder, SIGNER) as second:
        second.keep([event(1), event(2)])
        published = (folder / PUBLISHED_CHECKPOINT).read_text()
        for _ in range(2):
            with pytest.raises(LogBusy, match="taken over"):
                first.append(event(3)).sequenced()
        with pytest.raises(LogBusy, match="taken over"):
            first.publish()
        assert first.close().failed == 2
        assert (folder / PUBLISHED_CHECKPOINT).read_text() == published
        second.keep([event(4)])
    seen = verify(folder, SIGNER.verifier)
    assert seen.clean
    assert seen.size == 4


class Raising(logging.Handler):
    def handle(self, record: logging.LogRecord) -> bool:
        raise RuntimeError("a stranger's handler")


def test_a_listener_that_raises_stops_no_writer(tmp_path: Path) -> None:
    from dataclasses import replace

    logger = logging.getLogger("assay.audit")
    handler = Raising()
    logger.addHandler(handler)
    try:
        with open_sqlite_log(tmp_path / "log", SIGNER) as log:
            log.append(replace(event(0), severity=Severity.CRITICAL)).sequenced(30)
            assert log.append(event(1)).index(30) == 1
    finally:
        logger.removeHandler(handler)


def test_a_heartbeat_that_raises_stops_no_writer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    beats = []

    def heartbeat(*_: object) -> object:
        beats.append(1)
        raise RuntimeError("no heartbeat today")

    every = timedelta(milliseconds=5)
    options = {"heartbeat": heartbeat, "heartbeat_every": every}
    with open_sqlite_log(tmp_path / "log", SIGNER, **options) as log:
        while len(beats) < 3:
            time.sleep(0.005)
        assert log.append(event(0)).index(30) == 0
    assert "could not be made (RuntimeError)" in caplog.text


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    log = open_sqlite_log(tmp_path / "log", SIGNER)
    ticket = log.append(event(0))
    closed = log.close()
    assert (closed.written, closed.repeated, closed.failed, closed.size) == (1, 0, 0, 1)
    assert closed.checkpoint is not None
    assert closed.checkpoint.size == 1
    assert log.close() == closed
    assert ticket.published(30).size == 1
    with pytest.raises(LogError, match="closed"):
        log.append(event(1))


# Threads and event loops


def test_many_threads_append_at_once(tmp_path: Path) -> None:
    with open_sqlite_log(tmp_path / "log", SIGNER) as log, ThreadPoolExecutor(16) as pool:

        def one(number: int) -> int:
            index = log.append(event(number)).index(60)
            # What is acknowledged can be read, whoever else reads at the same time.
            assert log.reader.entry(index)
            return index

        indices = list(pool.map(one, range(1_000)))
        assert sorted(indices) == list(range(1_000))
    assert verify(tmp_path / "log", SIGNER.verifier).clean


def test_many_tasks_append_at_once(tmp_path: Path) -> None:
    log, store = held_log(tmp_path / "log", limits=Limits(queue_events_max=50))

    async def work() -> list[tuple[int, ...]]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        store.hold()
        appending = asyncio.gather(*(log.append_async([event(n)]) for n in range(300)))
        while ticks < 10:  # for ever, if appending blocked the event loop
            await asyncio.sleep(0)
        store.let.set()
        found = await appending
        ticking.cancel()
        return list(found)

    found = asyncio.run(work())
    assert sorted(index for (index,) in found) == list(range(300))
    log.close()


def test_several_tasks_and_loops_wait_for_one_ticket(tmp_path: Path) -> None:
    log, store = held_log(tmp_path / "log", limits=SELDOM)
    store.hold()
    ticket = log.append(event(0))

    async def several() -> list[tuple[int, ...]]:
        return list(await asyncio.gather(*(ticket.sequenced_async() for _ in range(5))))

    with ThreadPoolExecutor(3) as pool:
        loops = [pool.submit(asyncio.run, several()) for _ in range(3)]
        time.sleep(0.1)
        store.let.set()
        assert [loop.result(30) for loop in loops] == [[(0,)] * 5] * 3
    log.close()


def test_a_loop_that_has_gone_stops_no_writer(tmp_path: Path) -> None:
    """Its task waited for a ticket, was cancelled, and the loop was closed before the commit."""
    log, store = held_log(tmp_path / "log", limits=SELDOM)
    store.hold()

    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(log.append_async([event(0)]), 0.05)

    asyncio.run(impatient())
    store.let.set()
    assert log.append(event(1)).index(30) == 1
    assert log.close().written == 2
