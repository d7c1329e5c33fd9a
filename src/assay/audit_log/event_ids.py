"""Ids of events: UUIDs of version 7 (RFC 9562), which grow with time.

Growing ids are added at the end of the index that finds an event delivered twice, which keeps that
index fast at any length. Within a millisecond a counter grows (section 6.2, method 1).
"""

from __future__ import annotations

import os
import re
import threading
import time

_COUNTER_MAX = (1 << 42) - 1


_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def id_key(event_id: str) -> bytes:
    """How an event's id is kept: the 16 bytes of a UUID, or 0xff and the text.

    Growing UUIDs (version 7) so land at the end of their index.
    """
    if _UUID.fullmatch(event_id):
        return bytes.fromhex(event_id.replace("-", ""))
    return b"\xff" + event_id.encode()


class EventIds:
    """Makes ids, each larger than the one before."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew; after a fork, so that parent and child do not give the same ids."""
        self._lock = threading.Lock()
        self._millisecond = 0
        self._counter = 0
        self._tail = os.urandom(4)

    def new(self) -> str:
        """An id that no other call returns."""
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now > self._millisecond or self._counter >= _COUNTER_MAX:
                self._millisecond = max(now, self._millisecond + 1)
                random = os.urandom(8)
                self._counter = int.from_bytes(random[:4], "big")
                self._tail = random[4:]
            self._counter += 1
            counter = self._counter
            tail = self._tail
        high, low = counter >> 30, counter & 0x3FFF_FFFF
        number = (self._millisecond << 80) | (7 << 76) | (high << 64) | (2 << 62) | (low << 32)
        text = f"{number | int.from_bytes(tail, 'big'):032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_ids = EventIds()
new_event_id = _ids.new
"""An id for an event that nobody else named."""

os.register_at_fork(after_in_child=_ids.restart)
