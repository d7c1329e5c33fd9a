"""What the index says of itself, compared with its own blocks; for verification.

That the blocks say what the entries say is for `verify.py`. Here: the oldest and newest instant of each
block, that blocks follow each other and end where the index says that it ends, that `member` names what
occurs in each complete super-block and nothing else, and that `hourly` counts right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby, islice

import apsw

from assay.audit_log.backends._blocks import SUPER_SHIFT, Block
from assay.audit_log.backends._sqlite_index import HOUR

_SAID_MAX = 5
_BLOCKS = "SELECT first, at, kind, actor, target, at_max, at_min FROM block ORDER BY first"


def broken_index(db: apsw.Connection) -> list[str]:
    """What is wrong with an index, the first few things.

    Raises:
        apsw.Error, ValueError, TypeError: it cannot be read to its end.
    """
    found = [str(row[0]) for row in db.execute(f"PRAGMA integrity_check({_SAID_MAX})")]
    broken = [what for what in found if what != "ok"]
    return broken or list(islice(_Blocks(db).broken(), _SAID_MAX))


class _Blocks:
    """Goes over the blocks once; counts along."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        # Entries that were archived may be left out.
        begin = db.execute("SELECT coalesce((SELECT min(first) FROM block), size) FROM covered").get
        self._end = int(begin)
        self._hours: Counter[tuple[int, int]] = Counter()
        self._members: set[int] = set()
        self._said = groupby(
            db.execute("SELECT super, word FROM member ORDER BY super, word"), lambda row: row[0]
        )

    def broken(self) -> Iterator[str]:
        """Everything that is wrong, in the order of the blocks."""
        for *values, newest, oldest in self._db.execute(_BLOCKS):
            block = Block(*values)
            yield from self._broken_block(block, newest, oldest)
            if self._end % (1 << SUPER_SHIFT) == 0:
                yield from self._broken_members((self._end >> SUPER_SHIFT) - 1)
        covered = self._db.execute("SELECT size FROM covered").get
        if covered != self._end:
            yield f"it covers {covered} entries, but its blocks end at {self._end}"
        for super_, _ in self._said:
            yield f"it says what occurs in the super-block {super_}, which is not complete"
        hours = {
            (hour, kind): events for hour, kind, events in self._db.execute("SELECT * FROM hourly")
        }
        for (hour, kind), _ in sorted(hours.items() ^ self._hours.items()):
            yield f"its count of kind {kind} in hour {hour} is wrong"

    def _broken_block(self, block: Block, newest: int, oldest: int) -> Iterator[str]:
        place = f"the block of entry {block.first}"
        rows = list(block.rows())
        if block.first != self._end or not rows:
            yield f"{place} does not follow the one before"
        if block.first >> SUPER_SHIFT != (block.first + len(rows) - 1) >> SUPER_SHIFT:
            yield f"{place} crosses the border of a super-block"
        instants = [row[0] for row in rows] or [0]
        if (newest, oldest) != (max(instants), min(instants)):
            yield f"{place} says another newest or oldest instant than it holds"
        self._end = block.first + len(rows)
        for at, kind, actor, target in rows:
            self._hours[at // HOUR, kind] += 1
            self._members.update((-1 - kind, actor, target))

    def _broken_members(self, super_: int) -> Iterator[str]:
        """Compares a complete super-block with what is said of it."""
        said_of, words = next(self._said, (super_, ()))
        if said_of != super_ or [word for _, word in words] != sorted(self._members):
            yield f"it does not say what occurs in the super-block {super_}"
        self._members = set()
