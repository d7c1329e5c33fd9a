"""One random key per person, so that destroying the key erases what it sealed, wherever it lies.

A key is made at random when it is first asked for and is durable before it is handed out. It is kept
wrapped under a key-encryption key, bound to its subject, in a file of its own apart from the log.
Nothing about it can be derived: once its row is gone, it is gone. A subject whose key was destroyed
gets no other one unless `renew` says so.

`docs/formats/subject-keys.md` has every byte; `docs/explanation/erasable-detail.md` says what erasure
reaches. It reaches copies of this file only when the key-encryption key that they depend on is destroyed
too, which is what `rewrap` prepares.

Subjects are random or keyed pseudonyms (`subject:` and 32 hexadecimal digits), never names. Keys that
were read are remembered, at most `cache_max`; a key that another process destroyed is forgotten within
`recheck_seconds`.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from assay.canonical import instant, parse_instant
from assay.crypto._key_cache import RememberedKeys
from assay.crypto._key_database import Buried, KeyDatabase, WrappedKey
from assay.crypto.aead import KEY_BYTES, DataKey, RandomBytes
from assay.crypto.key_encryption import KeyWrapper
from assay.errors import BadInput, KeyDestroyed, KeyMissing, WrongKey

_SUBJECT = re.compile(r"subject:([0-9a-f]{32})")
_WRAP_LABEL = b"assay subject key v1"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """That a subject's key was destroyed, which key it was (its commitment, 32 bytes) and when."""

    subject: str
    commitment: bytes
    destroyed_at: datetime


def new_subject() -> str:
    """A random subject id: whoever wants to find the person again must keep it somewhere."""
    return f"subject:{secrets.token_hex(16)}"


