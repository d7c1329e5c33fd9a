"""A log that asks its witnesses: how many answer, which lie, and what is believed."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from assay.audit_log.checkpoint import open_checkpoint, sign_checkpoint
from assay.audit_log.notes import cosign, with_signatures
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.audit_log.witness.client import Witnesses
from assay.audit_log.witness.keys import open_keys
from assay.audit_log.witness.server import tls_context
from assay.crypto.signing import SigningKey
from assay.errors import BadInput, NotTrusted, TooFewWitnesses
from assay.vocabulary import Checkpoint
from tests.audit_log.in_memory import AT, KEY, ORIGIN, VERIFIER, MemoryLog, entry
from tests.audit_log.witness.asking import body, make_witness, post, serving
from tests.audit_log.witness.certificates import self_signed

NAMES = tuple(f"witness.example.com/{number}" for number in range(3))


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Three witnesses that know the log."""
    return [make_witness(tmp_path / f"w{n}", name) for n, name in enumerate(NAMES)]


def trust_in(folders: list[Path], needed: int) -> Trust:
    keys = tuple(key for folder in folders for key in open_keys(folder).verifiers)
    return Trust((VERIFIER,), keys, needed)


def asking(urls: list[str], trust: Trust, log: MemoryLog, **options: Any) -> Witnesses:
    return Witnesses(urls, trust, lambda: nullcontext(log), clock=lambda: AT, **options)


def checkpoint_of(log: MemoryLog) -> Checkpoint:
    return open_checkpoint(log.publish(beside=None), VERIFIER)


def a_log(size: int, word: str = "") -> MemoryLog:
    return MemoryLog([entry(n) + word.encode() * (n > 3) for n in range(size)])


def names_of(checkpoint: Checkpoint, lines: list[str], trust: Trust) -> tuple[str, ...]:
    note = with_signatures(checkpoint.note, lines)
    return tuple(one.witness for one in trusted_checkpoint(note, trust, now=AT).witnesses)


@contextmanager
def a_dead_port() -> Iterator[str]:
    """A URL where nobody listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def answering(
    answer: Callable[[bytes], tuple[int, dict[str, str], bytes]],
) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers what it likes, and what it was asked."""
    asked: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, data = answer(asked[-1])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST  # noqa: N815 - a name of the library

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def cosigned_by(key: SigningKey, name: str) -> Callable[[bytes], tuple[int, dict[str, str], bytes]]:
    """Cosigns whatever it is shown."""

    def answer(asked: bytes) -> tuple[int, dict[str, str], bytes]:
        note = asked.decode().partition("\n\n")[2]
        return 200, {}, cosign(note, name, key, AT).encode()

    return answer


def test_all_cosign_as_the_log_grows(folders: list[Path]) -> None:
    log, trust = a_log(5), trust_in(folders, 3)
    with ExitStack() as stack:
        urls = [stack.enter_context(serving(folder)).url for folder in folders]
        witnesses = asking(urls, trust, log)
        for size in (5, 6, 6, 300, 1000):
            log.list.extend(entry(n) for n in range(log.size, size))
            checkpoint = checkpoint_of(log)
            assert names_of(checkpoint, witnesses(checkpoint), trust) == NAMES
        # A log that was restarted does not know what they cosigned, and is told.
        again = asking(urls, trust, log)
        assert names_of(checkpoint, again(checkpoint), trust) == NAMES


def test_both_keys_of_a_witness_cosign(tmp_path: Path) -> None:
    folder = make_witness(tmp_path / "w", ml_dsa_44=True)
    log, trust = a_log(5), trust_in([folder], 1)
    with serving(folder) as server:
        assert len(asking([server.url], trust, log)(checkpoint_of(log))) == 2


def test_one_down_of_three_does_not_matter(folders: list[Path]) -> None:
    log, trust = a_log(5), trust_in(folders, 2)
    with serving(folders[0]) as one, serving(folders[1]) as two, a_dead_port() as dead:
        checkpoint = checkpoint_of(log)
        lines = asking([dead, one.url, two.url], trust, log)(checkpoint)
        assert names_of(checkpoint, lines, trust) == NAMES[:2]


def test_one_down_and_one_with_the_wrong_key_are_too_few(folders: list[Path]) -> None:
    log, trust, wrong = a_log(5), trust_in(folders, 2), SigningKey(b"\x05" * 32)
    with (
        serving(folders[0]) as one,
        a_dead_port() as dead,
        answering(cosigned_by(wrong, NAMES[1])) as (liar, asked),
    ):
        with pytest.raises(TooFewWitnesses, match="1 of the 2") as caught:
            asking([one.url, liar, dead], trust, log)(checkpoint_of(log))
        assert len(asked) == 1
        assert f"{liar}: no cosignature that it gave is by a known key" in caught.value.next_step
        assert f"{dead}: it cannot be asked (ConnectionRefusedError)" in caught.value.next_step
        assert one.url not in caught.value.next_step


