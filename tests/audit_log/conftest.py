"""A small log with entries, cited bytes and several checkpoints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.audit_log.backends import _sqlite_index, _sqlite_index_check
from assay.audit_log.entry import citation, new_event
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.signer import LogSigner
from assay.canonical import digest
from assay.crypto.signing import SigningKey
from assay.vocabulary import Event, Exhibit, Target, TargetKind

KEY = SigningKey(bytes(range(32)))
ORIGIN = "example.com/log"
SIGNER = LogSigner(ORIGIN, KEY)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def event(number: int, *exhibits: Exhibit) -> Event:
    """The event with this number, one second after the one before."""
    return new_event(
        "note",
        occurred_at=NOON + timedelta(seconds=number),
        actor=f"actor:{number % 3}",
        action="write",
        target=Target(TargetKind.SYSTEM, "clinic"),
        detail={"number": number, "cites": [citation(exhibit) for exhibit in exhibits]},
        event_id=f"00000000-0000-4000-8000-{number:012}",
    )


def exhibit(text: str) -> Exhibit:
    """Some bytes to cite."""
    return Exhibit(digest(text.encode()), "text/plain", text.encode())


@pytest.fixture
def small_log(tmp_path: Path) -> Path:
    """The folder of a closed log of seven entries in three batches, two of which cite bytes."""
    folder = tmp_path / "log"
    first, second = exhibit("evidence one"), exhibit("evidence two")
    with open_sqlite_log(folder, SIGNER) as log:
        log.keep([event(0), event(1, first), event(2)], [first])
        log.keep([event(3), event(4, first, second)], [first, second])
        log.keep([event(5), event(6)])
    return folder


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 4 entries and super-blocks of 8, so that a few events cross their borders."""
    monkeypatch.setattr(_sqlite_index, "BLOCK_MAX", 4)
    for module in (_sqlite_index, _sqlite_index_check):
        monkeypatch.setattr(module, "SUPER_SHIFT", 3)
