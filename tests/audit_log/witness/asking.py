"""What the tests of the witness share. Requests and checks are written from the format's text:
`docs/formats/witness.md`, and c2sp.org/tlog-witness and tlog-cosignature, on which it rests."""

from __future__ import annotations

import base64
import hashlib
import http.client
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from assay.audit_log.witness.keys import add_logs, begin_witness, known_logs, open_keys
from assay.audit_log.witness.server import ServerLimits, WitnessServer
from assay.audit_log.witness.state import WitnessState
from assay.audit_log.witness.witness import Witness
from tests.audit_log.in_memory import AT, BESIDE_VERIFIER, VERIFIER

NAME = "witness.example.com/one"


class Reply(NamedTuple):
    """What came back over HTTP."""

    status: int
    content_type: str
    body: str


def make_witness(
    folder: Path, name: str = NAME, *, ml_dsa_44: bool = False, logs: Sequence[Any] = ()
) -> Path:
    """The folder of a new witness that knows the log in memory, or other logs."""
    begin_witness(folder, name, ml_dsa_44=ml_dsa_44)
    add_logs(folder, logs or (VERIFIER, BESIDE_VERIFIER), name)
    return folder


@contextmanager
def witness_in(folder: Path) -> Iterator[Witness]:
    """The witness in a folder, without a server."""
    with WitnessState(folder) as state:
        yield Witness(open_keys(folder), known_logs(folder), state)


@contextmanager
def serving(
    folder: Path, *, limits: ServerLimits | None = None, now: int = AT, **options: Any
) -> Iterator[WitnessServer]:
    """The witness in a folder, answering on a port of this machine."""
    with witness_in(folder) as witness:
        server = WitnessServer(
            witness, ("127.0.0.1", 0), limits=limits or ServerLimits(), clock=lambda: now, **options
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join(10)
            assert not thread.is_alive()


def body(old: int, proof: Sequence[bytes], note: str) -> bytes:
    """A request, as the format says."""
    lines = "".join(base64.b64encode(node).decode() + "\n" for node in proof)
    return f"old {old}\n{lines}\n{note}".encode()


def post(url: str, data: bytes, path: str = "/add-checkpoint") -> Reply:
    """POST without any code of ours."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request("POST", parts.path + path, body=data)
        response = connection.getresponse()
        return Reply(
            response.status, response.headers.get("Content-Type", ""), response.read().decode()
        )
    finally:
        connection.close()


def cosigned_at(reply: Reply, folder: Path, note: str) -> list[int]:
    """The times of a reply's cosignatures, verified with `cryptography` alone.

    Each line is by the key in the same line of `witness.vkey`.
    """
    assert reply.status == 200, reply
    text = note.rpartition("\n\n")[0] + "\n"
    keys = (folder / "witness.vkey").read_text().splitlines()
    lines = reply.body.split("\n")
    assert lines.pop() == ""
    return [_verified(line, key, text) for line, key in zip(lines, keys, strict=True)]


def _verified(line: str, vkey: str, text: str) -> int:
    name, key_id, encoded = vkey.split("+", 2)
    typed = base64.b64decode(encoded)
    assert hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4].hex() == key_id
    dash, said_name, blob = line.split(" ")
    raw = base64.b64decode(blob)
    assert (dash, said_name, raw[:4].hex()) == ("—", name, key_id)
    at = int.from_bytes(raw[4:12], "big")
    if typed[0] == 0x04:
        message = f"cosignature/v1\ntime {at}\n{text}".encode()
        Ed25519PublicKey.from_public_bytes(typed[1:]).verify(raw[12:], message)
        return at
    assert typed[0] == 0x06
    origin, size, root = text.split("\n")[:3]
    message = b"subtree/v1\n\0" + bytes([len(name)]) + name.encode() + raw[4:12]
    message += bytes([len(origin)]) + origin.encode() + bytes(8) + int(size).to_bytes(8, "big")
    MLDSA44PublicKey.from_public_bytes(typed[1:]).verify(raw[12:], message + base64.b64decode(root))
    return at
