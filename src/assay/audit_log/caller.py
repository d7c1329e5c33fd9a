"""Where a call comes from: a context variable that the command line and servers fill.

    with client(address="192.0.2.7", agent="curl/8.5", actor="actor:0f3a..."):
        ...                       # every event that is emitted in here says so

Whoever meets the caller (a command, a server's middleware) says who and where it is; whoever emits
an event deep inside takes it from here. Nothing carries over into an inner `client`: a request's
caller is never completed with the server's own agent. A thread that is started in here begins
without a caller, as Python's context variables do; `asyncio` tasks and `asyncio.to_thread` take it
along.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from assay.vocabulary import Event

ADDRESS_LENGTH_MAX = 64
AGENT_LENGTH_MAX = 256
ACTOR_LENGTH_MAX = 128


@dataclass(frozen=True, slots=True)
class ClientContext:
    """Who calls, and from where. None is what is not known."""

    address: str | None = None
    """The peer's network address; None for a call on this machine."""
    agent: str | None = None
    """The program that calls, as it names itself: `assay/0.1.0`, `curl/8.5`."""
    actor: str | None = None
    """The keyed pseudonym of the account, never a name."""


_NOBODY = ClientContext()
_current: ContextVar[ClientContext] = ContextVar("assay_client", default=_NOBODY)


def current_client() -> ClientContext:
    """Who calls, as the innermost `client` around this says."""
    return _current.get()


@contextmanager
def client(
    *, address: str | None = None, agent: str | None = None, actor: str | None = None
) -> Iterator[ClientContext]:
    """Says who calls for as long as the block runs, in place of what was said before.

    Texts come from strangers: they are cut to 64, 256 and 128 characters, and a character that
    cannot be shown becomes U+FFFD.
    """
    said = ClientContext(
        address=_shown(address, ADDRESS_LENGTH_MAX),
        agent=_shown(agent, AGENT_LENGTH_MAX),
        actor=_shown(actor, ACTOR_LENGTH_MAX),
    )
    token = _current.set(said)
    try:
        yield said
    finally:
        _current.reset(token)


def from_client(event: Event, caller: ClientContext | None = None) -> Event:
    """The event with the address and agent of the caller, the current one unless another is given."""
    caller = caller or current_client()
    return replace(event, client_address=caller.address, client_agent=caller.agent)


def shown(text: str, length_max: int) -> str:
    """A stranger's text as one line of at most this many characters, each of which can be shown."""
    cut = text[:length_max]
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut)


def _shown(text: str | None, length_max: int) -> str | None:
    return None if text is None else shown(text, length_max)
