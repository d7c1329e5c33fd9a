"""A log whose store can be held up, or fails when it is told to; else it is the real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.audit_log.backends.sqlite import SqliteLogStore
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.interface import HeadSigner, Unit, Written
from assay.audit_log.log import AuditLog
from assay.audit_log.signer import LogSigner
from tests.audit_log.conftest import SIGNER


class HeldStore(SqliteLogStore):
    """Commits only while it is let; fails with what it is given."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SIGNER.verifier)
        self.let = threading.Event()
        self.let.set()
        self.begun = threading.Event()
        self.fails: Exception | None = None
        self.committed: list[Sequence[Unit]] = []

    def hold(self) -> None:
        """Let no commit through until `let` is set."""
        self.let.clear()
        self.begun.clear()

    def commit(self, units: Sequence[Unit], sign: HeadSigner) -> Written:
        self.begun.set()
        assert self.let.wait(60)
        if self.fails is not None:
            raise self.fails
        written = super().commit(units, sign)
        self.committed.append(units)
        return written


def held_log(
    folder: Path, *, cosigners: Callable[..., Any] | None = None, **options: Any
) -> tuple[AuditLog, HeldStore]:
    """A log over such a store, and the store."""
    store = HeldStore(folder)
    signer: LogSigner = SIGNER if cosigners is None else replace(SIGNER, cosigners=cosigners)
    return AuditLog(store, SqliteLogReader(folder, SIGNER.verifier), signer, **options), store
