"""What the audit log costs: against a plain JSON-lines writer, and against a commit for each event.

Ours is durable (`synchronous=FULL`), has its Merkle tree signed in every commit, and is queryable by
time, kind, actor and target when the clock stops. The peers are written here, since no package does
either:

    plain writer       the same queue and tickets, one JSON line an event, one fdatasync a group; no
                       tree, no signature, no index
    commit per event   one row with four indices in SQLite, one synced commit an event
    hashlib            the leaf and interior hashes of the same entries, and nothing else: the limit

The full run builds ten million events, --quick one million.
"""

from __future__ import annotations

import gc
import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import orjson
from _bench import Bench, arguments

from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.entry import entry_bytes, new_event
from assay.audit_log.interface import EventQuery, Unit
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.signer import LogSigner
from assay.audit_log.tickets import Ticket, TicketQueue, WhenFull
from assay.crypto.signing import SigningKey
from assay.vocabulary import Event, Severity, Target, TargetKind

TARGETS = {
    "pipelined_over_plain_writer": (">=", 0.3),
    "pipelined_over_commit_per_event": (">=", 6.0),
    "64_callers_over_64_committing": (">=", 2.5),
    "verify_over_its_target": (">=", 1.0),
    "query_median_over_5_ms": ("<=", 1.0),
    "verify_memory_over_a_tenth_of_the_log": ("<=", 1.3),
}
SIGNER = LogSigner("example.com/log", SigningKey(bytes(range(32))))
WINDOW = 2_000
CALLERS = 64
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TYPES = ("model_access", "data_access", "user_login", "error_event", "note", "model_update")
VERIFY_PER_SECOND = 400_000
_VERIFY = """
import sys
from pathlib import Path
from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.notes import parse_verifier_key
seen = verify(Path(sys.argv[1]), parse_verifier_key(sys.argv[2]), index=False)
assert seen.clean
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


def events(count: int) -> Iterator[Event]:
    """Made-up events: 500 actors, 300 targets, six types, a hundred a second."""
    rng = random.Random(7)  # noqa: S311 - not for secrets
    actors = [f"actor:{rng.getrandbits(128):032x}" for _ in range(500)]
    targets = [Target(TargetKind.MODEL, f"model {n}") for n in range(300)]
    for number in range(count):
        yield new_event(
            rng.choice(TYPES),
            occurred_at=BEGAN + timedelta(milliseconds=10 * number),
            actor=rng.choice(actors),
            action="predict",
            target=rng.choice(targets),
            outcome="success" if rng.random() < 0.97 else "refused",
            client_address="192.0.2.7",
            client_agent="client/1",
            detail={"rows": number % 1000, "purpose": "care"},
        )


class PlainWriter:
    """JSON lines through the same queue and tickets, synced once a group."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._queue = TicketQueue(events_max=50_000, bytes_max=64 << 20, when_full=WhenFull.WAIT)
        self._size = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def append(self, event: Event) -> Ticket:
        target = event.target
        line: Any = orjson.dumps(
            {
                "id": event.id,
                "occurred_at": event.occurred_at,
                "type": event.type,
                "severity": event.severity.name,
                "actor": event.actor,
                "action": event.action,
                "target": {"kind": target.kind, "name": target.name, "digest": target.digest},
                "outcome": event.outcome,
                "client_address": event.client_address,
                "client_agent": event.client_agent,
                "detail": event.detail,
            }
        )
        ticket = Ticket(Unit([line]), len(line), _nothing_published)
        self._queue.put(ticket)
        return ticket

    def settle(self) -> bool:
        return True

    def close(self) -> None:
        self._queue.close()
        self._thread.join()
        os.close(self._file)

    def _run(self) -> None:
        while (tickets := self._queue.take(5_000, None)) is not None:
            lines: Any = [ticket.unit.entries[0] for ticket in tickets]
            os.write(self._file, b"\n".join(lines) + b"\n")
            os.fdatasync(self._file)
            for ticket in tickets:
                ticket._decide((self._size,))
                self._size += 1


