"""A witness as an HTTP server: `POST <prefix>/add-checkpoint`, and nothing else.

It is made to stand where strangers can reach it. A request has a deadline as a whole, so that one that
drips in is dropped; its body and the number of connections are bounded; what is not understood gets an
answer in plain text. Without TLS it listens on this machine's own address only; with a certificate it
speaks TLS 1.3. Nobody's address is logged.
"""

from __future__ import annotations

import io
import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from assay.audit_log.witness.request import ADD_CHECKPOINT, BODY_BYTES_MAX
from assay.audit_log.witness.witness import Answer, Witness
from assay.errors import AssayError, BadInput, CouldNotFinish

_logger = logging.getLogger("assay.witness")


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one who asks may take."""

    connections_max: int = 64
    idle_seconds: float = 10.0
    """How long a connection may wait for its next request, and how long one may take to arrive."""


def listen_address(text: str, *, tls: bool) -> tuple[str, int]:
    """The address in `HOST:PORT` or `[HOST]:PORT`.

    Raises:
        BadInput: it is none, or without TLS another machine could reach it.
    """
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]") if ":" in host else host
    try:
        address = ipaddress.ip_address("127.0.0.1" if bare == "localhost" else bare)
        if not (port.isascii() and port.isdecimal() and int(port) < 1 << 16):
            raise ValueError
    except ValueError as error:
        raise BadInput(
            f"{text[:100]!r} is not an address to listen on.",
            next_step="Write the number of an address and a port, like 127.0.0.1:8080 or [::1]:8080.",
        ) from error
    if not (tls or address.is_loopback):
        raise BadInput(
            f"Without TLS a witness listens on 127.0.0.1 or [::1] only, not on {address}.",
            next_step="Give a certificate and its key, or put a server that has them in front.",
        )
    return str(address), int(port)


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.3 with this certificate (and its chain) and key, both PEM.

    Raises:
        BadInput: they cannot be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        # A passphrase would be asked for on the terminal, where nobody may be.
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"The certificate {certificate} and its key cannot be used ({type(error).__name__}).",
            next_step="Give both as PEM, the key without a passphrase, the certificate with its chain.",
        ) from error
    return context


class WitnessServer(ThreadingMixIn, TCPServer):
    """Answers requests, each connection in a thread of its own."""

    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 128

    def __init__(
        self,
        witness: Witness,
        address: tuple[str, int],
        *,
        prefix: str = "",
        tls: ssl.SSLContext | None = None,
        limits: ServerLimits = ServerLimits(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin to listen; `serve_forever` answers. The clock gives seconds since 1970.

        Raises:
            CouldNotFinish: the address is taken, or not this machine's.
        """
        self.witness, self.path, self.limits, self.clock = (
            witness,
            prefix + ADD_CHECKPOINT,
            limits,
            clock,
        )
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._tls = tls
        self._slots = threading.BoundedSemaphore(limits.connections_max)
        self._open = set[socket.socket]()
        self._open_lock = threading.Lock()
        self._stopping = False
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            raise CouldNotFinish(
                f"The witness cannot listen on {address[0]} port {address[1]} ({error.strerror}).",
                next_step="Stop what listens there, or choose another port.",
            ) from error

    @property
    def url(self) -> str:
        """The URL that logs are given, without `/add-checkpoint`."""
        host, port = self.server_address[:2]
        scheme = "http" if self._tls is None else "https"
        shown = f"[{host!s}]" if self.address_family == socket.AF_INET6 else str(host)
        return f"{scheme}://{shown}:{port!s}{self.path.removesuffix(ADD_CHECKPOINT)}"

    def stop(self) -> None:
        """Take no more, answer what has arrived, release the address. Not from the serving thread."""
        self.shutdown()
        with self._open_lock:
            self._stopping = True
            for connection in self._open:
                _stop_reading(connection)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection a thread, or close it where there are too many."""
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be begun; the connection is closed by the library
            self._slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection's requests."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection's requests; the TLS handshake happens here, in the connection's thread."""
        request.settimeout(self.limits.idle_seconds)
        if self._tls is None:
            self._answer(request, client_address)
            return
        with self._tls.wrap_socket(request, server_side=True) as wrapped:
            self._answer(wrapped, client_address)

    def _answer(self, connection: socket.socket, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(connection)
            if self._stopping:
                _stop_reading(connection)
        try:
            super().finish_request(connection, client_address)
        finally:
            with self._open_lock:
                self._open.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is its caller's affair; who it was is nobody's."""
        _logger.debug("A connection broke.", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "assay-witness", ""
    disable_nagle_algorithm = True
    _due: float

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_UntilDue(self))

    def handle_one_request(self) -> None:
        self._due = time.monotonic() + self.server.limits.idle_seconds
        super().handle_one_request()

    def parse_request(self) -> bool:
        # The first line has come: the waiting is over, and the rest has its own time.
        self._due = time.monotonic() + self.server.limits.idle_seconds
        return super().parse_request()

    def do_POST(self) -> None:
        lengths = self.headers.get_all("Content-Length", [])
        length = lengths[0] if len(lengths) == 1 else ""
        if self.path != self.server.path:
            self._refuse(404, "A witness answers POST add-checkpoint, and nothing else.")
        elif "Transfer-Encoding" in self.headers or not length.isascii() or not length.isdecimal():
            self._refuse(411, "Say the length of the body (Content-Length).")
        elif len(length) > 9 or int(length) > BODY_BYTES_MAX:
            self._refuse(413, f"A request has at most {BODY_BYTES_MAX} bytes.")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                self._send(self._answer(body))
            else:
                self.close_connection = True

    def do_GET(self) -> None:
        self._refuse(404, "A witness answers POST add-checkpoint, and nothing else.")

    do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_GET  # noqa: N815 - names of the library

    def _answer(self, body: bytes) -> Answer:
        try:
            answer = self.server.witness.add_checkpoint(body, int(self.server.clock()))
        except AssayError as error:
            _logger.error("Nothing was cosigned: %s", error)
            return Answer(503, "The witness cannot keep its record; nothing was cosigned.\n")
        if answer.is_contradiction:
            _logger.warning("A log contradicts what was cosigned; see the table `refused`.")
        return answer

    def _refuse(self, status: int, why: str) -> None:
        """Answer without having read the body, so that the connection is of no more use."""
        self.close_connection = True
        self._send(Answer(status, f"{why}\n"))

    def _send(self, answer: Answer) -> None:
        data = answer.body.encode()
        self.connection.settimeout(self.server.limits.idle_seconds)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library refuses by itself: a request line or headers that cannot be."""
        self.command = getattr(self, "command", None) or ""
        # The library takes what it does not understand for HTTP/0.9, which has no status line.
        self.request_version = self.protocol_version
        self._refuse(code, "The request is not understood.")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: a line would hold somebody's address."""


class _UntilDue(io.RawIOBase):
    """Reads a connection until its handler's deadline, however the bytes drip in."""

    def __init__(self, handler: _Handler) -> None:
        self._handler = handler

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        remaining = self._handler._due - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        connection: socket.socket = self._handler.connection
        connection.settimeout(remaining)
        return connection.recv_into(buffer)


def _stop_reading(connection: socket.socket) -> None:
    """Let a connection that waits for a request end; what is being answered still is."""
    try:
        # Not the method of a TLS connection, which would take the writing side along.
        socket.socket.shutdown(connection, socket.SHUT_RD)
    except OSError:
        _logger.debug("A connection had ended.")


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase")
