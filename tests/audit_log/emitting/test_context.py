"""Who calls is said by whoever meets the caller, and taken from there."""

from __future__ import annotations

import asyncio
import threading

from assay.audit_log.caller import (
    ClientContext,
    client,
    current_client,
    from_client,
    shown,
)
from assay.audit_log.entry import new_event
from tests.audit_log.emitting.fakes import ACTOR, CLINIC, NOON

NOBODY = ClientContext()


def test_nobody_calls_unless_somebody_says_so() -> None:
    assert current_client() == NOBODY


def test_the_innermost_caller_counts_and_is_never_completed_by_the_outer() -> None:
    with client(agent="assay/1", actor=ACTOR):
        with client(address="192.0.2.7") as inner:
            assert current_client() == inner == ClientContext("192.0.2.7", None, None)
        assert current_client() == ClientContext(None, "assay/1", ACTOR)
    assert current_client() == NOBODY


def test_a_block_that_raises_restores_the_caller() -> None:
    try:
        with client(address="192.0.2.7"):
            raise RuntimeError
    except RuntimeError:
        assert current_client() == NOBODY


def test_what_a_stranger_says_is_cut_and_shown() -> None:
    with client(address="a" * 99, agent="x\x1b[31m\ny" + "z" * 999, actor="b" * 999) as said:
        assert said.address == "a" * 64
        assert said.agent is not None
        assert said.agent.startswith("x�[31m�yzzz")
        assert len(said.agent) == 256
        assert said.actor == "b" * 128
    assert shown("\u202egnp.exe", 100) == "�gnp.exe"


def test_tasks_take_the_caller_along_and_do_not_mix_them() -> None:
    async def who(address: str) -> str | None:
        with client(address=address):
            await asyncio.sleep(0)
            return await asyncio.to_thread(lambda: current_client().address)

    async def both() -> list[str | None]:
        return await asyncio.gather(who("192.0.2.1"), who("192.0.2.2"))

    assert asyncio.run(both()) == ["192.0.2.1", "192.0.2.2"]


def test_a_new_thread_begins_without_a_caller() -> None:
    seen: list[ClientContext] = []
    with client(address="192.0.2.7"):
        thread = threading.Thread(target=lambda: seen.append(current_client()))
        thread.start()
        thread.join()
    assert seen == [NOBODY]


def test_an_event_gets_the_address_and_agent_of_the_caller() -> None:
    event = new_event("note", occurred_at=NOON, actor=ACTOR, action="write", target=CLINIC)
    with client(address="192.0.2.7", agent="curl/8"):
        said = from_client(event)
    assert (said.client_address, said.client_agent, said.actor) == ("192.0.2.7", "curl/8", ACTOR)
    other = from_client(event, ClientContext("192.0.2.8", None, "ignored"))
    assert (other.client_address, other.client_agent, other.actor) == ("192.0.2.8", None, ACTOR)