class CommitPerEvent:
    """One synced SQLite commit for each event, four indices."""

    def __init__(self, path: Path) -> None:
        self._db = apsw.Connection(str(path))
        self._lock = threading.Lock()
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE event (idx INTEGER PRIMARY KEY, line BLOB, at TEXT, type TEXT,"
            " actor TEXT, target TEXT)",
            *(f"CREATE INDEX by_{c} ON event ({c}, at)" for c in ("type", "actor", "target")),
            "CREATE INDEX by_at ON event (at)",
        ):
            self._db.execute(statement).fetchall()

    def append(self, event: Event) -> CommitPerEvent:
        at = event.occurred_at.isoformat()
        row = (entry_bytes(event), at, event.type, event.actor, event.target.name)
        with self._lock:
            self._db.execute("INSERT INTO event VALUES (NULL, ?, ?, ?, ?, ?)", row)
        return self

    def sequenced(self) -> None:
        """It was durable when `append` returned."""

    def close(self) -> None:
        self._db.close()


def main() -> int:
    """Time, compare, report."""
    bench = arguments("audit_log", __doc__ or "", TARGETS)
    folder = Path(tempfile.mkdtemp(prefix="assay-bench-"))
    try:
        _appends(bench, folder)
        _callers(bench, folder)
        _long_log(bench, folder, 1_000_000 if bench.quick else 10_000_000)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return bench.report()


def _appends(bench: Bench, folder: Path) -> None:
    given = list(events(100_000 if bench.quick else 300_000))
    single = given[:3_000]
    gc.collect()
    gc.freeze()
    rates: dict[str, list[float]] = {"ours": [], "plain": [], "per event": []}
    for number in range(5):
        ours = open_sqlite_log(folder / f"log-{number}", SIGNER)
        rates["ours"].append(_rate(ours, given, _pipelined))
        plain = PlainWriter(folder / f"plain-{number}.jsonl")
        rates["plain"].append(_rate(plain, given, _pipelined))
        each = CommitPerEvent(folder / f"each-{number}.sqlite")
        rates["per event"].append(_rate(each, single, _each))
    gc.unfreeze()
    _show(rates)
    bench.ratio("pipelined_over_plain_writer", rates["ours"], rates["plain"])
    bench.ratio("pipelined_over_commit_per_event", rates["ours"], rates["per event"])


def _callers(bench: Bench, folder: Path) -> None:
    each_caller = 100 if bench.quick else 300
    given = list(events(CALLERS * each_caller))
    rates: dict[str, list[float]] = {"ours, 64 callers": [], "per event, 64 callers": []}
    for number in range(5):
        ours = open_sqlite_log(folder / f"callers-{number}", SIGNER)
        rates["ours, 64 callers"].append(_rate(ours, given, _called))
        theirs = CommitPerEvent(folder / f"callers-{number}.sqlite")
        rates["per event, 64 callers"].append(_rate(theirs, given, _called))
    _show(rates)
    bench.ratio("64_callers_over_64_committing", *rates.values())


def _long_log(bench: Bench, folder: Path, count: int) -> None:
    short, long = folder / "short", folder / "long"
    _build(short, count // 10)
    seconds = _build(long, count)
    print(f"{f'{count:,} events built':<32}{count / seconds:>12,.0f} events/s")
    _verification(bench, long, min(count, 1_000_000))
    memory = [_verify_memory(place) for place in (long, short)]
    print(f"{'verify, peak memory':<32}{memory[0] / 1024:>12,.0f} MiB")
    bench.ratio("verify_memory_over_a_tenth_of_the_log", [memory[0]], [memory[1]])
    _queries(bench, long)


def _build(place: Path, count: int) -> float:
    started = time.perf_counter()
    log = open_sqlite_log(place, SIGNER)
    stream = events(count)
    while batch := list(islice(stream, 20_000)):
        _pipelined(log, batch, settle=False)
    log.settle()
    log.close()
    return time.perf_counter() - started


def _verification(bench: Bench, place: Path, hashed: int) -> None:
    """All of the log is verified; bare hashlib hashes as many of its entries as memory allows."""
    with SqliteLogReader(place, SIGNER.verifier) as log:
        size, entries = log.size, [data for _, data in log.entries(0, hashed)]
    ours, theirs = [], []
    for _ in range(3):
        started = time.perf_counter()
        assert verify(place, SIGNER.verifier, index=False).clean  # noqa: S101
        ours.append(size / (time.perf_counter() - started))
        started = time.perf_counter()
        _bare_hashes(entries)
        theirs.append(len(entries) / (time.perf_counter() - started))
    rate, limit = statistics.median(ours), statistics.median(theirs)
    print(f"{'verify, evidence':<32}{rate:>12,.0f} events/s ({rate / limit:.2f} of bare hashlib)")
    bench.ratios["verify_over_its_target"] = max(rate / VERIFY_PER_SECOND, 2 * rate / limit)


def _bare_hashes(entries: Sequence[bytes]) -> bytes:
    sha256 = hashlib.sha256
    level = [sha256(b"\x00" + entry).digest() for entry in entries]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + a + b).digest() for a, b in pairs]
    return level[0]


