"""Logs in folders, with entries that cite things, for what archives, removes and imports them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from assay.audit_log.entry import citation, new_event
from assay.audit_log.lifecycle.access import LogAccess, sqlite_access
from assay.audit_log.log import AuditLog
from assay.audit_log.notes import VerifierKey, cosigner_key
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.signer import LogSigner
from assay.audit_log.trust import Trust
from assay.canonical import digest
from assay.crypto.signing import MlDsa44Key, SigningKey
from assay.vocabulary import Event, Exhibit, Target, TargetKind

ORIGIN = "example.com/log"
KEY = SigningKey(bytes(range(32)))
BESIDE = MlDsa44Key(bytes(range(32, 64)))
SIGNER = LogSigner(ORIGIN, KEY, BESIDE)
VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)
KEYS = (VERIFIER, cosigner_key(ORIGIN, BESIDE))
TRUST = Trust(KEYS)
OTHER = SigningKey(b"\x07" * 32)
OTHER_ORIGIN = "runner.example.com/log"
OTHER_SIGNER = LogSigner(OTHER_ORIGIN, OTHER)
OTHER_TRUST = Trust((VerifierKey(OTHER_ORIGIN, OTHER.public_bytes),))
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def exhibit(text: str) -> Exhibit:
    """Some bytes to cite."""
    return Exhibit(digest(text.encode()), "text/plain", text.encode())


SHARED, EARLY, LATE = exhibit("shared"), exhibit("early"), exhibit("late")


def event(number: int, type_: str = "note", at: datetime | None = None, *cited: Exhibit) -> Event:
    """The event with this number, one minute after the one before."""
    return new_event(
        type_,
        occurred_at=at or MONDAY + timedelta(minutes=number),
        actor=f"actor:{number % 3}",
        action=f"write number{number}",
        target=Target(TargetKind.SYSTEM, "clinic"),
        detail={"number": number, "cites": [citation(each) for each in cited]},
        event_id=f"00000000-0000-4000-8000-{number:012}",
    )


def cited_by(number: int, size: int) -> tuple[Exhibit, ...]:
    """Entry 3 and the last but one cite what both share, and something of their own."""
    return {3: (SHARED, EARLY), size - 2: (SHARED, LATE)}.get(number, ())


def fill(folder: Path, size: int, signer: LogSigner = SIGNER) -> None:
    """A log of so many notes, with a published checkpoint half way and one at its end."""
    with open_sqlite_log(folder, signer) as log:
        for start, end in ((0, size // 2), (size // 2, size)):
            cited = {n: cited_by(n, size) for n in range(start, end)}
            exhibits = [each for found in cited.values() for each in found]
            log.keep([event(n, "note", None, *cited[n]) for n in range(start, end)], exhibits)


def access_to(
    folder: Path,
    signer: LogSigner = SIGNER,
    keys: tuple[VerifierKey, ...] = KEYS,
    clock: Callable[[], datetime] = lambda: MONDAY + timedelta(days=30),
) -> LogAccess:
    """Whoever archives the log in a folder."""

    def write() -> AuditLog:
        return open_sqlite_log(folder, signer)

    return sqlite_access(folder, keys, "actor:archivist", write, clock=clock)
