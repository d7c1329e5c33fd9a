"""`audited` emits one event a call, swallows nothing, and fails closed."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from typing import Any

import pytest

from assay.audit_log.caller import client
from assay.audit_log.emitting.audited import Audited, audited
from assay.errors import BadInput, DiskFull, UnknownEventType
from assay.vocabulary import Event, Severity, Target, TargetKind
from tests.audit_log.emitting.fakes import (
    ACTOR,
    CLINIC,
    MemoryLog,
    MemoryTicket,
    closed,
    full_disk,
    noon,
)

SECRET = "Adelheid Quastenberg"


class Broken(Exception):
    """What users' code raises; its words hold personal data."""


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


def of(log: MemoryLog, **changes: Any) -> Audited:
    """`audited` with the log and what every test says."""
    return audited(
        log, "data_access", "export", CLINIC, **{"actor": ACTOR, "clock": noon, **changes}
    )


# One program for each kind of function; `fail` makes it raise. What it gives is 1, 2.


def _plain(log: MemoryLog, fail: bool, **changes: Any) -> list[int]:
    @of(log, **changes)
    def read() -> list[int]:
        if fail:
            raise Broken(SECRET)
        return [1, 2]

    return read()


def _generator(log: MemoryLog, fail: bool, **changes: Any) -> list[int]:
    @of(log, **changes)
    def read() -> Iterator[int]:
        yield 1
        if fail:
            raise Broken(SECRET)
        yield 2

    return list(read())


def _coroutine(log: MemoryLog, fail: bool, **changes: Any) -> list[int]:
    @of(log, **changes)
    async def read() -> list[int]:
        await asyncio.sleep(0)
        return _plain(MemoryLog(), fail)

    return asyncio.run(read())


def _async_generator(log: MemoryLog, fail: bool, **changes: Any) -> list[int]:
    @of(log, **changes)
    async def read() -> AsyncGenerator[int, None]:
        yield 1
        if fail:
            raise Broken(SECRET)
        yield 2

    async def collect() -> list[int]:
        return [item async for item in read()]

    return asyncio.run(collect())


def _block(log: MemoryLog, fail: bool, **changes: Any) -> list[int]:
    with of(log, **changes):
        return _plain(MemoryLog(), fail)


def _async_block(log: MemoryLog, fail: bool, **changes: Any) -> list[int]:
    async def read() -> list[int]:
        async with of(log, **changes):
            return _plain(MemoryLog(), fail)

    return asyncio.run(read())


KINDS = [_plain, _generator, _coroutine, _async_generator, _block, _async_block]
every_kind = pytest.mark.parametrize("run", KINDS, ids=lambda run: run.__name__.strip("_"))


@every_kind
def test_a_call_that_returns_emits_a_success(run: Any, log: MemoryLog) -> None:
    assert run(log, False) == [1, 2]
    event = log.event
    assert (event.type, event.severity, event.action) == ("data_access", Severity.HIGH, "export")
    assert (event.actor, event.outcome, event.target) == (ACTOR, "success", CLINIC)
    assert set(event.detail) == {"duration_us"}
    assert log.tickets[0].waited


@every_kind
def test_a_call_that_raises_emits_a_failure_without_its_words(run: Any, log: MemoryLog) -> None:
    with pytest.raises(Broken, match=SECRET):
        run(log, True)
    event = log.event
    assert (event.outcome, event.detail["error"]) == ("failure", "Broken")
    assert SECRET.encode() not in next(iter(log.entries.values()))


@every_kind
@pytest.mark.parametrize("way", ["refuses", "loses"])
def test_a_call_fails_when_its_event_cannot_be_written(run: Any, way: str) -> None:
    with pytest.raises(DiskFull):
        run(MemoryLog(**{way: full_disk()}), False)


@every_kind
def test_it_goes_on_with_a_warning_where_that_was_chosen(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "assay.emitting"):
        assert run(MemoryLog(refuses=full_disk()), False, on_log_failure="warn") == [1, 2]
    [said] = caplog.messages
    assert said == "An event of type data_access is missing from the audit log (DiskFull)."


@every_kind
@pytest.mark.parametrize("policy", ["raise", "warn"])
def test_the_exception_of_the_call_is_never_replaced(run: Any, policy: str) -> None:
    with pytest.raises(Broken, match=SECRET) as caught:
        run(MemoryLog(refuses=full_disk()), True, on_log_failure=policy)
    assert caught.value.__notes__ == ["Its event is missing from the audit log (DiskFull)."]


@every_kind
def test_it_need_not_wait(run: Any, log: MemoryLog) -> None:
    log.loses = full_disk()
    assert run(log, False, durable=False) == [1, 2]
    assert not log.tickets[0].waited


@every_kind
def test_nothing_runs_while_nobody_is_named(run: Any, log: MemoryLog) -> None:
    with pytest.raises(BadInput, match="Nobody is named as the actor"):
        run(log, False, actor=None)
    assert log.events == []
    with client(address="192.0.2.7", agent="curl/8", actor="actor:7"):
        run(log, False, actor=None)
    event = log.event
    assert (event.actor, event.client_address, event.client_agent) == (
        "actor:7",
        "192.0.2.7",
        "curl/8",
    )


