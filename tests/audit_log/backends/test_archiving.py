"""Archiving a log in PostgreSQL: what SQLite's tests say in full, on the other backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.audit_log.backends import postgres_evidence
from assay.audit_log.interface import EventQuery
from assay.audit_log.lifecycle.access import LogAccess, postgres_access
from assay.audit_log.lifecycle.archive import archive
from assay.audit_log.lifecycle.verify_archive import verify_archive
from assay.audit_log.lifecycle.volume import Volume, archived_volume
from assay.audit_log.merkle import consistency_holds, inclusion_holds, leaf_hash
from assay.audit_log.opening import LogPlace, open_log, reindex_log
from assay.audit_log.proofs import consistency_proof, inclusion_proof
from assay.errors import LogError
from tests.audit_log.backends.stored_logs import PostgresLog
from tests.audit_log.lifecycle.logs import (
    EARLY,
    KEYS,
    LATE,
    SHARED,
    SIGNER,
    TRUST,
    VERIFIER,
    cited_by,
    event,
)

SIZE, END = 700, 512


@pytest.fixture
def access(pg_log: PostgresLog, tmp_path: Path) -> LogAccess:
    """A log of 700 entries, some of which cite."""
    place = LogPlace(tmp_path, pg_log.url)
    with open_log(place, SIGNER) as log:
        events = [event(n, "note", None, *cited_by(n, SIZE)) for n in range(SIZE)]
        log.keep(events, [SHARED, EARLY, LATE])
    return postgres_access(tmp_path, pg_log.url, KEYS, "actor:1", lambda: open_log(place, SIGNER))


def test_old_proofs_hold_and_everything_verifies(
    access: LogAccess, pg_log: PostgresLog, tmp_path: Path
) -> None:
    with access.read() as log:
        before = {n: (log.entry(n), inclusion_proof(log, n, SIZE)) for n in (0, 300, 511, 650)}
        old = log.newest_checkpoint()
    assert old is not None
    done = archive(access, tmp_path / "cold", keep=100)
    assert done is not None
    with access.read() as log:
        assert (log.minimum_index, log.size) == (END, SIZE + 1)
        now = log.newest_checkpoint()
        assert now is not None
        for number, (entry, proof) in before.items():
            assert inclusion_proof(log, number, SIZE) == proof
            assert inclusion_holds(leaf_hash(entry), number, SIZE, proof, old.root)
        grown = consistency_proof(log, SIZE, now.size)
        assert consistency_holds(SIZE, old.root, now.size, now.root, grown)
        with pytest.raises(LogError, match="archived"):
            log.entry(300)
        assert log.count(EventQuery()) == SIZE + 1 - END
        assert log.cited_bytes(SHARED.digest) == SHARED.data
        with pytest.raises(LogError):
            log.cited_bytes(EARLY.digest)
    seen = postgres_evidence.verify(pg_log.url, VERIFIER, [old.note])
    assert seen.clean, seen.faults
    assert all(volume.seen.clean for volume in verify_archive(tmp_path / "cold", TRUST))
    volume = archived_volume(tmp_path / "cold", 300)
    assert isinstance(volume, Volume)
    assert volume.entry(300) == before[300][0]


def test_an_event_that_was_archived_keeps_its_index(
    access: LogAccess, pg_log: PostgresLog, tmp_path: Path
) -> None:
    archive(access, tmp_path / "cold", keep=100)
    with access.write() as log:
        assert log.keep([event(7)]) == (7,)
        assert log.keep([event(9_000)]) == (SIZE + 1,)
    place = LogPlace(tmp_path, pg_log.url)
    assert reindex_log(place, VERIFIER) == SIZE + 2
    assert postgres_evidence.verify(pg_log.url, VERIFIER).clean


def test_nothing_is_dropped_that_no_checkpoint_covers(
    access: LogAccess, pg_log: PostgresLog
) -> None:
    with pytest.raises(LogError, match="cannot be dropped"):
        access.drop(768, None)
    with pytest.raises(LogError, match="cannot be dropped"):
        access.drop(300, None)
    with pytest.raises(LogError, match="other entries 0 to 255"):
        access.drop(256, lambda _: bytes(256 * 32))
    assert postgres_evidence.verify(pg_log.url, VERIFIER).clean
