"""The running parts that the main job works with; `bootstrap.py` opens and closes them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime

from assay.audit_log.log import AuditLog
from assay.audit_log.trust import Trust
from assay.settings import Settings
from assay.stores.interface import RecordStore

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Parts:
    """What an assessment works with."""

    settings: Settings
    log: AuditLog
    store: RecordStore
    executor: Executor
    clock: Clock
    trust: Trust
    """The log's public keys and its witnesses, as a verifier's policy."""
    actor: str
    """The keyed pseudonym of the account that runs this."""
