"""Every changed byte of stored evidence is found, and the place is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_files import DATABASE, PUBLISHED_CHECKPOINT
from assay.audit_log.checkpoint import sign_checkpoint
from assay.audit_log.interface import Damage, Fault
from assay.audit_log.merkle import CompactRange, leaf_hash
from assay.audit_log.notes import VerifierKey
from assay.audit_log.opening import open_sqlite_log
from tests.audit_log.conftest import KEY, ORIGIN, SIGNER, event, exhibit

VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)


def faults_after(folder: Path, change: Callable[[apsw.Connection], object]) -> tuple[Fault, ...]:
    """What verification says after `change` had the database; the log is put back."""
    copy = folder.with_name("tampered")
    shutil.copytree(folder, copy)
    db = apsw.Connection(str(copy / DATABASE))
    change(db)
    db.close()
    faults = verify(copy, VERIFIER).faults
    shutil.rmtree(copy)
    return faults


def flipped(value: Any, at: int) -> Any:
    """The value with one bit of one byte changed."""
    raw = bytearray(value if isinstance(value, bytes) else value.encode())
    raw[at] ^= 32
    return bytes(raw) if isinstance(value, bytes) else raw.decode("utf-8", "replace")


CELLS = [
    ("entry", "idx", "bytes", "entry {}"),
    ("entry", "idx", "leaf_hash", "entry {}"),
    ("cited", "digest", "bytes", "evidence {}"),
    ("cited", "digest", "media_type", "evidence {}"),
    ("checkpoint", "size", "note", "checkpoint of size {}"),
    ("head", "one", "subtrees", "head"),
    ("event", "idx", "actor", "index of entry {}"),
    ("event", "idx", "id", "index of entry {}"),
]


def check_cells(folder: Path, cell: tuple[str, str, str, str], *, rows: int, stride: int) -> None:
    """Flip a bit in every `stride`th byte of the first `rows` values of a column."""
    table, key, column, place = cell
    db = apsw.Connection(str(folder / DATABASE))
    cells = list(db.execute(f"SELECT {key}, {column} FROM {table}"))
    db.close()
    assert cells
    for name, value in cells[:rows]:
        for at in range(0, len(value if isinstance(value, bytes) else value.encode()), stride):
            changed = flipped(value, at)

            def change(db: apsw.Connection, name: Any = name, changed: Any = changed) -> None:
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (changed, name))

            faults = faults_after(folder, change)
            assert faults, f"byte {at} of {table}.{column} at {name} went unseen"
            assert faults[0].place == place.format(name)


@pytest.mark.parametrize("cell", CELLS, ids="{0[0]}.{0[2]}".format)
def test_a_changed_byte_is_found_where_it_is(
    small_log: Path, cell: tuple[str, str, str, str]
) -> None:
    check_cells(small_log, cell, rows=2, stride=5)


@pytest.mark.long
@pytest.mark.parametrize("cell", CELLS, ids="{0[0]}.{0[2]}".format)
def test_every_changed_byte_is_found_where_it_is(
    small_log: Path, cell: tuple[str, str, str, str]
) -> None:
    check_cells(small_log, cell, rows=99, stride=1)


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("DELETE FROM entry WHERE idx = 3", "entry 3"),
        ("DELETE FROM entry WHERE idx = 6", "checkpoint of size 7"),
        ("UPDATE entry SET idx = 9 WHERE idx = 6", "entry 6"),
        ("INSERT INTO entry VALUES (7, x'00', x'00')", "entry 7"),
        ("DELETE FROM checkpoint WHERE size = 7", "entries 5 to 6"),
        ("DELETE FROM checkpoint", "entries 0 to 6"),
        ("UPDATE head SET size = 6", "head"),
        ("DELETE FROM head", "head"),
        ("DROP TABLE cited", "database file"),
    ],
)
def test_rows_that_go_come_or_move_are_found(small_log: Path, sql: str, place: str) -> None:
    assert faults_after(small_log, lambda db: db.execute(sql))[0].place == place


def test_missing_and_uncited_evidence_is_found(small_log: Path) -> None:
    faults = faults_after(small_log, lambda db: db.execute("DELETE FROM cited"))
    assert {fault.what for fault in faults} == {
        "is missing; cited by entry 1",
        "is missing; cited by entry 4",
    }
    extra = "INSERT INTO cited VALUES ('sha256:00', 'text/plain', x'00')"
    (fault,) = faults_after(small_log, lambda db: db.execute(extra))
    assert fault.what == "is cited by no entry"


def test_a_missing_published_checkpoint_is_a_fault(small_log: Path) -> None:
    (small_log / PUBLISHED_CHECKPOINT).unlink()
    (fault,) = verify(small_log, VERIFIER).faults
    assert fault.place == "the published checkpoint"


def test_damaged_evidence_is_found_and_mended_when_it_is_seen_again(small_log: Path) -> None:
    db = apsw.Connection(str(small_log / DATABASE))
    good = exhibit("evidence one")
    db.execute("UPDATE cited SET bytes = x'00' WHERE digest = ?", (good.digest,))
    db.close()
    assert not verify(small_log, VERIFIER).clean
    with open_sqlite_log(small_log, SIGNER) as log:
        log.keep([event(7, good)], [good])
    assert verify(small_log, VERIFIER).clean


def test_an_index_of_the_file_that_disagrees_is_found(small_log: Path) -> None:
    """The name of evidence lies twice in the file: in its row and in the index over names."""
    path = small_log / DATABASE
    db = apsw.Connection(str(path))
    db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    name = exhibit("evidence one").digest.encode()
    raw = path.read_bytes()
    assert raw.count(name) >= 2
    start = 0
    while (at := raw.find(name, start)) >= 0:
        path.write_bytes(raw[: at + 10] + bytes([raw[at + 10] ^ 1]) + raw[at + 11 :])
        assert not verify(small_log, VERIFIER).clean
        start = at + 1


def test_index_damage_is_told_from_evidence_damage(small_log: Path) -> None:
    faults = faults_after(small_log, lambda db: db.execute("UPDATE event SET type = 'x'"))
    assert {fault.damage for fault in faults} == {Damage.INDEX}


def rewrite(db: apsw.Connection, keep: int, replace: int | None = None) -> None:
    """What somebody with the database and the signing key would do: cut or change, then re-sign."""
    rows = [bytes(row[0]) for row in db.execute("SELECT bytes FROM entry ORDER BY idx")][:keep]
    if replace is not None:
        rows[replace] = rows[replace].replace(b'"write"', b'"wrote"')
    tree = CompactRange().append([leaf_hash(row) for row in rows])
    db.execute("DELETE FROM checkpoint")
    db.execute("DELETE FROM entry")
    db.execute("DELETE FROM event WHERE idx >= ?", (keep,))
    for index, row in enumerate(rows):
        db.execute("INSERT INTO entry VALUES (?, ?, ?)", (index, row, leaf_hash(row)))
    db.execute("UPDATE head SET size = ?, subtrees = ?", (tree.size, b"".join(tree.subtrees)))
    note = sign_checkpoint(ORIGIN, tree.size, tree.root, KEY).note
    db.execute("INSERT INTO checkpoint VALUES (?, ?)", (tree.size, note))


@pytest.mark.parametrize(
    ("keep", "replace", "what"),
    [(5, None, "its tail was cut"), (7, 2, "are not those it was signed for")],
    ids=["cut", "changed"],
)
def test_a_rewrite_with_the_key_is_found_by_a_checkpoint_held_outside(
    small_log: Path, keep: int, replace: int | None, what: str
) -> None:
    faults = faults_after(small_log, lambda db: rewrite(db, keep, replace))
    assert [fault.place for fault in faults] == ["the published checkpoint"]
    assert what in faults[0].what


def test_a_rewrite_of_everything_is_found_by_a_retained_checkpoint_only(small_log: Path) -> None:
    retained = (small_log / PUBLISHED_CHECKPOINT).read_text()
    db = apsw.Connection(str(small_log / DATABASE))
    rewrite(db, 7, 2)
    (note,) = db.execute("SELECT note FROM checkpoint").fetchone() or ("",)
    db.close()
    (small_log / PUBLISHED_CHECKPOINT).write_text(str(note))
    assert verify(small_log, VERIFIER).clean
    faults = verify(small_log, VERIFIER, [retained]).faults
    assert [fault.place for fault in faults] == ["retained checkpoint 1"]


def test_every_changed_byte_of_the_published_checkpoint_is_found(small_log: Path) -> None:
    path = small_log / PUBLISHED_CHECKPOINT
    raw = path.read_bytes()
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        assert not verify(small_log, VERIFIER).clean


def test_a_log_with_a_wrong_head_takes_no_more_entries(small_log: Path) -> None:
    db = apsw.Connection(str(small_log / DATABASE))
    db.execute("UPDATE head SET size = 6")
    db.close()
    with (
        open_sqlite_log(small_log, SIGNER) as log,
        pytest.raises(Exception, match="has 7 entries but a head of size 6"),
    ):
        log.keep([event(7)])[0]