class SubjectKeys:
    """The keys of all subjects. Threads, forked children and other processes may share the file."""

    def __init__(
        self,
        path: Path,
        wrapper: KeyWrapper,
        *,
        clock: Callable[[], datetime],
        older: Sequence[KeyWrapper] = (),
        cache_max: int = 10_000,
        recheck_seconds: float = 1.0,
        random: RandomBytes = os.urandom,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the file, and make it if there is none.

        New keys are wrapped by `wrapper`; `older` ones only unwrap.

        Raises:
            WrongKey: what is in the file was wrapped by other keys than these.
            KeyStoreError, NotWritable, DiskFull: the file cannot be used.
        """
        self._wrapper = wrapper
        self._wrappers = {(each.id, each.version): each for each in (wrapper, *older)}
        self._clock = clock
        self._random = random
        self._db = KeyDatabase(path)
        self._remembered = RememberedKeys(self._db, cache_max, recheck_seconds, monotonic)
        with self._db.reading():
            self._numbers = self._db.wrapping_keys()
        if self._numbers and not set(self._numbers.values()) & set(self._wrappers):
            self.close()
            raise _not_given(path, next(iter(self._numbers.values())))

    def __repr__(self) -> str:
        return f"SubjectKeys({str(self._db.path)!r})"

    def __reduce__(self) -> str:
        raise TypeError("a store of keys is not pickled")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __len__(self) -> int:
        with self._db.reading():
            return self._db.count()

    def key_for(self, subject: str, *, create: bool = False) -> DataKey:
        """The subject's key; made if there is none and `create`.

        Raises:
            KeyMissing: there is none, and none was destroyed.
            KeyDestroyed: it was destroyed.
            WrongKey: a key-encryption key that was not given wrapped it.
            Tampered, Truncated: what is kept of it was changed.
            BadInput: no subject id.
        """
        row_id = _row_id(subject)
        with self._db.reading():
            key = self._remembered.get(row_id) or self._read(row_id)
            if key is None and create:
                self.ensure([subject])
                key = self._read(row_id)
        if key is None:
            raise self._missing(subject)
        return key

    def ensure(self, subjects: Iterable[str]) -> int:
        """Make the keys that are missing, in one durable transaction; how many those were.

        Raises:
            KeyDestroyed: a subject's key was destroyed. Then none is made.
            BadInput: no subject id.
        """
        row_ids = list(dict.fromkeys(_row_id(subject) for subject in subjects))
        with self._db.writing():
            missing = [row_id for row_id in row_ids if self._db.find(row_id) is None]
            for row_id in missing:
                self._refuse_destroyed(row_id)
            self._make(missing)
        return len(missing)

    def destroy(self, subject: str) -> Tombstone:
        """Destroy the subject's key: gone from the file when this returns. Again does nothing new.

        A `DataKey` that a caller still holds goes on working: let go of it.

        Raises:
            KeyMissing: the subject never had one.
            WrongKey, Tampered, Truncated: the key cannot be unwrapped, so not named; nothing is done.
        """
        row_id = _row_id(subject)
        with self._db.writing():
            row = self._db.find(row_id)
            if row is not None:
                at = instant(self._clock())
                self._db.bury(Buried(row_id, self._unwrap(row).commitment(), at))
                self._db.drop(row_id)
            buried = self._db.buried(row_id)
        self.forget(subject)
        if not buried:
            raise self._missing(subject)
        return _tombstone(buried[0])

    def renew(self, subject: str) -> DataKey:
        """A new key for a subject whose key was destroyed. It opens nothing that was sealed before.

        Raises:
            KeyMissing: no key of the subject was destroyed.
            BadInput: the subject has a key.
        """
        row_id = _row_id(subject)
        with self._db.writing():
            if not self._db.buried(row_id):
                raise KeyMissing(
                    f"No key of {subject} was destroyed.", next_step="Use key_for(create=True)."
                )
            if self._db.find(row_id) is not None:
                raise BadInput(f"{subject} has a key.", next_step="Destroy it first.")
            self._make([row_id])
        return self.key_for(subject)

    def tombstones(self) -> Iterator[Tombstone]:
        """What was destroyed, by subject. Keep it in the log too, out of reach of a restore."""
        with self._db.reading():
            rows = self._db.all_buried()
        return map(_tombstone, rows)

    def reapply(self, tombstones: Iterable[Tombstone]) -> int:
        """Destroy again what an older copy of the file brought back; how many keys that were.

        Run it after every restore, with the tombstones from the log, before anything is opened.
        """
        brought_back = 0
        for tombstone in tombstones:
            row_id = _row_id(tombstone.subject)
            commitment, at = tombstone.commitment, instant(tombstone.destroyed_at)
            with self._db.writing():
                self._db.bury(Buried(row_id, commitment, at))
                row = self._db.find(row_id)
                if row is not None and self._unwrap(row).commitment() == commitment:
                    self._db.drop(row_id)
                    brought_back += 1
        self.forget()
        return brought_back

    def rewrap(self, batch: int = 1000) -> int:
        """Wrap up to `batch` keys under the current key-encryption key; how many that were.

        Repeat until it returns 0. Then no key depends on an older key-encryption key: destroy that, and
        every copy of this file from before is unreadable.
        """
        with self._db.writing():
            number = self._db.number_of(self._wrapper.id, self._wrapper.version)
            rows = self._db.wrapped_otherwise(number, batch)
            for row in rows:
                self._db.put(self._wrapped(number, row.subject, self._unwrap(row)))
            if not rows:
                self._db.keep_only(number)
        return len(rows)

    def forget(self, subject: str | None = None) -> None:
        """Drop the remembered key of a subject, or all of them, from this process's memory."""
        with self._db.reading():
            self._remembered.drop(None if subject is None else _row_id(subject))

    def close(self) -> None:
        """Close the file and forget every key."""
        self.forget()
        self._db.close()

    def _read(self, row_id: bytes) -> DataKey | None:
        found = self._db.find_with_destroyed(row_id)
        if found is None:
            self._refuse_destroyed(row_id)
            return None
        row, destroyed = found
        key = self._unwrap(row)
        # A row that somebody put back after the key was destroyed is no key.
        if destroyed and key.commitment().hex() in destroyed:
            self._refuse_destroyed(row_id)
        self._remembered.keep(row_id, key)
        return key

    def _make(self, row_ids: Iterable[bytes]) -> None:
        number = self._db.number_of(self._wrapper.id, self._wrapper.version)
        for row_id in row_ids:
            self._db.put(self._wrapped(number, row_id, DataKey(self._random(KEY_BYTES))))

    def _wrapped(self, number: int, row_id: bytes, key: DataKey) -> WrappedKey:
        return WrappedKey(row_id, number, self._wrapper.wrap(key, _place(self._wrapper, row_id)))

    def _unwrap(self, row: WrappedKey) -> DataKey:
        if row.wrapping_key not in self._numbers:
            self._numbers = self._db.wrapping_keys()
        wrapped_by = self._numbers.get(row.wrapping_key, ("?", 0))
        wrapper = self._wrappers.get(wrapped_by)
        if wrapper is None:
            raise _not_given(self._db.path, wrapped_by)
        return wrapper.unwrap(row.wrapped, _place(wrapper, row.subject))

    def _refuse_destroyed(self, row_id: bytes) -> None:
        for buried in self._db.buried(row_id):
            raise KeyDestroyed(
                f"The key of subject:{row_id.hex()} was destroyed at {buried.destroyed_at}.",
                next_step="What it sealed stays unreadable; `renew` makes a key for what is new.",
            )

    def _missing(self, subject: str) -> KeyMissing:
        return KeyMissing(
            f"There is no key for {subject} in {self._db.path}.",
            next_step="Use the key store that sealed what belongs to this subject.",
        )


def _row_id(subject: str) -> bytes:
    match = _SUBJECT.fullmatch(subject)
    if match is None:
        # The text may be a name that should not be here, so the message does not repeat it.
        raise BadInput(
            "A subject id is `subject:` and 32 hexadecimal digits; something else was given.",
            next_step="Make one with pseudonym(key, 'subject', ...) or new_subject().",
        )
    return bytes.fromhex(match[1])


def _place(wrapper: KeyWrapper, row_id: bytes) -> bytes:
    version = wrapper.version.to_bytes(4, "big")
    return _WRAP_LABEL + b"\x00" + row_id + version + wrapper.id.encode()


def _tombstone(row: Buried) -> Tombstone:
    return Tombstone(
        f"subject:{row.subject.hex()}", row.commitment, parse_instant(row.destroyed_at)
    )


def _not_given(path: Path, wrapped_by: tuple[str, int]) -> WrongKey:
    key_id, version = wrapped_by
    return WrongKey(
        f"Keys in {path} are wrapped by key-encryption key {key_id}, version {version}.",
        next_step="Give that key, as the current one or as an older one.",
    )
