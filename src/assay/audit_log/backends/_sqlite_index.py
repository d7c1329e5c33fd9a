"""The index of a log in SQLite: a projection that answers queries and can be thrown away.

`block` holds the rows of the index (see `_blocks.py`), `kind` and `word` the texts behind its numbers.
`member` says in which super-blocks a kind (as -1 - number), an actor or a target occurs, once the
super-block is complete, so that a query for something rare looks at few of them. `hourly` counts
kinds by hour. Instants order the answers, so a clock that jumped back is only a block whose instants
reach further.

`covered` says how many entries the index covers. It is filled behind the writer; readers look at the
uncovered tail themselves. Small blocks are joined as they gather.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import apsw
import orjson

from assay.audit_log.backends._blocks import (
    BLOCK_MAX,
    SUPER_SHIFT,
    Block,
    Numbers,
    Wanted,
    block_of,
    hits,
    joined,
)
from assay.audit_log.interface import EventQuery
from assay.canonical import microseconds
from assay.errors import LogBusy
from assay.vocabulary import Event

SCHEMA = """
CREATE TABLE covered (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL) STRICT;
CREATE TABLE kind (id INTEGER PRIMARY KEY, type TEXT NOT NULL, severity INTEGER NOT NULL,
                   outcome TEXT NOT NULL, UNIQUE (type, severity, outcome)) STRICT;
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE block (first INTEGER PRIMARY KEY, at_max INTEGER NOT NULL, at_min INTEGER NOT NULL,
                    at BLOB NOT NULL, kind BLOB NOT NULL, actor BLOB NOT NULL,
                    target BLOB NOT NULL) STRICT;
CREATE INDEX block_by_time ON block (at_max, at_min);
CREATE TABLE member (word INTEGER NOT NULL, super INTEGER NOT NULL,
                     PRIMARY KEY (word, super)) STRICT, WITHOUT ROWID;
CREATE TABLE hourly (hour INTEGER NOT NULL, kind INTEGER NOT NULL, events INTEGER NOT NULL,
                     PRIMARY KEY (hour, kind)) STRICT, WITHOUT ROWID;