def test_a_liar_among_three_spoils_nothing(folders: list[Path]) -> None:
    log, trust = a_log(5), trust_in(folders, 2)
    forged = cosigned_by(SigningKey(b"\x05" * 32), NAMES[0])
    with serving(folders[0]) as one, serving(folders[1]) as two, answering(forged) as (liar, _):
        checkpoint = checkpoint_of(log)
        lines = asking([liar, one.url, two.url], trust, log)(checkpoint)
        assert names_of(checkpoint, lines, trust) == NAMES[:2]


def test_one_witness_under_two_urls_counts_once(folders: list[Path]) -> None:
    log, trust = a_log(5), trust_in(folders, 2)
    with (
        serving(folders[0]) as one,
        serving(folders[0], prefix="/x") as same,
        pytest.raises(TooFewWitnesses, match="1 of the 2"),
    ):
        asking([one.url, same.url], trust, log)(checkpoint_of(log))


def test_cosignatures_of_strangers_are_left_out(folders: list[Path]) -> None:
    log, trust = a_log(5), trust_in(folders[:1], 0)
    stranger = cosigned_by(SigningKey(b"\x05" * 32), "stranger.example.com")
    with answering(stranger) as (url, asked):
        assert asking([url], trust, log)(checkpoint_of(log)) == []
        assert len(asked) == 1


@pytest.mark.parametrize("at", [1, AT + 1000], ids=["1970", "the future"])
def test_a_time_that_cannot_be_does_not_count(at: int, folders: list[Path]) -> None:
    log, trust = a_log(5), trust_in(folders, 1)
    with serving(folders[0], now=at) as one, pytest.raises(TooFewWitnesses):
        asking([one.url], trust, log)(checkpoint_of(log))


def test_a_silent_witness_is_not_waited_for_when_enough_have_cosigned(folders: list[Path]) -> None:
    log, trust = a_log(5), trust_in(folders, 2)
    with (
        serving(folders[0]) as one,
        serving(folders[1]) as two,
        closing(socket.create_server(("127.0.0.1", 0))) as silent,
    ):
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        witnesses = asking([url, one.url, two.url], trust, log, timeout_seconds=5)
        began = time.monotonic()
        for _ in range(3):
            assert len(witnesses(checkpoint_of(log))) == 2
        assert time.monotonic() - began < 3
        assert threading.active_count() < 10


def test_a_silent_witness_is_waited_for_no_longer_than_said(folders: list[Path]) -> None:
    log, trust = a_log(5), trust_in(folders, 1)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        witnesses = asking([url], trust, log, timeout_seconds=0.5)
        began = time.monotonic()
        with pytest.raises(TooFewWitnesses, match="0 of the 1"):
            witnesses(checkpoint_of(log))
        assert time.monotonic() - began < 3


def test_a_forged_history_is_not_cosigned(folders: list[Path]) -> None:
    """The database's administrator has the log's key too, and signs another history with it."""
    log, trust = a_log(8), trust_in(folders, 2)
    with ExitStack() as stack:
        urls = [stack.enter_context(serving(folder)).url for folder in folders]
        witnessed = checkpoint_of(log)
        asking(urls, trust, log)(witnessed)
        for forged, why in (
            (a_log(8, "forged"), "two histories"),
            (a_log(20, "forged"), "does not accept that the log grew"),
            (a_log(5), "the log was set back"),
        ):
            checkpoint = checkpoint_of(forged)
            with pytest.raises(TooFewWitnesses, match=why):
                asking(urls, trust, forged)(checkpoint)
            with pytest.raises(NotTrusted):
                trusted_checkpoint(checkpoint.note, trust, now=AT)
            # The cosignatures of the true history do not fit the forged one.
            lines = [line for line in asking(urls, trust, log)(witnessed) if line.startswith("— w")]
            with pytest.raises(Exception, match="does not hold"):
                trusted_checkpoint(with_signatures(checkpoint.note, lines), trust, now=AT)


def test_a_log_that_another_client_took_further_goes_on(folders: list[Path]) -> None:
    log, trust = a_log(8), trust_in(folders[:1], 1)
    with serving(folders[0]) as one:
        early = sign_checkpoint(ORIGIN, 3, MemoryLog(log.list[:3]).tree.root, KEY).note
        assert post(one.url, body(0, (), early)).status == 200
        assert len(asking([one.url], trust, log)(checkpoint_of(log))) == 1


