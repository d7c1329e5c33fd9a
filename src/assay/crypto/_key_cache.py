"""The keys that were read last, kept in memory as long as the file cannot have changed since.

The cache is bounded, least recently used first out. What this process changes it drops at once; what
another process changed is noticed by the state of the database, asked at most every `recheck_seconds`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from assay.crypto._key_database import KeyDatabase
from assay.crypto.aead import DataKey


class RememberedKeys:
    """Data keys by subject. Call its methods inside `KeyDatabase.reading`."""

    def __init__(
        self,
        db: KeyDatabase,
        size_max: int,
        recheck_seconds: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._db = db
        self._size_max = size_max
        self._recheck_seconds = recheck_seconds
        self._monotonic = monotonic
        self._keys: OrderedDict[bytes, DataKey] = OrderedDict()
        self._state = (0, 0)
        self._recheck_at = monotonic()

    def get(self, row_id: bytes) -> DataKey | None:
        """The key of a subject, if it is remembered and the file is as it was."""
        now = self._monotonic()
        if now >= self._recheck_at:
            state = self._db.state()
            if state != self._state:
                self._keys.clear()
            self._state, self._recheck_at = state, now + self._recheck_seconds
        key = self._keys.get(row_id)
        if key is not None:
            self._keys.move_to_end(row_id)
        return key

    def keep(self, row_id: bytes, key: DataKey) -> None:
        """Remember a key."""
        self._keys[row_id] = key
        while len(self._keys) > self._size_max:
            self._keys.popitem(last=False)

    def drop(self, row_id: bytes | None) -> None:
        """Forget a key, or all of them."""
        if row_id is None:
            self._keys.clear()
        else:
            self._keys.pop(row_id, None)
