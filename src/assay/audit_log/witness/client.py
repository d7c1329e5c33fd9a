"""Asks witnesses to cosign a log's checkpoint: the `cosigners` of a `LogSigner`.

All are asked at once. One that has cosigned another size than we think says which, and is asked again
with a proof from there. What they answer is believed only where a key of the policy made it; unknown
lines are left out. When as many as the policy asks for have cosigned, the others get a moment more, so
that one that is down does not hold up every checkpoint.

TLS 1.3, or plain HTTP on this machine; no redirects, no proxies.
"""

from __future__ import annotations

import http.client
import ipaddress
import queue
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from assay.audit_log.notes import signatures_of, split_note, with_signatures
from assay.audit_log.proofs import TileReader
from assay.audit_log.signed_messages import decimal
from assay.audit_log.trust import Trust, trusted_checkpoint
from assay.audit_log.witness.request import ADD_CHECKPOINT, SIZE_TYPE, request_for
from assay.errors import AssayError, BadInput, BadNote, LogError, NotTrusted, TooFewWitnesses
from assay.vocabulary import Checkpoint

TIMEOUT_SECONDS = 5.0
_STRAGGLERS_SECONDS = 0.25
"""How long the others are waited for when enough have cosigned."""
_TRIES = 3
_ANSWER_BYTES_MAX = 64 << 10
_LINES_MAX = 16

OpenTiles = Callable[[], AbstractContextManager[TileReader]]
"""Opens the tiles of the log for one checkpoint; they are read by one thread at a time."""


@dataclass(slots=True)
class _Place:
    """Where a witness is, and what it cosigned last as far as we know."""

    url: str
    host: str
    port: int | None
    path: str
    tls: bool
    size: int = 0
    busy: threading.Lock = field(default_factory=threading.Lock)


