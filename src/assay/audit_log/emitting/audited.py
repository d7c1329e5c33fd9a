"""`audited`: the event of a call in users' own code, as a decorator or a `with` block.

    @audited(log, "model_access", "predict", Target(TargetKind.MODEL, "triage"), actor="service:api")
    def predict(batch): ...

    with audited(log, "data_access", "export", target, actor=actor) as record:
        record.detail["rows"] = export()

The rules:

1. One event a call, when it ends: outcome `success`, or `failure` with the class of the exception
   and never its words, which may hold personal data. `detail["duration_us"]` is how long it took.
2. What the call raises is raised; nothing is swallowed and nothing replaced.
3. With `durable` (the default) the event is on disk before the caller gets the result. If it
   cannot be written, the call fails in place of returning, unless `on_log_failure="warn"`. When
   the call has failed already, its own exception is raised, with a note that the event is missing.
4. A generator's event is emitted when it ends or is closed; one that is never started emits none.

What was done before the log failed is not undone: where a record must change with its event or not
at all, emit it through the outbox (`stores/outbox.py`).
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from assay.audit_log.caller import ClientContext, current_client, from_client
from assay.audit_log.emitting.interface import (
    Clock,
    LogSource,
    OnLogFailure,
    on_log_failure_of,
    send,
    send_async,
    utc_now,
    warn_of_missing,
)
from assay.audit_log.entry import new_event
from assay.audit_log.event_types import event_type
from assay.errors import BadInput
from assay.vocabulary import Event, Json, Severity, Target

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


@dataclass(slots=True)
class Recording:
    """The event of a call that runs: what the block adds to it. No personal data in clear."""

    outcome: str = "success"
    """What the event says when nothing is raised."""
    detail: dict[str, Json] = field(default_factory=dict)


def audited(
    log: LogSource,
    type: str,  # noqa: A002 - the word of the event
    action: str,
    target: Target | Callable[..., Target],
    *,
    actor: str | None = None,
    severity: Severity | None = None,
    durable: bool = True,
    on_log_failure: str = "raise",
    clock: Clock = utc_now,
) -> Audited:
    """Emits one event for each call of a function, or for a `with` block.

    `log` may be a call that gives the log. `target` may be a function of the call's arguments. The
    `actor` is a keyed pseudonym; without it, the one of the innermost `client` around the call.

    Raises:
        UnknownEventType: there is no such type.
        BadInput: `on_log_failure` is neither `raise` nor `warn`.
    """
    event_type(type)
    policy = on_log_failure_of(on_log_failure)
    return Audited(_What(log, type, action, target, actor, severity, durable, policy, clock))


@dataclass(frozen=True, slots=True)
class _What:
    """What to emit, where, and how surely."""

    log: LogSource
    type: str
    action: str
    target: Target | Callable[..., Target]
    actor: str | None
    severity: Severity | None
    durable: bool
    on_log_failure: OnLogFailure
    clock: Clock


class Audited:
    """What `audited` returns: a decorator that serves any number of calls, or one `with` block."""

    def __init__(self, what: _What) -> None:
        self._what = what
        self._block: Any = None

    def __call__(self, function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
        """The function, whose every call emits an event."""
        wrapped: Callable[_Parameters, _Result] = _wrapped(self._what, function)
        return wrapped

    def __enter__(self) -> Recording:
        recording: Recording = self._begin(_recorded).__enter__()
        return recording

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._block.__exit__(kind, error, trace)

    async def __aenter__(self) -> Recording:
        recording: Recording = await self._begin(_recorded_async).__aenter__()
        return recording

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._block.__aexit__(kind, error, trace)

    def _begin(self, recorded: Callable[..., Any]) -> Any:
        if self._block is not None:
            raise BadInput(
                "This audited block was entered before.",
                next_step="Call audited(...) anew in each `with`.",
            )
        if callable(self._what.target):
            raise BadInput(
                "A `with` block has no arguments to find its target from.",
                next_step="Give the target itself.",
            )
        self._block = recorded(self._what, self._what.target)
        return self._block


def _wrapped(what: _What, function: Callable[..., Any]) -> Any:
    if inspect.isasyncgenfunction(function):

        @wraps(function)
        async def async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            async with _recorded_async(what, _target(what, args, kwargs)):
                inner = function(*args, **kwargs)
                try:
                    step = inner.__anext__()
                    while True:
                        try:
                            item = await step
                        except StopAsyncIteration:
                            return
                        try:
                            sent = yield item
                        except GeneratorExit:
                            raise
                        except BaseException as thrown:  # noqa: BLE001 - passed on, as `yield from` does
                            step = inner.athrow(thrown)
                        else:
                            step = inner.asend(sent)
                finally:
                    await inner.aclose()

        return async_generator
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            async with _recorded_async(what, _target(what, args, kwargs)):
                return await function(*args, **kwargs)

        return coroutine
    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with _recorded(what, _target(what, args, kwargs)):
                return (yield from function(*args, **kwargs))

        return generator

    @wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        with _recorded(what, _target(what, args, kwargs)):
            return function(*args, **kwargs)

    return plain


def _target(what: _What, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Target:
    return what.target(*args, **kwargs) if callable(what.target) else what.target


@contextmanager
def _recorded(what: _What, target: Target) -> Generator[Recording, None, None]:
    call, raised = _Call(what, target), None
    try:
        yield call.recording
    except BaseException as error:
        raised = error
        raise
    finally:
        event = call.event(raised)
        try:
            send(what.log, event, durable=what.durable)
        except Exception as failure:  # noqa: BLE001 - what is done about it is chosen
            call.not_logged(event, failure, raised)


@asynccontextmanager
async def _recorded_async(what: _What, target: Target) -> AsyncGenerator[Recording, None]:
    call, raised = _Call(what, target), None
    try:
        yield call.recording
    except BaseException as error:
        raised = error
        raise
    finally:
        event = call.event(raised)
        try:
            await send_async(what.log, event, durable=what.durable)
        except Exception as failure:  # noqa: BLE001 - what is done about it is chosen
            call.not_logged(event, failure, raised)


class _Call:
    """One call while it runs. Refuses before the work begins, not after it."""

    def __init__(self, what: _What, target: Target) -> None:
        self.recording = Recording()
        self._what = what
        self._target = target
        self._caller = _caller(what)
        self._began = time.monotonic_ns()

    def event(self, raised: BaseException | None) -> Event:
        """The event of the call that ended so."""
        outcome, detail = self.recording.outcome, dict(self.recording.detail)
        detail["duration_us"] = (time.monotonic_ns() - self._began) // 1_000
        if isinstance(raised, GeneratorExit):
            detail["closed_early"] = True
        elif raised is not None:
            outcome = "failure"
            detail["error"] = type(raised).__name__
        event = new_event(
            self._what.type,
            occurred_at=self._what.clock(),
            actor=self._caller.actor or "",
            action=self._what.action,
            target=self._target,
            outcome=outcome,
            severity=self._what.severity,
            detail=detail,
        )
        return from_client(event, self._caller)

    def not_logged(self, event: Event, failure: Exception, raised: BaseException | None) -> None:
        """Fail in place of returning, if that was chosen; never replace what the call raised.

        A generator that is closed early has raised nothing of its own.
        """
        if raised is not None and not isinstance(raised, GeneratorExit):
            raised.add_note(f"Its event is missing from the audit log ({type(failure).__name__}).")
        elif self._what.on_log_failure is OnLogFailure.RAISE:
            raise failure
        warn_of_missing(event, failure)


def _caller(what: _What) -> ClientContext:
    caller = current_client()
    if what.actor is not None:
        caller = replace(caller, actor=what.actor)
    if caller.actor is None:
        raise BadInput(
            f"Nobody is named as the actor of {what.action!r}.",
            next_step="Give audited(..., actor=...), or call it within assay.client(actor=...).",
        )
    return caller
