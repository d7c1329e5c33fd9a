"""One event for each request and each WebSocket, durable before anything is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from assay.audit_log.caller import ClientContext, current_client
from assay.audit_log.emitting.asgi import AuditMiddleware
from assay.errors import BadInput
from assay.vocabulary import Event, Severity, Target, TargetKind
from tests.audit_log.emitting.fakes import ACTOR, CLINIC, MemoryLog, full_disk, noon

SECRET = "Adelheid-Quastenberg"
START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"ok"}
ACCEPT = {"type": "websocket.accept"}

App = Callable[[Any, Any, Any], Awaitable[None]]


class Broken(Exception):
    """What an application raises; its words hold personal data."""


def answering(*messages: dict[str, Any], error: BaseException | None = None) -> App:
    """An application that sends these messages and then, perhaps, raises."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(dict(message))
        if error is not None:
            raise error

    return app


def http(**changes: Any) -> dict[str, Any]:
    """The scope of a request whose path and query hold what no event may."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/patients/{SECRET}",
        "query_string": f"name={SECRET}".encode(),
        "client": ("192.0.2.7", 50_000),
        "headers": [(b"user-agent", b"curl/8.5"), (b"cookie", SECRET.encode())],
        "route": SimpleNamespace(path="/patients/{name}"),
    }
    return {**scope, **changes}


def serve(log: MemoryLog, app: App, scope: dict[str, Any], **how: Any) -> list[dict[str, Any]]:
    """What the middleware around this application sends to this connection."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    chosen = {"target": CLINIC, "actor": lambda _: ACTOR, "clock": noon, **how}
    asyncio.run(AuditMiddleware(app, log, **chosen)(scope, receive, send))
    return sent


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


both_ways = pytest.mark.parametrize("durable", [True, False], ids=["durable", "not durable"])


@both_ways
def test_a_request_is_one_event_that_names_no_value_of_it(durable: bool, log: MemoryLog) -> None:
    assert serve(log, answering(START, BODY), http(), durable=durable) == [START, BODY]
    event = log.event
    assert (event.type, event.severity, event.outcome) == ("data_access", Severity.HIGH, "success")
    assert (event.action, event.actor, event.target) == ("GET /patients/{name}", ACTOR, CLINIC)
    assert (event.client_address, event.client_agent) == ("192.0.2.7", "curl/8.5")
    assert {**event.detail, "duration_us": 0} == {
        "method": "GET",
        "route": "/patients/{name}",
        "status": 200,
        "duration_us": 0,
    }
    assert SECRET.encode() not in next(iter(log.entries.values()))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (204, "success"),
        (302, "success"),
        (401, "denied"),
        (403, "denied"),
        (404, "failure"),
        (500, "failure"),
    ],
)
def test_the_outcome_follows_from_the_status(status: int, outcome: str, log: MemoryLog) -> None:
    serve(log, answering({**START, "status": status}, BODY), http())
    assert (log.event.outcome, log.event.detail["status"]) == (outcome, status)


def test_the_event_is_durable_before_the_response_starts(log: MemoryLog) -> None:
    order: list[str] = []

    class Ordered(MemoryLog):
        async def append_async(self, events: Sequence[Event]) -> tuple[int, ...]:
            await asyncio.sleep(0.01)
            order.append("durable")
            return await super().append_async(events)

    async def send(message: dict[str, Any]) -> None:
        order.append(message["type"])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({**BODY, "more_body": True})
        order.append("app goes on")
        await send(BODY)

    middleware = AuditMiddleware(app, Ordered(), target=CLINIC, actor=lambda _: ACTOR)
    asyncio.run(middleware(http(), None, send))
    kinds = ["http.response.start", "http.response.body", "app goes on", "http.response.body"]
    assert order == ["durable", *kinds]


@pytest.mark.parametrize("way", ["refuses", "loses"])
def test_nothing_is_answered_that_could_not_be_logged(way: str) -> None:
    secret = {**BODY, "body": SECRET.encode()}
    sent = serve(MemoryLog(**{way: full_disk()}), answering(START, secret), http())
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 503
    assert sent[1]["body"].startswith(b"The audit log cannot be written")
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(sent[1]["body"])).encode()


def test_the_answer_leaves_with_a_warning_where_that_was_chosen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = MemoryLog(refuses=full_disk())
    assert serve(log, answering(START, BODY), http(), on_log_failure="warn") == [START, BODY]
    assert caplog.messages == [
        "An event of type data_access is missing from the audit log (DiskFull)."
    ]


