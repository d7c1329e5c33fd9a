"""The door of the stores: what the records can be asked, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AssessmentRecord:
    """One assessment that was kept; everything else about it is in the log."""

    id: str
    as_of: datetime
    depth: str
    seed: int
    outcome: str
    log_index: int
    """The entry that closes it and names all its evidence."""


@dataclass(frozen=True, slots=True)
class KeptStep:
    """What a step of an assessment saw, by the digest of everything that it depends on."""

    key: str
    kept_at: datetime
    entries: tuple[int, ...]
    """The log entries of its observations. They name the key too: this is only an index to them."""


class RecordStore(Protocol):
    """Records of assay's own work. A call is one transaction; what it returned is durable."""

    def add_assessment(self, record: AssessmentRecord) -> None:
        """Keep a record.

        Raises:
            StoreError: there is one with this id, or the database refuses.
        """

    def latest_assessment(self) -> AssessmentRecord | None:
        """The newest by instant, None if there is none."""

    def assessments(self, limit: int = 100) -> tuple[AssessmentRecord, ...]:
        """The newest first."""

    def keep_steps(self, steps: tuple[KeptStep, ...]) -> None:
        """Keep what these steps saw; a step kept before under the same key is replaced."""

    def kept_step(self, key: str) -> KeptStep | None:
        """What the step with this key saw, None if it was never kept."""

    def forget_steps(self) -> int:
        """Forget every kept step, so that the next assessment looks again; how many there were."""

    def revision(self) -> str | None:
        """The revision of the schema that the database has, None if it has none."""

    def close(self) -> None:
        """Release the connections."""