def _queries(bench: Bench, place: Path) -> None:
    """The newest hundred under each filter and under several at once, at random places."""
    rng = random.Random(11)  # noqa: S311 - not for secrets
    with SqliteLogReader(place, SIGNER.verifier) as log:
        size = log.size
        taken = []
        for _ in range(200):
            since = BEGAN + timedelta(milliseconds=10 * rng.randrange(size))
            actor, type_ = _known(log, rng.randrange(size))
            for wanted in (
                EventQuery(actor=actor),
                EventQuery(type=type_),
                EventQuery(severity_min=Severity.HIGH, until=since),
                EventQuery(since=since, until=since + timedelta(hours=1)),
                EventQuery(actor=actor, type=type_, until=since),
                EventQuery(target="model:model 7", outcome="refused"),
                EventQuery(actor="actor:nobody"),
            ):
                started = time.perf_counter()
                list(log.query(wanted))
                taken.append(time.perf_counter() - started)
    taken.sort()
    median, high = statistics.median(taken), taken[int(len(taken) * 0.99)]
    print(f"{'query, median and p99':<32}{1000 * median:>12.2f} ms {1000 * high:.2f} ms")
    bench.ratios["query_median_over_5_ms"] = median / 0.005


def _known(log: SqliteLogReader, index: int) -> tuple[str, str]:
    entry = orjson.loads(log.entry(index))
    return entry["actor"], entry["type"]


def _verify_memory(place: Path) -> float:
    """Peak resident memory of a process that only verifies, in KiB."""
    words = [sys.executable, "-c", _VERIFY, str(place), str(SIGNER.verifier)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def _rate(log: Any, given: Sequence[Event], work: Callable[[Any, Sequence[Event]], None]) -> float:
    started = time.perf_counter()
    work(log, given)
    taken = time.perf_counter() - started
    log.close()
    return len(given) / taken


def _show(rates: Mapping[str, Sequence[float]]) -> None:
    for name, taken in rates.items():
        print(f"{name:<32}{statistics.median(taken):>12,.0f} events/s")


def _pipelined(log: Any, given: Sequence[Event], *, settle: bool = True) -> None:
    """One caller that waits for the ticket of 2,000 appends ago; then for the index."""
    waiting: deque[Ticket] = deque()
    for event in given:
        waiting.append(log.append(event))
        if len(waiting) >= WINDOW:
            waiting.popleft().sequenced()
    while waiting:
        waiting.popleft().sequenced()
    if settle:
        assert log.settle()  # noqa: S101


def _each(log: Any, given: Sequence[Event]) -> None:
    """One caller that waits for every event."""
    for event in given:
        log.append(event).sequenced()


def _called(log: Any, given: Sequence[Event]) -> None:
    """64 threads, each of which waits for every event of its share."""
    shares = [given[n::CALLERS] for n in range(CALLERS)]
    threads = [threading.Thread(target=_each, args=(log, share)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _nothing_published(_: int, __: float | None) -> Any:
    raise NotImplementedError("a plain writer publishes nothing")


if __name__ == "__main__":
    sys.exit(main())
