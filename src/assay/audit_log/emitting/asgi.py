"""ASGI middleware: one event for each HTTP request and each WebSocket that is opened.

    app = AuditMiddleware(app, log, target=Target(TargetKind.MODEL, "triage"), actor=pseudonym_of)

It speaks plain ASGI 3 and needs no framework. The rules:

1. With `durable` (the default) the event is on disk before the first byte of the response leaves;
   its duration is that of the time until then. If it cannot be written, the client gets 503 and
   nothing of what the application answered. `on_log_failure="warn"` lets the answer go.
2. Without `durable` the event is appended when the response has ended, with the whole duration.
3. An application that raises has an event too, with the class of the exception; what it raised goes
   on to the server. If the response had begun by then, a second event (`error_event`) names the first.
4. A WebSocket's event is that it was accepted or refused; what is said on it is not an event.
5. The event says method, route template, status and duration. Never the path itself, the query
   string, a header other than the agent, or a body. No body is held back.

The route is what `route(scope)` says; without it the template of `scope["route"]` (FastAPI, Starlette
from 1.0 on), else the name of `scope["endpoint"]`, else `(no route)`: never a value of the request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.audit_log.caller import (
    ACTOR_LENGTH_MAX,
    ClientContext,
    client,
    from_client,
    shown,
)
from assay.audit_log.emitting.interface import (
    Clock,
    LogSource,
    OnLogFailure,
    on_log_failure_of,
    send_async,
    utc_now,
    warn_of_missing,
)
from assay.audit_log.emitting.peers import address_of, agent_of, declared_proxies
from assay.audit_log.entry import new_event
from assay.vocabulary import Event, Json, Target

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ANONYMOUS = "anonymous"
NO_ROUTE = "(no route)"
_ROUTE_LENGTH_MAX = 200
_METHOD_LENGTH_MAX = 16


class AuditMiddleware:
    """Emits the events of what runs inside it, and says who calls to everything in there."""

    def __init__(
        self,
        app: App,
        log: LogSource,
        *,
        target: Target | Callable[[Scope], Target],
        actor: Callable[[Scope], str | None],
        type: Callable[[Scope], str] = lambda _: "data_access",  # noqa: A002 - the event's word
        route: Callable[[Scope], str] | None = None,
        trusted_proxies: Sequence[str] = (),
        forwarded_header: str = "x-forwarded-for",
        durable: bool = True,
        on_log_failure: str = "raise",
        clock: Clock = utc_now,
    ) -> None:
        """`actor` gives the caller's keyed pseudonym, or None while nobody is known.

        It is asked before the application runs, for what is emitted in there, and again for the
        request's own event, when an inner middleware may have authenticated the caller.

        Raises:
            BadInput: a proxy is no network, the header or the policy is not one that is known.
        """
        self._app = app
        self._proxies = declared_proxies(trusted_proxies, forwarded_header)
        policy = on_log_failure_of(on_log_failure)
        self._how = _How(log, target, actor, type, route or route_of, durable, policy, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        with client(
            address=address_of(scope, self._proxies),
            agent=agent_of(scope),
            actor=self._how.actor(scope),
        ) as caller:
            await _Exchange(self._how, scope, send, caller).run(self._app, receive)


@dataclass(frozen=True, slots=True)
class _How:
    """What to emit, where, and how surely."""

    log: LogSource
    target: Target | Callable[[Scope], Target]
    actor: Callable[[Scope], str | None]
    type: Callable[[Scope], str]
    route: Callable[[Scope], str]
    durable: bool
    on_log_failure: OnLogFailure
    clock: Clock


class _Exchange:
    """One connection while it is served."""

    def __init__(self, how: _How, scope: Scope, send: Send, caller: ClientContext) -> None:
        self._how = how
        self._scope = scope
        self._send = send
        self._caller = caller
        self._began = time.monotonic_ns()
        self._status: int | None = None
        """What the application answered; None until it begins to."""
        self._refused = False
        self._event_id: str | None = None

    async def run(self, app: App, receive: Receive) -> None:
        """Let the application answer."""
        try:
            await app(self._scope, receive, self._sent)
        except BaseException as error:
            await self._after_raise(error)
            raise
        if self._event_id is None and not self._refused:
            await self._emit(self._outcome(), {})

    async def _sent(self, message: Message) -> None:
        if self._refused:
            return
        if self._status is None:
            self._status = _status_of(message)
            answers = self._status is not None
            if answers and self._how.durable and not await self._emit(self._outcome(), {}):
                self._refused = True
                for refusal in _REFUSALS[self._scope["type"]]:
                    await self._send(dict(refusal))
                return
        await self._send(message)

    async def _after_raise(self, error: BaseException) -> None:
        """The event of an application that raised; the exception itself goes on in any case."""
        said: dict[str, Json] = {"error": type(error).__name__}
        try:
            if self._event_id is None and not self._refused:
                await self._emit("failure", said)
            elif self._event_id is not None and not isinstance(error, asyncio.CancelledError):
                await self._emit("failure", {**said, "request": self._event_id}, "error_event")
        except Exception as failure:  # noqa: BLE001 - never in place of what the application raised
            error.add_note(f"Its event is missing from the audit log ({type(failure).__name__}).")

    async def _emit(self, outcome: str, detail: dict[str, Json], type_: str | None = None) -> bool:
        """Append the event; False when it could not be, and the answer is not to leave then."""
        event = self._event(outcome, detail, type_)
        self._event_id = self._event_id or event.id
        try:
            await send_async(self._how.log, event, durable=self._how.durable)
        except Exception as failure:  # noqa: BLE001 - what is done about it is chosen
            warn_of_missing(event, failure)
            return self._how.on_log_failure is OnLogFailure.WARN
        return True

    def _event(self, outcome: str, detail: dict[str, Json], type_: str | None) -> Event:
        how, scope = self._how, self._scope
        route = shown(how.route(scope), _ROUTE_LENGTH_MAX)
        method = shown(str(scope.get("method", "WEBSOCKET")), _METHOD_LENGTH_MAX)
        actor = how.actor(scope) or self._caller.actor or ANONYMOUS
        event = new_event(
            type_ or how.type(scope),
            occurred_at=how.clock(),
            actor=shown(actor, ACTOR_LENGTH_MAX),
            action=f"{method} {route}",
            target=how.target(scope) if callable(how.target) else how.target,
            outcome=outcome,
            detail={
                "method": method,
                "route": route,
                "status": self._status,
                "duration_us": (time.monotonic_ns() - self._began) // 1_000,
                **detail,
            },
        )
        return from_client(event, self._caller)

    def _outcome(self) -> str:
        if self._status is None:
            return "no response"
        if self._status < 400:
            return "success"
        return "denied" if self._status in (401, 403) else "failure"


def route_of(scope: Scope) -> str:
    """The route that a framework found, in words that no request chose."""
    template = getattr(scope.get("route"), "path", None)
    if isinstance(template, str):
        return template
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return NO_ROUTE
    named = endpoint if hasattr(endpoint, "__qualname__") else endpoint.__class__
    return f"{named.__module__}.{named.__qualname__}"


def _status_of(message: Message) -> int | None:
    """The status of a message that begins the answer, None for any other.

    A WebSocket that is accepted has 101, as in HTTP; one that is refused has 403, as servers say it.
    """
    if message["type"] in ("http.response.start", "websocket.http.response.start"):
        return int(message["status"])
    return {"websocket.accept": 101, "websocket.close": 403}.get(message["type"])


_UNAVAILABLE = b"The audit log cannot be written, so nothing is answered. Try again later.\n"
_TRY_AGAIN_LATER = 1013
"""The WebSocket close code for a server that cannot serve now (IANA registry)."""
_REFUSALS: dict[str, tuple[Message, ...]] = {
    "http": (
        {
            "type": "http.response.start",
            "status": 503,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(_UNAVAILABLE)).encode()),
            ],
        },
        {"type": "http.response.body", "body": _UNAVAILABLE},
    ),
    "websocket": ({"type": "websocket.close", "code": _TRY_AGAIN_LATER},),
}
