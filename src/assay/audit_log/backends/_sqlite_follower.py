"""The thread that fills the index behind the writer.

The writer hands over what it committed; what it did not hand over (the log was opened with an index
that lags) is read back from the entries. Too much that was handed over and is not indexed makes the
writer wait, so that memory stays bounded; while the follower reads back, nothing more is handed over
instead, so that an index made anew holds nobody up. A failure of the index never fails an append:
whoever waits for the index is told, and where the failure may pass (a full disk) it tries again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw

from assay.audit_log.backends._sqlite_index import IndexWriter
from assay.audit_log.backends.sqlite_files import open_to_write
from assay.audit_log.entry import event_of
from assay.errors import DiskFull
from assay.vocabulary import Event

HANDED_MAX = 65_536
"""Events that wait in memory to be indexed."""
RETRY_SECONDS = 2.0
_CHUNK = 8_192
GATHER_SECONDS = 0.02
"""How long the index waits for more to do; readers look at the tail themselves."""
_PASSING = (DiskFull, apsw.FullError, apsw.IOError, apsw.BusyError, apsw.CantOpenError)

Entries = Callable[[int, int], Iterator[tuple[int, bytes]]]


class Follower:
    """Keeps the index of one log up with its entries."""

    def __init__(self, index_file: Path, entries: Entries, minimum: int, size: int) -> None:
        """Begin to follow a log whose entries from `minimum` up to `size` (not included) are here."""
        self._file = index_file
        self._entries = entries
        self._handed: deque[tuple[int, Sequence[Event]]] = deque()
        self._handed_events = 0
        self._reads_back = False
        self._minimum = minimum
        self._begun = self._committed = size
        self._covered = -1
        self._open = True
        self._failure: Exception | None = None
        self._state = threading.Condition()
        self._settling = 0
        self._thread = threading.Thread(target=self._run, name="assay-log-index", daemon=True)
        self._thread.start()

    def hand_over(self, first: int, events: Sequence[Event]) -> None:
        """Index these committed events in a moment; waits while too many are waiting."""
        with self._state:
            while self._too_many() and self._running() and not self._reads_back:
                self._state.wait()
            self._committed = first + len(events)
            if self._running() and not self._too_many():
                self._handed.append((first, events))
                self._handed_events += len(events)
            self._state.notify_all()

    def settle(self, timeout_seconds: float | None) -> bool:
        """Wait until the index covers every entry; False when the time is over or it failed."""
        with self._state:
            self._settling += 1
            self._state.notify_all()
            self._state.wait_for(
                lambda: self._covered >= self._committed or not self._running(), timeout_seconds
            )
            self._settling -= 1
            return self._covered >= self._committed

    def close(self) -> None:
        """Finish what was handed over, and stop."""
        with self._state:
            self._open = False
            self._state.notify_all()
        self._thread.join()

    def _too_many(self) -> bool:
        return self._handed_events > HANDED_MAX

    def _running(self) -> bool:
        return self._failure is None and self._thread.is_alive()

    def _run(self) -> None:
        while True:
            try:
                self._fill()
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, an append never fails for it
                self._stop(error)
            if not self._tries_again():
                return

    def _fill(self) -> None:
        index = IndexWriter(open_to_write(self._file, synchronous="NORMAL"))
        try:
            if self._covered < 0 and not self._minimum <= index.covered <= self._begun:
                # It is new, or of another log, or of a later state of this one.
                index.begin_at(self._minimum)
            self._set_covered(index.covered)
            while (work := self._next()) is not None:
                first, events = work
                index.add(first, events)
                self._set_covered(first + len(events))
        finally:
            index.close()

    def _tries_again(self) -> bool:
        """After a moment, if the failure may pass."""
        with self._state:
            if isinstance(self._failure, _PASSING):
                self._state.wait_for(lambda: not self._open, RETRY_SECONDS)
                if self._open:
                    self._failure = None
                    return True
        return False

    def _next(self) -> tuple[int, Sequence[Event]] | None:
        """The events that follow the covered ones; None when there is nothing more to do."""
        with self._state:
            while self._open and self._covered >= self._committed:
                self._state.wait()
            if self._covered >= self._committed:
                return None
            self._state.wait_for(self._hurries, GATHER_SECONDS)
            while self._handed and self._handed[0][0] < self._covered:
                self._popped()
            if self._handed and self._handed[0][0] == self._covered:
                self._reads_back = False
                return self._joined()
            behind = self._handed[0][0] if self._handed else self._committed
            start, end = self._covered, min(behind, self._covered + _CHUNK)
            self._reads_back = True
            self._state.notify_all()
        return start, [event_of(data) for _, data in self._entries(start, end)]

    def _hurries(self) -> bool:
        """Whether there is enough to do, or somebody waits; few large transactions cost less."""
        return self._handed_events >= _CHUNK // 2 or self._settling > 0 or not self._open

    def _joined(self) -> tuple[int, Sequence[Event]]:
        """What was handed over, several batches as one: fewer and larger transactions."""
        first, events = self._popped()
        joined = list(events)
        while self._handed and len(joined) < _CHUNK and self._handed[0][0] == first + len(joined):
            joined += self._popped()[1]
        return first, joined

    def _popped(self) -> tuple[int, Sequence[Event]]:
        first, events = self._handed.popleft()
        self._handed_events -= len(events)
        return first, events

    def _set_covered(self, covered: int) -> None:
        with self._state:
            self._covered = covered
            self._state.notify_all()

    def _stop(self, error: Exception) -> None:
        with self._state:
            self._failure = error
            self._handed.clear()
            self._handed_events = 0
            self._state.notify_all()