def test_an_endless_conversation_ends(folders: list[Path]) -> None:
    log, trust = a_log(8), trust_in(folders, 1)
    sizes = iter(range(1, 100))

    def another(_: bytes) -> tuple[int, dict[str, str], bytes]:
        return 409, {"Content-Type": "text/x.tlog.size"}, b"%d\n" % (next(sizes) % 7 + 1)

    with answering(another) as (url, asked):
        with pytest.raises(TooFewWitnesses, match="changed with every request"):
            asking([url], trust, log)(checkpoint_of(log))
        assert len(asked) <= 3


SIZE_TYPE = {"Content-Type": "text/x.tlog.size"}


@pytest.mark.parametrize(
    ("status", "headers", "data", "why"),
    [
        (200, {}, b"", "no cosignature"),
        (200, {}, b"\xff" * 100, "no cosignature"),
        (200, {}, b"\n" * 60_000, "no cosignature"),
        (200, {}, b"x" * 100_000, "too long"),
        (409, {}, b"5\n", "another root"),
        (409, SIZE_TYPE, b"", "not a decimal"),
        (409, SIZE_TYPE, b"05\n", "not a decimal"),
        (409, SIZE_TYPE, b"-1\n", "not a decimal"),
        (409, SIZE_TYPE, b"9" * 30, "not a decimal"),
        (409, SIZE_TYPE, b"99\n", "set back"),
        (422, {}, b"", "two histories"),
        (403, {}, b"", "another key"),
        (404, {}, b"", "does not know the log"),
        (500, {}, b"\x1b[31m", "answered 500"),
        (301, {"Location": "http://127.0.0.1:1/"}, b"", "answered 301"),
        (200, {"Content-Length": "100"}, b"x", "no cosignature"),
        (409, SIZE_TYPE, b"5", "not a decimal"),
        (409, SIZE_TYPE, b"5\n6\n", "not a decimal"),
        (200, {"Transfer-Encoding": "chunked"}, b"zz", "IncompleteRead"),
    ],
)
def test_whatever_a_witness_answers_has_a_name(
    status: int, headers: dict[str, str], data: bytes, why: str, folders: list[Path]
) -> None:
    log, trust = a_log(8), trust_in(folders, 1)
    with answering(lambda _: (status, headers, data)) as (url, _):
        with pytest.raises(TooFewWitnesses, match=why) as caught:
            asking([url], trust, log)(checkpoint_of(log))
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    ["", "witness.example.com", "ftp://127.0.0.1", "http://", "https://a:b@example.com",
     "https://example.com/?x", "https://example.com/#x", "https://example.com:x/",
     "https://example.com/a b", "https://example.com/\r\nX: y", "https://[::1", "http://ex\u00e4mple"],
)  # fmt: skip
def test_a_url_that_is_none_is_refused(url: str, folders: list[Path]) -> None:
    with pytest.raises(BadInput, match="is not one"):
        asking([url], trust_in(folders, 1), a_log(1))


@pytest.mark.parametrize("host", ["witness.example.com", "192.0.2.7", "127.0.0.1.example.com"])
def test_no_other_machine_is_asked_without_tls(host: str, folders: list[Path]) -> None:
    with pytest.raises(BadInput, match="without TLS"):
        asking([f"http://{host}/"], trust_in(folders, 1), a_log(1))


def test_what_cannot_be_met_is_refused_at_once(folders: list[Path]) -> None:
    with pytest.raises(BadInput, match="2 witnesses must cosign, but 1 URLs"):
        asking(["http://127.0.0.1:1"], trust_in(folders, 2), a_log(1))
    with pytest.raises(BadInput, match="twice"):
        asking(["http://127.0.0.1:1"] * 2, trust_in(folders, 2), a_log(1))


def test_it_speaks_tls_to_a_certificate_that_it_trusts(tmp_path: Path, folders: list[Path]) -> None:
    cert, key = self_signed(tmp_path)
    log, trust = a_log(5), trust_in(folders, 1)
    checkpoint = checkpoint_of(log)
    with serving(folders[0], tls=tls_context(cert, key)) as server:
        trusting = ssl.create_default_context(cafile=cert)
        lines = asking([server.url], trust, log, tls=trusting)(checkpoint)
        assert names_of(checkpoint, lines, trust) == NAMES[:1]
        with pytest.raises(TooFewWitnesses, match="SSLCertVerificationError"):
            asking([server.url], trust, log)(checkpoint)


def test_tls_1_2_is_not_spoken(tmp_path: Path, folders: list[Path]) -> None:
    cert, key = self_signed(tmp_path)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(cert, key)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    log, trust = a_log(5), trust_in(folders, 1)
    with serving(folders[0], tls=old) as server:
        trusting = ssl.create_default_context(cafile=cert)
        with pytest.raises(TooFewWitnesses, match="cannot be asked"):
            asking([server.url], trust, log, tls=trusting)(checkpoint_of(log))