class Witnesses:
    """The witnesses of one log. Calling it gives their cosignature lines for a checkpoint."""

    def __init__(
        self,
        urls: Sequence[str],
        trust: Trust,
        open_tiles: OpenTiles,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        clock: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`trust` names the witnesses' keys and how many are needed; `tls` adds a private authority.

        Raises:
            BadInput: a URL is none, is plain HTTP to another machine, or comes twice; or there are
                fewer URLs than witnesses are needed.
        """
        self._places = [_place(url) for url in urls]
        if len({place.url for place in self._places}) != len(urls):
            raise BadInput("A witness's URL is given twice.")
        if len(urls) < trust.needed:
            raise BadInput(
                f"{trust.needed} witnesses must cosign, but {len(urls)} URLs are given.",
                next_step="Give the URL of each witness, or ask for fewer.",
            )
        self._trust, self._open_tiles = trust, open_tiles
        self._timeout, self._clock = timeout_seconds, clock
        self._tls = tls
        if any(place.tls for place in self._places):
            self._tls = tls or ssl.create_default_context()
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_3

    def __call__(self, checkpoint: Checkpoint) -> list[str]:
        """The cosignature lines that hold, by URL.

        Raises:
            TooFewWitnesses: fewer than needed cosigned in time; it says why, witness by witness.
        """
        answers: queue.SimpleQueue[tuple[str, list[str] | str]] = queue.SimpleQueue()
        found = dict[str, list[str]]()
        reasons = {place.url: "it did not answer in time" for place in self._places}
        with _Requests(self._open_tiles, checkpoint) as requests:
            waiting = sum(self._begin(place, requests, answers, reasons) for place in self._places)
            due, why = time.monotonic() + self._timeout, self._lacking(checkpoint, found)
            while waiting:
                left = due - time.monotonic()
                try:
                    url, said = answers.get(
                        timeout=max(0.0, left if why else min(left, _STRAGGLERS_SECONDS))
                    )
                except queue.Empty:
                    break
                waiting -= 1
                if isinstance(said, str):
                    reasons[url] = said
                else:
                    found[url] = said
                    why = self._lacking(checkpoint, found)
        if why:
            missing = "; ".join(f"{url}: {reasons[url]}" for url in reasons if url not in found)
            raise TooFewWitnesses(why, next_step=f"Not cosigned by: {missing}." if missing else "")
        return [line for url in reasons for line in found.get(url, ())]

    def _begin(
        self,
        place: _Place,
        requests: _Requests,
        answers: queue.SimpleQueue[tuple[str, list[str] | str]],
        reasons: dict[str, str],
    ) -> bool:
        """Ask one witness in a thread of its own, unless it still owes an answer to an earlier one."""
        if not place.busy.acquire(blocking=False):
            reasons[place.url] = "it has not answered an earlier request yet"
            return False

        def ask() -> None:
            said: list[str] | str = "asking it failed"
            try:
                said = self._ask(place, requests)
            except AssayError as error:
                said = error.message.removesuffix(".")
            except (OSError, http.client.HTTPException) as error:
                said = f"it cannot be asked ({type(error).__name__})"
            finally:
                place.busy.release()
                answers.put((place.url, said))

        threading.Thread(target=ask, name="assay-ask-witness", daemon=True).start()
        return True

    def _ask(self, place: _Place, requests: _Requests) -> list[str]:
        checkpoint, old_size = requests.checkpoint, min(place.size, requests.checkpoint.size)
        for _ in range(_TRIES):
            status, content_type, body = self._post(place, requests.body(old_size))
            if status == 200:
                lines = self._that_hold(checkpoint, body)
                place.size = checkpoint.size
                return lines
            if status != 409 or content_type != SIZE_TYPE:
                raise LogError(_REFUSALS.get(status, f"it answered {status}"))
            size, line_feed, rest = body.partition("\n")
            whole = line_feed and not rest
            old_size = decimal(size if whole else "", "the size that it says it cosigned")
            if old_size > checkpoint.size:
                raise LogError(
                    f"it says that it cosigned {old_size} entries, and the log has"
                    f" {checkpoint.size}: the log was set back, or the witness is wrong"
                )
        raise LogError("what it says it cosigned changed with every request")

    def _post(self, place: _Place, body: bytes) -> tuple[int, str, str]:
        connection = (
            http.client.HTTPSConnection(
                place.host, place.port, timeout=self._timeout, context=self._tls
            )
            if place.tls
            else http.client.HTTPConnection(place.host, place.port, timeout=self._timeout)
        )
        try:
            headers = {"Content-Type": "text/plain; charset=utf-8"}
            connection.request("POST", place.path, body=body, headers=headers)
            response = connection.getresponse()
            data = response.read(_ANSWER_BYTES_MAX + 1)
        finally:
            connection.close()
        if len(data) > _ANSWER_BYTES_MAX:
            raise LogError("its answer is too long")
        content_type = response.headers.get("Content-Type", "")
        return response.status, content_type, data.decode("utf-8", "replace")

    def _that_hold(self, checkpoint: Checkpoint, body: str) -> list[str]:
        """The lines by which a witness of the policy cosigned.

        Each is verified by itself, so that one that does not hold spoils no other.
        """
        text = split_note(checkpoint.note)[0]
        lines = []
        for line in body.split("\n")[:_LINES_MAX]:
            try:
                signatures_of(f"{text}\n{line}\n", *self._trust.witnesses)
            except BadNote:
                continue
            lines.append(f"{line}\n")
        if not lines:
            raise LogError("no cosignature that it gave is by a known key and holds")
        return lines

    def _lacking(self, checkpoint: Checkpoint, found: dict[str, list[str]]) -> str:
        """Why the policy does not accept the checkpoint with these lines yet; empty if it does."""
        lines = [line for some in found.values() for line in some]
        try:
            note = with_signatures(checkpoint.note, lines)
            trusted_checkpoint(note, self._trust, now=int(self._clock()))
        except NotTrusted as error:
            return error.message
        return ""


class _Requests:
    """The requests for one checkpoint. Threads that come late get an error, not closed tiles."""

    def __init__(self, open_tiles: OpenTiles, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._opening = open_tiles
        self._opened: AbstractContextManager[TileReader] | None = None
        self._tiles: TileReader | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> _Requests:
        self._opened = self._opening()
        self._tiles = self._opened.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._tiles = None
            if self._opened is not None:
                self._opened.__exit__(None, None, None)

    def body(self, old_size: int) -> bytes:
        """The request from this size."""
        with self._lock:
            if self._tiles is None:
                raise LogError("nobody waits for it any more")
            return bytes(request_for(self._tiles, self.checkpoint, old_size))


_REFUSALS = {
    403: "it knows the log by another key",
    404: "it does not know the log",
    409: "it has cosigned another root at this size: there are two histories of this log",
    422: "it does not accept that the log grew from what it cosigned: there may be two histories",
}


def _place(url: str) -> _Place:
    try:
        parts = urlsplit(url)
        port = parts.port
        plain = not any(c.isspace() or not c.isprintable() or not c.isascii() for c in url)
    except ValueError:
        plain, parts, port = False, urlsplit(""), None
    host = parts.hostname or ""
    extra = parts.query or parts.fragment or parts.username or parts.password
    if not plain or not host or extra or parts.scheme not in ("https", "http"):
        raise BadInput(
            "A witness's URL is not one.",
            next_step="Write it like https://witness.example.com/prefix, without a password.",
        )
    if parts.scheme == "http" and not _is_this_machine(host):
        raise BadInput(
            f"The witness at {host} would be asked without TLS.",
            next_step="Use https; plain http is for 127.0.0.1 and [::1].",
        )
    prefix = parts.path.rstrip("/").removesuffix(ADD_CHECKPOINT)
    return _Place(url, host, port, prefix + ADD_CHECKPOINT, parts.scheme == "https")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host).is_loopback
    except ValueError:
        return False