@both_ways
def test_an_application_that_raises_has_an_event_and_its_exception_goes_on(
    durable: bool, log: MemoryLog
) -> None:
    with pytest.raises(Broken, match=SECRET):
        serve(log, answering(error=Broken(SECRET)), http(), durable=durable)
    event = log.event
    said = (event.outcome, event.detail["error"], event.detail["status"])
    assert said == ("failure", "Broken", None)
    assert SECRET.encode() not in next(iter(log.entries.values()))


def test_raising_after_the_response_began_is_a_second_event(log: MemoryLog) -> None:
    with pytest.raises(Broken):
        serve(log, answering(START, BODY, error=Broken(SECRET)), http())
    first, second = log.events
    assert (first.type, first.outcome) == ("data_access", "success")
    assert (second.type, second.outcome) == ("error_event", "failure")
    assert (second.detail["request"], second.detail["error"]) == (first.id, "Broken")


def test_without_durability_raising_after_the_start_is_the_one_event(log: MemoryLog) -> None:
    with pytest.raises(Broken):
        serve(log, answering(START, BODY, error=Broken(SECRET)), http(), durable=False)
    assert (log.event.outcome, log.event.detail["status"]) == ("failure", 200)


def test_a_client_that_leaves_while_it_is_answered_is_no_second_event(log: MemoryLog) -> None:
    with pytest.raises(asyncio.CancelledError):
        serve(log, answering(START, error=asyncio.CancelledError()), http())
    assert log.event.outcome == "success"


def test_the_exception_of_the_application_is_never_replaced() -> None:
    with pytest.raises(Broken):
        serve(MemoryLog(refuses=full_disk()), answering(error=Broken(SECRET)), http())


def test_an_application_that_answers_nothing_has_an_event(log: MemoryLog) -> None:
    serve(log, answering(), http())
    assert (log.event.outcome, log.event.detail["status"]) == ("no response", None)


def test_the_caller_is_said_to_everything_inside_and_to_nothing_outside(log: MemoryLog) -> None:
    seen: list[ClientContext] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(current_client())
        await send(START)

    serve(log, app, http())
    assert seen == [ClientContext("192.0.2.7", "curl/8.5", ACTOR)]
    assert current_client() == ClientContext()


def test_a_caller_who_is_known_only_inside_is_the_actor(log: MemoryLog) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["user"] = "actor:later"
        await send(START)

    serve(log, app, http(), actor=lambda scope: scope.get("user"))
    assert log.event.actor == "actor:later"
    other = MemoryLog()
    serve(other, answering(START), http(), actor=lambda scope: scope.get("user"))
    assert other.event.actor == "anonymous"


def test_type_and_target_may_follow_from_the_request(log: MemoryLog) -> None:
    model = Target(TargetKind.MODEL, "triage")
    serve(log, answering(START), http(), type=lambda _: "model_access", target=lambda _: model)
    assert (log.event.type, log.event.target) == ("model_access", model)


class Endpoint:
    """An endpoint that is an object, as a mounted application is."""


def handler() -> None:
    """An endpoint that is a function."""


@pytest.mark.parametrize(
    ("found", "route"),
    [
        ({"route": SimpleNamespace(path="/a/{b}")}, "/a/{b}"),
        ({"route": None, "endpoint": handler}, f"{__name__}.handler"),
        ({"route": None, "endpoint": Endpoint()}, f"{__name__}.Endpoint"),
        ({"route": None}, "(no route)"),
        ({"route": None, "path_params": {"name": SECRET}}, "(no route)"),
    ],
    ids=["template", "function", "object", "none", "values"],
)
def test_the_route_holds_no_value_of_the_request(
    found: dict[str, Any], route: str, log: MemoryLog
) -> None:
    serve(log, answering(START), http(**found))
    assert log.event.action == f"GET {route}"


def test_a_route_and_a_method_of_any_kind_are_cut_and_shown(log: MemoryLog) -> None:
    serve(log, answering(START), http(method="GET\x00" + "T" * 99), route=lambda _: "/\n" * 500)
    assert log.event.action.isprintable()
    assert len(log.event.action) < 300