def test_the_names_of_the_function_stay(log: MemoryLog) -> None:
    @of(log)
    async def read() -> None:
        """Reads."""

    assert (read.__name__, read.__doc__) == ("read", "Reads.")
    assert inspect.iscoroutinefunction(read)


def test_a_decorated_function_emits_at_each_call_and_can_recurse(log: MemoryLog) -> None:
    @of(log)
    def down(n: int) -> int:
        return n if n == 0 else down(n - 1)

    assert down(2) == 0
    assert len(log.events) == 3


def test_the_target_may_follow_from_the_arguments(log: MemoryLog) -> None:
    def about(name: str) -> Target:
        return Target(TargetKind.DATASET, name)

    @audited(log, "data_access", "read", about, actor=ACTOR)
    def read(name: str) -> str:
        return name

    read(name="patients")
    assert log.event.target == Target(TargetKind.DATASET, "patients")
    with (
        pytest.raises(BadInput, match="no arguments to find its target"),
        audited(log, "data_access", "read", about, actor=ACTOR),
    ):
        pass


def test_a_block_adds_to_the_detail_and_says_the_outcome(log: MemoryLog) -> None:
    with of(log) as recording:
        recording.detail["rows"] = 7
        recording.outcome = "denied"
    assert (log.event.outcome, log.event.detail["rows"]) == ("denied", 7)


def test_a_detail_that_no_entry_holds_fails_the_call(log: MemoryLog) -> None:
    with pytest.raises(BadInput), of(log) as recording:
        recording.detail["text"] = "half a pair \ud800"


def test_a_block_is_entered_once(log: MemoryLog) -> None:
    block = of(log)
    with block:
        pass
    with pytest.raises(BadInput, match="entered before"), block:
        pass


def test_the_log_may_come_later() -> None:
    opened: list[MemoryLog] = []

    @audited(lambda: opened[0], "note", "write", CLINIC, actor=ACTOR)
    def write() -> None:
        pass

    opened.append(MemoryLog())
    write()
    assert opened[0].event.type == "note"


def test_a_severity_can_be_said(log: MemoryLog) -> None:
    with of(log, severity=Severity.CRITICAL):
        pass
    assert log.event.severity is Severity.CRITICAL


def test_an_unknown_type_or_policy_is_refused_where_it_is_written(log: MemoryLog) -> None:
    with pytest.raises(UnknownEventType, match="no event type 'data_acess'"):
        audited(log, "data_acess", "read", CLINIC)
    with pytest.raises(BadInput, match="no policy 'ignore'"):
        of(log, on_log_failure="ignore")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_call_that_ends_python_emits_too(stop: type[BaseException], log: MemoryLog) -> None:
    with pytest.raises(stop), of(log):
        raise stop
    assert log.event.detail["error"] == stop.__name__


def test_a_cancelled_task_emits_too(log: MemoryLog) -> None:
    @of(log)
    async def wait() -> None:
        await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert (log.event.outcome, log.event.detail["error"]) == ("failure", "CancelledError")


def test_a_generator_that_is_closed_early_has_not_failed(log: MemoryLog) -> None:
    @of(log)
    def read() -> Iterator[int]:
        yield 1
        yield 2

    rows = read()
    assert log.events == []
    assert next(rows) == 1
    rows.close()
    assert log.event.outcome == "success"
    assert log.event.detail["closed_early"] is True


def test_closing_a_generator_early_fails_closed_too(log: MemoryLog) -> None:
    @of(log)
    def read() -> Generator[int, None, None]:
        yield 1

    rows = read()
    next(rows)
    log.refuses = closed()
    with pytest.raises(type(closed()), match="was closed"):
        rows.close()


def test_what_is_sent_and_thrown_into_a_generator_arrives(log: MemoryLog) -> None:
    @of(log)
    def echo() -> Generator[str, str, str]:
        got = yield "first"
        try:
            yield got
        except Broken:
            return "caught"
        return "not"

    running = echo()
    assert [next(running), running.send("hello")] == ["first", "hello"]
    with pytest.raises(StopIteration, match="caught"):
        running.throw(Broken())
    assert log.event.outcome == "success"


def test_what_is_sent_and_thrown_into_an_async_generator_arrives(log: MemoryLog) -> None:
    closed_inside: list[bool] = []

    @of(log)
    async def echo() -> AsyncGenerator[str, str]:
        try:
            got = yield "first"
            try:
                yield got
            except Broken:
                yield "caught"
        finally:
            closed_inside.append(True)

    async def talk() -> list[str]:
        running = echo()
        said = [await anext(running), await running.asend("hello"), await running.athrow(Broken())]
        await running.aclose()
        return said

    assert asyncio.run(talk()) == ["first", "hello", "caught"]
    assert closed_inside == [True]
    assert log.event.detail["closed_early"] is True


def test_the_event_loop_is_not_blocked_while_the_queue_is_full() -> None:
    gate = threading.Event()

    class FullLog(MemoryLog):
        def append(self, event: Event) -> MemoryTicket:
            assert gate.wait(10)
            return super().append(event)

    full = FullLog()

    @of(full, durable=False)
    async def read() -> int:
        return 1

    async def both() -> int:
        task = asyncio.create_task(read())
        await asyncio.sleep(0.01)
        gate.set()
        return await task

    assert asyncio.run(both()) == 1
    assert len(full.events) == 1