INSERT INTO covered VALUES (1, 0)
"""

HOUR = 3_600_000_000
_COUNT_HOURS = """
INSERT INTO hourly SELECT value->>0, value->>1, value->>2 FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET events = events + excluded.events
"""
_WORDS_CACHED_MAX = 500_000
_SMALL = BLOCK_MAX // 2
_BLOCK = "SELECT first, at, kind, actor, target FROM block"
_EVER = (-(1 << 62), 1 << 62)


class IndexWriter:
    """Fills the index, one thread at a time."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._kinds: dict[tuple[str, int, str], int] = {}
        self._words: dict[str, int] = {}
        self._small: list[Block] | None = None
        """The newest blocks as long as they are small; None where they must be read."""

    @property
    def covered(self) -> int:
        """How many entries the index covers."""
        return _number(self._db, "SELECT size FROM covered")

    def add(self, first: int, events: Sequence[Event]) -> None:
        """Index events that begin at entry `first`, which must be the first uncovered one."""
        try:
            with self._db:
                rows = list(map(self._row, events))
                at = 0
                while at < len(rows):
                    end = min(at + BLOCK_MAX, _border(first + at) - first, len(rows))
                    self._add_block(block_of(first + at, rows[at:end]))
                    at = end
                self._count_hours(rows)
                sql = "UPDATE covered SET size = ? WHERE size = ?"
                self._db.execute(sql, (first + len(events), first))
                if self._db.changes() != 1:
                    raise LogBusy("Another process has filled the index of this log.")
        except (apsw.Error, LogBusy):
            self._kinds.clear()
            self._words.clear()
            self._small = None
            raise

    def begin_at(self, entry: int) -> None:
        """Forget everything; what comes next is this entry."""
        self._small = None
        with self._db:
            for table in ("block", "member", "hourly", "kind", "word"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - a plain name
            self._db.execute("UPDATE covered SET size = ?", (entry,))

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def _row(self, event: Event) -> Numbers:
        target = event.target
        kind = (event.type, int(event.severity), event.outcome)
        word = f"{target.kind._value_}:{target.name}"
        return (
            microseconds(event.occurred_at),
            self._kinds.get(kind) or self._kind(kind),
            self._words.get(event.actor) or self._word(event.actor),
            self._words.get(word) or self._word(word),
        )

    def _add_block(self, block: Block) -> None:
        """Add a block, joined with the small ones before it once they fill one together."""
        super_ = block.first >> SUPER_SHIFT
        end = block.first + len(block)
        before = self._small_blocks(block) if self._small is None else self._small
        gathered = sum(map(len, before)) + len(block)
        if before and (gathered >= BLOCK_MAX or end == _border(block.first)):
            block = joined([*before, block])
            self._db.execute("DELETE FROM block WHERE first >= ?", (block.first,))
            before = []
        instants = block.instants()
        times = max(instants), min(instants)
        values = (block.first, *times, block.at, block.kind, block.actor, block.target)
        self._db.execute("INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        ends = end == _border(block.first)
        self._small = [] if ends or len(block) >= _SMALL else [*before, block]
        if ends:
            self._add_members(super_)

    def _small_blocks(self, block: Block) -> list[Block]:
        """The small blocks of the same super-block right before this one, at most a block full."""
        start = block.first >> SUPER_SHIFT << SUPER_SHIFT
        sql = f"{_BLOCK} WHERE first >= ? ORDER BY first DESC"
        small: list[Block] = []
        room = BLOCK_MAX
        for row in self._db.execute(sql, (start,)):
            found = Block(*row)
            if len(found) >= _SMALL or len(found) > room:
                break
            room -= len(found)
            small.insert(0, found)
        return small

    def _add_members(self, super_: int) -> None:
        """Say what occurs in a super-block that is complete."""
        low, high = super_ << SUPER_SHIFT, (super_ + 1) << SUPER_SHIFT
        words: set[int] = set()
        for row in self._db.execute(f"{_BLOCK} WHERE first >= ? AND first < ?", (low, high)):
            for _, kind, actor, target in Block(*row).rows():
                words.update((-1 - kind, actor, target))
        rows = [(word, super_) for word in sorted(words)]
        self._db.executemany("INSERT INTO member VALUES (?, ?)", rows)

    def _count_hours(self, rows: Sequence[Numbers]) -> None:
        counts = Counter([(at // HOUR, kind) for at, kind, _, _ in rows])
        listed = [(hour, kind, events) for (hour, kind), events in counts.items()]
        self._db.execute(_COUNT_HOURS, (orjson.dumps(listed).decode(),))

    def _kind(self, key: tuple[str, int, str]) -> int:
        self._db.execute("INSERT OR IGNORE INTO kind VALUES (NULL, ?, ?, ?)", key)
        sql = "SELECT id FROM kind WHERE type = ? AND severity = ? AND outcome = ?"
        found = self._kinds[key] = _number(self._db, sql, *key)
        return found

    def _word(self, text: str) -> int:
        if len(self._words) >= _WORDS_CACHED_MAX:
            self._words.clear()
        self._db.execute("INSERT OR IGNORE INTO word VALUES (NULL, ?)", (text,))
        found = self._words[text] = _number(self._db, "SELECT id FROM word WHERE text = ?", text)
        return found


class IndexReader:
    """Answers queries from the covered part of a log: instants and indices, newest first."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    @property
    def covered(self) -> int:
        """How many entries the index covers."""
        return _number(self._db, "SELECT size FROM covered")

    def find(self, wanted: EventQuery) -> Iterator[tuple[int, int]]:
        """Instant in microseconds and index of the matching events, newest first, to the limit."""
        numbers = self._numbers(wanted)
        if numbers is None:
            return
        before = _page_key(wanted)
        found = (row for row in self._newest_first(numbers) if row < before)
        yield from islice(found, wanted.limit)

    def count(self, wanted: EventQuery) -> int:
        """How many events match, without a limit."""
        numbers = self._numbers(wanted)
        if numbers is None:
            return 0
        before = _page_key(wanted)
        return sum(
            sum(1 for row in hits(self._block(first), numbers) if row < before)
            for first, _ in self._candidates(numbers)
        )

    def kinds_by_hour(self) -> Iterator[tuple[int, str, int, str, int]]:
        """Hour since 1970, type, severity, outcome and count, in this order."""
        yield from self._db.execute(
            "SELECT hour, type, severity, outcome, events FROM hourly JOIN kind ON kind.id = kind"
            " ORDER BY 1, 2, 3, 4"
        )

    def rows(
        self,
    ) -> Iterator[tuple[int, int, tuple[str, int, str] | None, str | None, str | None]]:
        """All of the index: entry, instant, kind, actor, target; None for a number without text."""
        # As bytes, so that text which is damaged shows at the entries that it belongs to.
        sql = "SELECT id, type, severity, CAST(outcome AS BLOB) FROM kind"
        kinds = {id_: (type_, n, _text(o)) for id_, type_, n, o in self._db.execute(sql)}
        texts = self._db.execute("SELECT id, CAST(text AS BLOB) FROM word")
        words = {id_: _text(text) for id_, text in texts}
        for row in self._db.execute(f"{_BLOCK} ORDER BY first"):
            block = Block(*row)
            for index, (at, kind, actor, target) in enumerate(block.rows(), block.first):
                yield index, at, kinds.get(kind), words.get(actor), words.get(target)

    def _newest_first(self, numbers: Wanted) -> Iterator[tuple[int, int]]:
        """Blocks by their newest instant; what no later block can precede is given out."""
        waiting: list[tuple[int, int]] = []
        for first, at_max in self._candidates(numbers):
            while waiting and -waiting[0][0] > at_max:
                at, index = heapq.heappop(waiting)
                yield -at, -index
            for at, index in hits(self._block(first), numbers):
                heapq.heappush(waiting, (-at, -index))
        while waiting:
            at, index = heapq.heappop(waiting)
            yield -at, -index

    def _candidates(self, numbers: Wanted) -> Iterator[tuple[int, int]]:
        """First entry and newest instant of the blocks that may hold what is wanted."""
        supers = self._supers(numbers)
        unfinished = self.covered >> SUPER_SHIFT
        sql = (
            "SELECT first, at_max FROM block INDEXED BY block_by_time"
            " WHERE at_max >= ? AND at_min <= ? ORDER BY at_max DESC"
        )
        for first, at_max in self._db.execute(sql, (numbers.low, numbers.high)):
            super_ = first >> SUPER_SHIFT
            if supers is None or super_ in supers or super_ >= unfinished:
                yield first, at_max

    def _supers(self, numbers: Wanted) -> set[int] | None:
        """The complete super-blocks in which all that is wanted occurs; None means any."""
        found: set[int] | None = None
        for word in (numbers.actor, numbers.target):
            if word is not None:
                found = self._members([word], found)
        if numbers.kinds is not None:
            found = self._members([-1 - kind for kind in numbers.kinds], found)
        return found

    def _members(self, words: Sequence[int], among: set[int] | None) -> set[int]:
        sql = "SELECT super FROM member WHERE word = ?"
        found = {row[0] for word in words for row in self._db.execute(sql, (word,))}
        return found if among is None else found & among

    def _block(self, first: int) -> Block:
        return next(Block(*row) for row in self._db.execute(f"{_BLOCK} WHERE first = ?", (first,)))

    def _numbers(self, wanted: EventQuery) -> Wanted | None:
        """The query in the index's numbers; None when nothing can match."""
        words: list[int | None] = []
        for text in (wanted.actor, wanted.target):
            row = self._db.execute("SELECT id FROM word WHERE text = ?", (text,)).fetchone()
            if text is not None and row is None:
                return None
            words.append(None if row is None else int(row[0]))
        kinds = None
        if wanted.type is not None or wanted.severity_min is not None or wanted.outcome is not None:
            kinds = frozenset(self._wanted_kinds(wanted))
            if not kinds:
                return None
        return Wanted(*_instants(wanted), kinds, *words)

    def _wanted_kinds(self, wanted: EventQuery) -> Iterator[int]:
        for id_, type_, severity, outcome in self._db.execute("SELECT * FROM kind"):
            if (
                (wanted.type is None or type_ == wanted.type)
                and (wanted.severity_min is None or severity >= wanted.severity_min)
                and (wanted.outcome is None or outcome == wanted.outcome)
            ):
                yield int(id_)


def _number(db: apsw.Connection, sql: str, *values: str | int) -> int:
    """The one number that a statement gives."""
    row: Any = db.execute(sql, values).fetchone()
    return int(row[0])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _border(index: int) -> int:
    """The first entry of the next super-block."""
    return ((index >> SUPER_SHIFT) + 1) << SUPER_SHIFT


def _page_key(wanted: EventQuery) -> tuple[int, int]:
    """The key before which the wanted events come."""
    if wanted.after is None:
        return _EVER[1], 0
    return microseconds(wanted.after.occurred_at), wanted.after.entry


def _instants(wanted: EventQuery) -> tuple[int, int]:
    """First and last microsecond that is wanted, both included."""
    low = _EVER[0] if wanted.since is None else microseconds(wanted.since)
    high = _EVER[1] if wanted.until is None else microseconds(wanted.until) - 1
    if wanted.after is not None:
        high = min(high, microseconds(wanted.after.occurred_at))
    return low, high
