"""The server where strangers can reach it: garbage, floods, drips, TLS, and stopping."""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.audit_log.witness.request import BODY_BYTES_MAX
from assay.audit_log.witness.server import (
    ServerLimits,
    WitnessServer,
    listen_address,
    tls_context,
)
from assay.audit_log.witness.state import WitnessState
from assay.errors import BadInput, CouldNotFinish
from tests.audit_log.in_memory import AT
from tests.audit_log.witness.asking import (
    Reply,
    cosigned_at,
    make_witness,
    post,
    serving,
    witness_in,
)
from tests.audit_log.witness.certificates import self_signed
from tests.audit_log.witness.test_protocol import GOOD, grown, note_of

_KNOWN_ANSWERS = {200, 400, 403, 404, 409, 422}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_witness(tmp_path_factory.mktemp("w") / "w")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[WitnessServer]:
    with serving(folder, limits=ServerLimits(connections_max=4, idle_seconds=0.5)) as running:
        yield running


def raw(server: WitnessServer, data: bytes) -> bytes:
    """Everything that comes back for these bytes, until the server closes."""
    received = b""
    with socket.create_connection(server.server_address[:2], 5) as connection:  # type: ignore[arg-type]
        # A server that has read enough may close before everything is sent.
        with suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while piece := connection.recv(65536):
                received += piece
    return received


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=600))
def test_garbage_is_400(folder: Path, data: bytes) -> None:
    with witness_in(folder) as witness:
        assert witness.add_checkpoint(data, AT).status == 400


@settings(max_examples=500, deadline=None)
@given(
    at=st.integers(0, len(GOOD)),
    cut=st.integers(0, 40),
    piece=st.binary(max_size=40) | st.sampled_from([b"\n", b"\n\n", b"old ", b"=", b"\0", b" "]),
)
def test_a_changed_request_is_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, cut: int, piece: bytes
) -> None:
    changed = GOOD[:at] + piece + GOOD[at + cut :]
    with witness_in(_begun(tmp_path_factory)) as witness:
        status = witness.add_checkpoint(changed, AT).status
        assert status in _KNOWN_ANSWERS
        # Whatever it was, the log goes on from 5 or, where the change did no harm, from 8.
        last = 8 if status == 200 else 5
        assert witness.add_checkpoint(grown(last, 8), AT).status == 200


def _begun(factory: pytest.TempPathFactory) -> Path:
    folder = make_witness(factory.mktemp("changed") / "w")
    with witness_in(folder) as witness:
        assert witness.add_checkpoint(grown(0, 5), AT).status == 200
    return folder


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_what_is_no_http_is_never_500(server: WitnessServer, data: bytes) -> None:
    answer = raw(server, data)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501", b"HTTP/1.1 505"))


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_a_body_of_garbage_is_400(server: WitnessServer, data: bytes) -> None:
    assert post(server.url, data).status == 400


def test_nothing_else_is_there(server: WitnessServer) -> None:
    for method, path in (
        ("GET", "/add-checkpoint"),
        ("HEAD", "/add-checkpoint"),
        ("PUT", "/add-checkpoint"),
        ("GET", "/"),
        ("POST", "/"),
        ("POST", "/add-checkpoint/"),
        ("POST", "/add-checkpoint?x=1"),
        ("POST", "/../add-checkpoint"),
    ):
        connection = http.client.HTTPConnection(*server.server_address[:2], timeout=5)  # type: ignore[arg-type]
        connection.request(method, path, body=b"" if method in ("POST", "PUT") else None)
        assert connection.getresponse().status == 404, (method, path)
        connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"", b"411"),
        (b"Content-Length: \r\n", b"411"),
        (b"Content-Length: -1\r\n", b"411"),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n", b"411"),
        (b"Content-Length: +5\r\n", b"411"),
        (b"Transfer-Encoding: chunked\r\n", b"411"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"411"),
        (b"Content-Length: %d\r\n" % (BODY_BYTES_MAX + 1), b"413"),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n", b"413"),
        (b"X: " + b"y" * 70_000 + b"\r\n", b"431"),
        (b"X: y\r\n" * 200, b"431"),
    ],
)
def test_a_body_of_unknown_or_great_length_is_not_read(
    server: WitnessServer, headers: bytes, status: bytes
) -> None:
    answer = raw(server, b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status), answer[:100]
    assert b"Connection: close" in answer


def test_a_body_that_is_cut_short_gets_no_answer(server: WitnessServer) -> None:
    head = b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    assert raw(server, head + b"old 0\n") == b""


def test_one_connection_serves_many_requests(tmp_path: Path) -> None:
    folder = make_witness(tmp_path / "w")
    with serving(folder) as running:
        connection = http.client.HTTPConnection(*running.server_address[:2], timeout=5)  # type: ignore[arg-type]
        for old, size in ((0, 3), (3, 4), (4, 9)):
            connection.request("POST", "/add-checkpoint", body=grown(old, size))
            response = connection.getresponse()
            assert (response.status, response.read()[:3]) == (200, "—".encode())
        connection.close()


def test_a_request_that_drips_in_is_dropped(server: WitnessServer) -> None:
    began = time.monotonic()
    with socket.create_connection(server.server_address[:2], 5) as connection:  # type: ignore[arg-type]
        connection.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        ended = False
        while not ended and time.monotonic() - began < 5:
            try:
                connection.sendall(b"x")
            except OSError:
                ended = True
            time.sleep(0.05)
    assert ended
    assert time.monotonic() - began < 3


