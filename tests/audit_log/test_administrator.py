"""Somebody with the database, even with the log's key, against a checkpoint out of their reach."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_files import DATABASE, PUBLISHED_CHECKPOINT
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.checkpoint import sign_checkpoint
from assay.audit_log.entry import event_of
from assay.audit_log.interface import Damage
from assay.audit_log.merkle import CompactRange, leaf_hash
from assay.audit_log.opening import LogPlace, open_sqlite_log, reindex_log
from assay.audit_log.signer import LogSigner
from assay.crypto.signing import SigningKey
from assay.vocabulary import Event
from tests.audit_log.conftest import KEY, ORIGIN, SIGNER, event

EVENTS = 600
Forge = Callable[[list[Event]], list[Event]]


def edited(events: list[Event]) -> list[Event]:
    return [*events[:300], replace(events[300], actor="actor:somebody else"), *events[301:]]


def deleted(events: list[Event]) -> list[Event]:
    return events[:300] + events[301:]


def reordered(events: list[Event]) -> list[Event]:
    return [*events[:300], events[301], events[300], *events[302:]]


def inserted(events: list[Event]) -> list[Event]:
    return [*events[:300], event(10_000), *events[300:]]


def truncated(events: list[Event]) -> list[Event]:
    return events[:300]


def truncated_and_grown_again(events: list[Event]) -> list[Event]:
    return events[:300] + [event(10_000 + number) for number in range(EVENTS - 300)]


def emptied(events: list[Event]) -> list[Event]:
    return events[:0]


FORGERIES = [
    edited,
    deleted,
    reordered,
    inserted,
    truncated,
    truncated_and_grown_again,
    emptied,
]


@pytest.fixture
def honest(tmp_path: Path) -> Path:
    """A log of two levels of tiles, with two published checkpoints."""
    folder = tmp_path / "log"
    with open_sqlite_log(folder, SIGNER) as log:
        log.keep([event(number) for number in range(400)])
        log.keep([event(number) for number in range(400, EVENTS)])
        log.settle()
    return folder


def recomputed(honest: Path, forge: Forge, signer: LogSigner) -> Path:
    """The forged log with everything made again from the forged events: leaf hashes, tiles, ids, index,
    head and checkpoints, all well signed by whatever key the forger has."""
    with SqliteLogReader(honest, SIGNER.verifier) as reader:
        events = [event_of(data) for _, data in reader.entries(0, reader.size)]
    folder = honest.with_name("forged")
    with open_sqlite_log(folder, signer) as log:
        log.append_many(forge(events)).sequenced()
        log.settle()
    return folder


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_everything_recomputed_with_the_logs_own_key_is_caught_by_a_retained_checkpoint(
    honest: Path, forge: Forge
) -> None:
    retained = (honest / PUBLISHED_CHECKPOINT).read_text()
    forged = recomputed(honest, forge, SIGNER)
    # Alone it cannot be told from an honest log: whoever has the key and the disk is the log.
    assert verify(forged, SIGNER.verifier).clean
    (fault,) = verify(forged, SIGNER.verifier, [retained]).faults
    assert fault.place == "retained checkpoint 1"
    assert fault.damage is Damage.EVIDENCE
    cut = forge in (deleted, truncated, emptied)
    assert ("its tail was cut" if cut else "are not those it was signed for") in fault.what


@pytest.mark.parametrize("forge", FORGERIES[:-1], ids=lambda forge: forge.__name__)
def test_everything_recomputed_without_the_key_is_caught_by_itself(
    honest: Path, forge: Forge
) -> None:
    forged = recomputed(honest, forge, LogSigner(ORIGIN, SigningKey(b"\x07" * 32)))
    places = {fault.place for fault in verify(forged, SIGNER.verifier).faults}
    assert "head" in places
    assert "the published checkpoint" in places


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_database_beside_the_published_checkpoint_is_caught_by_it(
    honest: Path, forge: Forge
) -> None:
    """The database administrator cannot reach the file that is published."""
    forged = recomputed(honest, forge, SIGNER)
    shutil.copy(honest / PUBLISHED_CHECKPOINT, forged / PUBLISHED_CHECKPOINT)
    faults = verify(forged, SIGNER.verifier).faults
    assert faults[0].place == "the published checkpoint"


def test_an_older_copy_of_the_whole_log_is_caught_by_a_retained_checkpoint_only(
    honest: Path,
) -> None:
    older = honest.with_name("older")
    shutil.copytree(honest, older)
    with open_sqlite_log(honest, SIGNER) as log:
        log.keep([event(EVENTS)])
    retained = (honest / PUBLISHED_CHECKPOINT).read_text()
    assert verify(older, SIGNER.verifier).clean
    (fault,) = verify(older, SIGNER.verifier, [retained]).faults
    assert "its tail was cut" in fault.what


def test_a_retained_checkpoint_of_another_log_is_refused_by_name(honest: Path) -> None:
    tree = CompactRange().append([leaf_hash(b"x")])
    for origin, key in [("example.com/other", KEY), (ORIGIN, SigningKey(b"\x07" * 32))]:
        foreign = sign_checkpoint(origin, 1, tree.root, key).note
        (fault,) = verify(honest, SIGNER.verifier, [foreign]).faults
        assert fault.place == "retained checkpoint 1"


STATEMENTS = {
    "edited": (
        "UPDATE entry SET bytes = CAST(replace(bytes, 'actor:0', 'actor:9') AS BLOB)"
        " WHERE idx = 300"
    ),
    "deleted": "DELETE FROM entry WHERE idx = 300; UPDATE entry SET idx = idx - 1 WHERE idx > 300",
    "reordered": (
        "UPDATE entry SET idx = -1 WHERE idx = 300; UPDATE entry SET idx = 300 WHERE idx = 301;"
        "UPDATE entry SET idx = 301 WHERE idx = -1"
    ),
    "inserted": (
        "UPDATE entry SET idx = -idx WHERE idx > 300; UPDATE entry SET idx = 1 - idx WHERE idx < 0;"
        "INSERT INTO entry SELECT 301, bytes, leaf_hash FROM entry WHERE idx = 5"
    ),
    "truncated": "DELETE FROM entry WHERE idx >= 300",
}


@pytest.mark.parametrize("leaves", [False, True], ids=["alone", "with leaf hashes"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_on_the_live_log_is_found_and_located(
    honest: Path, name: str, leaves: bool
) -> None:
    db = apsw.Connection(str(honest / DATABASE))
    db.execute(STATEMENTS[name]).fetchall()
    if leaves:
        for index, data in list(db.execute("SELECT idx, bytes FROM entry")):
            new = leaf_hash(bytes(data))
            db.execute("UPDATE entry SET leaf_hash = ? WHERE idx = ?", (new, index))
    db.close()
    faults = verify(honest, SIGNER.verifier).faults
    evidence = [fault for fault in faults if fault.damage is Damage.EVIDENCE]
    first = evidence[0]
    if name == "edited" and not leaves:
        assert first.place == "entry 300"
    elif name == "truncated":
        assert first == evidence[0]
        assert "covers entries that are not there" in first.what
    else:
        # Entries and hashes agree: the checkpoint of 400 says that it is one of the first 400.
        assert first.place == "checkpoint of size 400"
        assert "look at 0 to 399" in first.what


def test_reindexing_a_forged_log_hides_nothing(honest: Path) -> None:
    db = apsw.Connection(str(honest / DATABASE))
    (data,) = db.execute("SELECT bytes FROM entry WHERE idx = 300").fetchone() or (b"",)
    new = bytes(data).replace(b'"actor:0"', b'"actor:9"')
    values = (new, leaf_hash(new))
    db.execute("UPDATE entry SET bytes = ?, leaf_hash = ? WHERE idx = 300", values)
    db.close()
    reindex_log(LogPlace(honest), SIGNER.verifier)
    faults = verify(honest, SIGNER.verifier).faults
    assert faults[0].place == "checkpoint of size 400"
    assert {fault.damage for fault in faults} == {Damage.EVIDENCE}
