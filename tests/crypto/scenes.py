"""Keys, a clock and a random source that are the same in every run."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.crypto.key_encryption import KeyEncryptionKey
from assay.crypto.subject_keys import SubjectKeys

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEK = KeyEncryptionKey(bytes(range(32)))
MIA, TOM, EVA = (f"subject:{digit * 32}" for digit in "abc")


def noon() -> datetime:
    """A clock that stands still."""
    return NOON


def store(folder: Path, wrapper: KeyEncryptionKey = KEK, **options: Any) -> SubjectKeys:
    """A key store in `folder`."""
    return SubjectKeys(folder / "subjects.keys", wrapper, **{"clock": noon, **options})


def shown(error: BaseException) -> str:
    """The traceback with the value of every local variable, as some programs print it.

    Without the first frame: that is the test's own, and it knows the keys.
    """
    assert error.__traceback__ is not None
    ours = error.__traceback__.tb_next
    found = traceback.TracebackException(type(error), error, ours, capture_locals=True)
    return "".join(found.format())


def predictable(seed: str) -> Callable[[int], bytes]:
    """Bytes that look random and are the same each time, for vectors."""
    drawn = 0

    def random(length: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(f"{seed} {drawn}".encode()).digest(length)

    return random