def test_more_connections_than_allowed_are_closed(server: WitnessServer) -> None:
    address = server.server_address[:2]
    idle = [socket.create_connection(address, 5) for _ in range(4)]  # type: ignore[arg-type]
    time.sleep(0.1)
    try:
        with socket.create_connection(address, 5) as one_more:  # type: ignore[arg-type]
            assert one_more.recv(1) == b""
    finally:
        for connection in idle:
            connection.close()
    time.sleep(0.2)
    assert post(server.url, b"").status == 400


def test_nobodys_address_is_logged(
    server: WitnessServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        post(server.url, b"garbage")
        raw(server, b"\xff\r\n\r\n")
    assert "127.0.0.1" not in caplog.text
    assert capfd.readouterr() == ("", "")


def test_a_prefix_stands_before_the_path(folder: Path) -> None:
    with serving(folder, prefix="/some/where") as running:
        assert running.url.endswith("/some/where")
        assert post(running.url, b"").status == 400
        assert post(running.url.removesuffix("/some/where"), b"").status == 404


def test_a_failing_record_is_503(tmp_path: Path) -> None:
    folder = make_witness(tmp_path / "w")
    with serving(folder) as running:
        running.witness.state.close()
        reply = post(running.url, grown(0, 5))
        assert reply.status == 503
        assert str(tmp_path) not in reply.body


def test_stopping_does_not_wait_for_idle_connections(folder: Path) -> None:
    with serving(folder, limits=ServerLimits(idle_seconds=60)) as running:
        idle = socket.create_connection(running.server_address[:2], 5)  # type: ignore[arg-type]
        time.sleep(0.1)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    idle.close()


def test_stopping_answers_what_has_arrived(tmp_path: Path) -> None:
    folder = make_witness(tmp_path / "w")
    replies: list[int] = []
    with serving(folder) as running:
        asking = threading.Thread(
            target=lambda: replies.append(post(running.url, grown(0, 5)).status)
        )
        stopping = threading.Thread(target=running.stop)
        with WitnessState(folder) as other, other.deciding("held"):
            asking.start()
            time.sleep(0.3)
            stopping.start()
            time.sleep(0.3)
            assert replies == []
        asking.join(10)
        stopping.join(10)
    assert replies == [200]


def test_an_address_that_is_taken_is_named(server: WitnessServer, folder: Path) -> None:
    host, port = server.server_address[:2]
    with (
        witness_in(folder) as witness,
        pytest.raises(CouldNotFinish, match=f"cannot listen on 127.0.0.1 port {port}"),
    ):
        WitnessServer(witness, (str(host), int(port)))


@pytest.mark.parametrize(
    "text",
    ["", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
     "127.0.0.1:-1", "::1", "[::1]", "witness.example.com:80", "127.0.0.1:٨"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not an address"):
        listen_address(text, tls=True)


@pytest.mark.parametrize("text", ["0.0.0.0:1", "[::]:1", "192.0.2.7:1", "[2001:db8::1]:1"])
def test_without_tls_only_this_machine_is_served(text: str) -> None:
    with pytest.raises(BadInput, match="Without TLS"):
        listen_address(text, tls=False)
    assert listen_address(text, tls=True)[1] == 1


def test_addresses_of_this_machine() -> None:
    assert listen_address("localhost:80", tls=False) == ("127.0.0.1", 80)
    assert listen_address("127.9.9.9:0", tls=False) == ("127.9.9.9", 0)
    assert listen_address("[::1]:8080", tls=False) == ("::1", 8080)


def test_tls_is_1_3_or_nothing(tmp_path: Path) -> None:
    folder = make_witness(tmp_path / "w")
    cert, key = self_signed(tmp_path)
    with serving(folder, tls=tls_context(cert, key)) as running:
        assert running.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=cert)
        connection = http.client.HTTPSConnection(
            *running.server_address[:2],  # type: ignore[arg-type]
            timeout=5,
            context=context,
        )
        connection.request("POST", "/add-checkpoint", body=grown(0, 5))
        assert connection.sock.version() == "TLSv1.3"
        response = connection.getresponse()
        reply = Reply(response.status, "", response.read().decode())
        assert cosigned_at(reply, folder, note_of(5)) == [AT]
        connection.close()

        old = ssl.create_default_context(cafile=cert)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        refused = http.client.HTTPSConnection(
            *running.server_address[:2],  # type: ignore[arg-type]
            timeout=5,
            context=old,
        )
        with pytest.raises(ssl.SSLError):
            refused.request("POST", "/add-checkpoint", body=b"")
        refused.close()
        assert raw(running, b"POST /add-checkpoint HTTP/1.1\r\n\r\n")[:5] != b"HTTP/"


def test_a_certificate_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    with pytest.raises(BadInput, match="cannot be used"):
        tls_context(cert, cert)
    with pytest.raises(BadInput, match="cannot be used"):
        tls_context(tmp_path / "none.pem", key)
    cert, key = self_signed(tmp_path, passphrase=b"secret")
    with pytest.raises(BadInput, match="without a passphrase"):
        tls_context(cert, key)