PROXIES = ("10.0.0.0/8", "2001:db8::/32")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::1", "[2a00::9]:4711", "2a00::9"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, not an address", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4," * 5_000 + "203.0.113.9", "203.0.113.9"),
        ("testclient", "203.0.113.9", "testclient"),
    ],
)
def test_only_declared_proxies_speak_for_others(
    peer: str, forwarded: str | None, address: str, log: MemoryLog
) -> None:
    headers = [] if forwarded is None else [(b"X-Forwarded-For", forwarded.encode())]
    serve(log, answering(START), http(client=(peer, 1), headers=headers), trusted_proxies=PROXIES)
    assert log.event.client_address == address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ('proto=https;For="203.0.113.9:4711";by=10.0.0.1', "203.0.113.9"),
        ('for=198.51.100.1, for="[2a00::9]:80"', "2a00::9"),
        ("for=unknown", "10.0.0.1"),
        ("for=_hidden", "10.0.0.1"),
        ("by=203.0.113.9", "10.0.0.1"),
        ('for="', "10.0.0.1"),
    ],
)
def test_the_forwarded_header_is_read_as_its_standard_says(
    forwarded: str, address: str, log: MemoryLog
) -> None:
    headers = [(b"forwarded", forwarded.encode()), (b"x-forwarded-for", b"192.0.2.66")]
    scope = http(client=("10.0.0.1", 1), headers=headers)
    serve(log, answering(START), scope, trusted_proxies=PROXIES, forwarded_header="Forwarded")
    assert log.event.client_address == address


def test_several_forwarded_headers_are_one_list(log: MemoryLog) -> None:
    headers = [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-for", b"10.0.0.2")]
    scope = http(client=("10.0.0.1", 1), headers=headers)
    serve(log, answering(START), scope, trusted_proxies=PROXIES)
    assert log.event.client_address == "203.0.113.9"


def test_a_connection_without_address_or_agent_has_none(log: MemoryLog) -> None:
    serve(log, answering(START), http(client=None, headers=[]))
    assert (log.event.client_address, log.event.client_agent) == (None, None)


def test_an_agent_that_cannot_be_shown_is_cut_and_shown(log: MemoryLog) -> None:
    serve(log, answering(START), http(headers=[(b"user-agent", b"\x1b[2J\xff" + b"x" * 999)]))
    agent = log.event.client_agent
    assert agent is not None
    assert agent.startswith("�[2Jÿxxx")
    assert len(agent) == 256


@pytest.mark.parametrize(
    "bad",
    [
        {"trusted_proxies": ["10.0.0.0/99"]},
        {"forwarded_header": "x-real-ip"},
        {"on_log_failure": "ignore"},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_wrong_settings_are_refused_before_anything_is_served(bad: Any) -> None:
    with pytest.raises(BadInput):
        AuditMiddleware(answering(), MemoryLog(), target=CLINIC, actor=lambda _: None, **bad)


def socket(**changes: Any) -> dict[str, Any]:
    """The scope of a WebSocket."""
    scope = http(type="websocket", **changes)
    del scope["method"]
    return scope


def test_a_socket_that_is_accepted_is_one_event(log: MemoryLog) -> None:
    said = {"type": "websocket.send", "text": SECRET}
    done = {"type": "websocket.close", "code": 1000}
    assert serve(log, answering(ACCEPT, said, said, done), socket()) == [ACCEPT, said, said, done]
    event = log.event
    assert (event.action, event.outcome) == ("WEBSOCKET /patients/{name}", "success")
    assert event.detail["status"] == 101
    assert SECRET.encode() not in next(iter(log.entries.values()))


def test_a_socket_that_is_refused_is_one_event(log: MemoryLog) -> None:
    serve(log, answering({"type": "websocket.close", "code": 1008}), socket())
    assert (log.event.outcome, log.event.detail["status"]) == ("denied", 403)
    other = MemoryLog()
    denial = {"type": "websocket.http.response.start", "status": 404, "headers": []}
    serve(other, answering(denial), socket())
    assert (other.event.outcome, other.event.detail["status"]) == ("failure", 404)


def test_a_socket_that_could_not_be_logged_is_closed_to_try_later() -> None:
    said = {"type": "websocket.send", "text": SECRET}
    sent = serve(MemoryLog(refuses=full_disk()), answering(ACCEPT, said), socket())
    assert sent == [{"type": "websocket.close", "code": 1013}]


def test_lifespan_passes_through(log: MemoryLog) -> None:
    started = {"type": "lifespan.startup.complete"}
    assert serve(log, answering(started), {"type": "lifespan"}) == [started]
    assert log.events == []


def test_a_real_framework_is_served(log: MemoryLog) -> None:
    applications = pytest.importorskip("starlette.applications")
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def show(request: Any) -> Any:
        return PlainTextResponse(request.path_params["name"])

    app = applications.Starlette(routes=[Route("/patients/{name}", show)])
    scope = {key: value for key, value in http().items() if key != "route"}
    start, body = serve(log, app, scope)
    assert (start["status"], body["body"]) == (200, SECRET.encode())
    # Since version 1 Starlette says the template; before, it named the endpoint alone.
    assert log.event.action in (
        "GET /patients/{name}",
        f"GET {show.__module__}.{show.__qualname__}",
    )
    assert SECRET.encode() not in next(iter(log.entries.values()))
