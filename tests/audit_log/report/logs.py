"""Logs in memory, with the interface of the real ones, and events to fill them with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from assay.audit_log.checkpoint import sign_checkpoint
from assay.audit_log.entry import entry_bytes, new_event
from assay.audit_log.merkle import leaf_hash, root_of
from assay.audit_log.notes import VerifierKey, cosign, cosigner_key, with_signatures
from assay.audit_log.report.make import make_report, newest_anchor
from assay.audit_log.report.question import Question
from assay.audit_log.trust import Trust
from assay.crypto.signing import SigningKey
from assay.vocabulary import Event, Severity, Target, TargetKind

KEY = SigningKey(bytes(range(32)))
WITNESS = SigningKey(bytes(range(1, 33)))
ORIGIN = "example.com/log"
ALONE = Trust((VerifierKey(ORIGIN, KEY.public_bytes),))
WITNESSED = replace(ALONE, witnesses=(cosigner_key("example.com/w", WITNESS),), needed=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = Question(MONDAY, MONDAY + timedelta(days=7))


class MemoryLog:
    """A log in memory. Its entries and hashes can be changed, as by somebody with the database."""

    def __init__(self, events: Sequence[Event] = (), *, witnessed_at: int | None = None) -> None:
        self.data = {index: entry_bytes(event) for index, event in enumerate(events)}
        self.leaves = [leaf_hash(self.data[index]) for index in range(len(events))]
        self.published: list[str] = []
        for size in sorted({n for n in (witnessed_at, len(events)) if n}):
            note = sign_checkpoint(ORIGIN, size, root_of(self.leaves[:size]), KEY).note
            if size == witnessed_at:
                note = with_signatures(
                    note, [cosign(note, "example.com/w", WITNESS, 1_770_000_000)]
                )
            self.published.append(note)

    @property
    def size(self) -> int:
        return len(self.leaves)

    def entries(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        yield from ((n, self.data[n]) for n in range(start, end) if n in self.data)

    def tile(self, level: int, n: int, width: int) -> bytes:
        assert level == 0
        return b"".join(self.leaves[256 * n : 256 * n + width])

    def newest_note(self) -> str | None:
        return self.published[-1] if self.published else None

    def notes(self) -> Iterator[str]:
        yield from self.published


def event(
    hours: float,
    type_: str = "data_access",
    actor: str = "a",
    *,
    outcome: str = "success",
    severity: Severity | None = None,
    action: str = "read",
    detail: object = None,
) -> Event:
    """An event so many hours after midnight of the Monday."""
    at = MONDAY + timedelta(hours=hours)
    return new_event(
        type_,
        occurred_at=at,
        actor=f"actor:{actor}",
        action=action,
        target=Target(TargetKind.DATASET, "patients"),
        outcome=outcome,
        severity=severity,
        detail=detail or {},  # type: ignore[arg-type]
        event_id=f"{type_} {actor} {hours} {outcome}",
    )


def report_of(log: MemoryLog, question: Question = WEEK, trust: Trust = ALONE) -> dict[str, object]:
    """The report of a log in memory."""
    return make_report(log, newest_anchor(log, trust), question)
