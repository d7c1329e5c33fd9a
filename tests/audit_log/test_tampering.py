"""Every changed byte of what a log stores is found, and the place is said."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_files import DATABASE, INDEX, PUBLISHED_CHECKPOINT
from assay.audit_log.checkpoint import sign_checkpoint
from assay.audit_log.interface import Damage, Fault
from assay.audit_log.merkle import CompactRange, leaf_hash
from assay.audit_log.notes import VerifierKey
from assay.audit_log.opening import open_sqlite_log
from assay.errors import LogDamaged
from tests.audit_log.conftest import KEY, ORIGIN, SIGNER, event, exhibit

VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)


def faults_after(
    folder: Path, change: Callable[[apsw.Connection], object], file: str = DATABASE
) -> tuple[Fault, ...]:
    """What verification says after `change` had the database; the log is put back."""
    copy = folder.with_name("tampered")
    shutil.copytree(folder, copy)
    try:
        db = apsw.Connection(str(copy / file))
        change(db)
        db.close()
        return verify(copy, VERIFIER).faults
    finally:
        shutil.rmtree(copy)


class Cell(NamedTuple):
    """A column; where a change of it must be found, told from the row's first value or the new one."""

    file: str
    table: str
    column: str
    place: str
    damage: Damage = Damage.EVIDENCE

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


CELLS = [
    Cell(DATABASE, "entry", "idx", "entry {row}"),
    Cell(DATABASE, "entry", "bytes", "entry {row}"),
    Cell(DATABASE, "entry", "leaf_hash", "entry {row}"),
    Cell(DATABASE, "cited", "digest", "evidence {row}"),
    Cell(DATABASE, "cited", "media_type", "evidence {row}"),
    Cell(DATABASE, "cited", "bytes", "evidence {row}"),
    Cell(DATABASE, "checkpoint", "size", "checkpoint of size {new}"),
    Cell(DATABASE, "checkpoint", "note", "checkpoint of size {row}"),
    Cell(DATABASE, "head", "size", "head"),
    Cell(DATABASE, "head", "subtrees", "head"),
    Cell(DATABASE, "head", "note", "head"),
    Cell(DATABASE, "event_id", "id", "index of entry ", Damage.INDEX),
    Cell(DATABASE, "event_id", "idx", "index of entry ", Damage.INDEX),
    Cell(DATABASE, "archived", "minimum", "database file", Damage.INDEX),
    Cell(INDEX, "covered", "size", "index", Damage.INDEX),
    *(
        Cell(INDEX, "block", column, "index", Damage.INDEX)
        for column in ("first", "at", "kind", "actor", "target")
    ),
    *(
        Cell(INDEX, "block", column, "database file", Damage.INDEX)
        for column in ("at_max", "at_min")
    ),
    *(
        Cell(INDEX, "kind", column, "index of entry ", Damage.INDEX)
        for column in ("id", "type", "severity", "outcome")
    ),
    *(Cell(INDEX, "word", column, "index of entry ", Damage.INDEX) for column in ("id", "text")),
    *(Cell(INDEX, "member", column, "database file", Damage.INDEX) for column in ("word", "super")),
    *(
        Cell(INDEX, "hourly", column, "database file", Damage.INDEX)
        for column in ("hour", "kind", "events")
    ),
]
"""Every column but `head.one`, `covered.one` and `archived.one`, which can only be 1, and `head.fence`,
a counter of openings."""


@pytest.fixture
def tall_log(tmp_path: Path, small_blocks: None) -> Path:
    """The folder of a log with complete blocks and super-blocks, cited bytes, and two checkpoints."""
    folder = tmp_path / "log"
    cited = exhibit("evidence one")
    with open_sqlite_log(folder, SIGNER) as log:
        log.keep([event(n) for n in range(5)] + [event(5, cited)], [cited])
        for number in range(6, 19):
            log.append(event(number))
        log.publish()
        log.settle()
    assert verify(folder, VERIFIER).clean
    return folder


def changes(value: Any, stride: int) -> Iterator[Any]:
    """The value with one bit changed, in every `stride`th byte; text as bytes."""
    if isinstance(value, int):
        yield from (value ^ (1 << bit) for bit in range(0, 56, 8))
        return
    raw = value if isinstance(value, bytes) else value.encode()
    for at in range(0, len(raw), stride):
        for bit in (1, 128):
            yield raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]


def check_cells(folder: Path, cell: Cell, *, rows: int, stride: int) -> None:
    """Change a bit in every `stride`th byte of the first `rows` values of a column."""
    db = apsw.Connection(str(folder / cell.file))
    keys = ", ".join(row[1] for row in db.execute(f"PRAGMA table_info({cell.table})") if row[5])
    found = list(db.execute(f"SELECT {cell.column}, {keys} FROM {cell.table}"))
    text = db.execute(f"SELECT typeof({cell.column}) FROM {cell.table} LIMIT 1").get == "text"
    db.close()
    assert found
    done = 0
    for value, *row in found[:rows]:
        for new in changes(value, stride):
            done += check_change(folder, cell, keys, row, "CAST(? AS TEXT)" if text else "?", new)
    assert done


def check_change(
    folder: Path, cell: Cell, keys: str, row: list[Any], new_sql: str, new: Any
) -> bool:
    """Whether the database took the change; if so, it must be found in its place."""
    where = " AND ".join(f"{key} = ?" for key in keys.split(", "))
    sql = f"UPDATE {cell.table} SET {cell.column} = {new_sql} WHERE {where}"
    try:
        faults = faults_after(folder, lambda db: db.execute(sql, (new, *row)), cell.file)
    except apsw.ConstraintError:
        return False
    place = cell.place.format(row=row[0], new=new)
    assert faults, f"{cell} at {row}: a change to {new!r} went unseen"
    if cell.damage is Damage.INDEX:
        assert {fault.damage for fault in faults} == {Damage.INDEX}
        assert any(fault.place.startswith(place) for fault in faults), faults
    else:
        named = [fault.place for fault in faults if fault.damage is Damage.EVIDENCE]
        assert place in named[:2], faults
    return True


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_changed_byte_is_found_where_it_is(tall_log: Path, cell: Cell) -> None:
    check_cells(tall_log, cell, rows=2, stride=29)


@pytest.mark.long
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_every_changed_byte_is_found_where_it_is(tall_log: Path, cell: Cell) -> None:
    check_cells(tall_log, cell, rows=99, stride=1)


@pytest.mark.parametrize("column", ["level", "idx", "hash"])
def test_a_changed_tile_hash_is_found_in_its_tile(tmp_path: Path, column: str) -> None:
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        log.keep([event(number) for number in range(600)])
        log.settle()
    check_cells(
        tmp_path / "log", Cell(DATABASE, "node", column, "tile 1/0", Damage.INDEX), rows=2, stride=7
    )


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("DELETE FROM entry WHERE idx = 3", "entry 3"),
        ("DELETE FROM entry WHERE idx = 6", "checkpoint of size 7"),
        ("UPDATE entry SET idx = 9 WHERE idx = 6", "entry 6"),
        ("INSERT INTO entry VALUES (7, x'00', x'00')", "entry 7"),
        ("DELETE FROM checkpoint WHERE size = 7", "checkpoint of size 7"),
        ("DELETE FROM checkpoint", "checkpoint of size 7"),
        ("UPDATE head SET size = 6", "head"),
        ("UPDATE head SET note = NULL", "head"),
        ("DELETE FROM head", "head"),
        ("DROP TABLE cited", "database file"),
        ("DROP TABLE entry", "entry 0"),
    ],
)
def test_rows_that_go_come_or_move_are_found(small_log: Path, sql: str, place: str) -> None:
    fault = faults_after(small_log, lambda db: db.execute(sql))[0]
    assert (fault.place, fault.damage) == (place, Damage.EVIDENCE)


@pytest.mark.parametrize("table", ["event_id", "node"])
def test_projections_that_go_are_found(tmp_path: Path, table: str) -> None:
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        log.keep([event(number) for number in range(300)])
    faults = faults_after(tmp_path / "log", lambda db: db.execute(f"DELETE FROM {table}"))
    assert {fault.damage for fault in faults} == {Damage.INDEX}


@pytest.mark.parametrize("table", ["block", "kind", "word", "member", "hourly", "covered"])
def test_tables_of_the_index_that_go_are_found(tall_log: Path, table: str) -> None:
    for sql in (f"DELETE FROM {table}", f"DROP TABLE {table}"):
        faults = faults_after(tall_log, lambda db, sql=sql: db.execute(sql), INDEX)  # type: ignore[misc]
        assert {fault.damage for fault in faults} == {Damage.INDEX}


def test_missing_and_uncited_evidence_is_found(small_log: Path) -> None:
    faults = faults_after(small_log, lambda db: db.execute("DELETE FROM cited"))
    assert len(faults) == 2
    assert {fault.what for fault in faults} == {"is missing; cited by entry 4"}
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


@pytest.mark.parametrize("length", [0, 100, 9_000])
def test_an_index_file_that_is_cut_damages_no_evidence(tall_log: Path, length: int) -> None:
    path = tall_log / INDEX
    path.write_bytes(path.read_bytes()[:length])
    seen = verify(tall_log, VERIFIER)
    assert seen.size == 19
    assert seen.evidence_intact
    assert not seen.clean


def test_every_changed_byte_of_the_published_checkpoint_is_found(small_log: Path) -> None:
    path = small_log / PUBLISHED_CHECKPOINT
    raw = path.read_bytes()
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        faults = verify(small_log, VERIFIER).faults
        assert [fault.place for fault in faults] == ["the published checkpoint"]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE head SET size = 6", "has 7 entries but a head of size 6"),
        ("DELETE FROM entry WHERE idx = 6", "has 6 entries but a head of size 7"),
    ],
)
def test_a_log_with_a_wrong_head_takes_no_more_entries(
    small_log: Path, sql: str, what: str
) -> None:
    db = apsw.Connection(str(small_log / DATABASE))
    db.execute(sql)
    db.close()
    with pytest.raises(LogDamaged, match=what):
        open_sqlite_log(small_log, SIGNER)


def test_a_log_of_which_more_was_published_takes_no_more_entries(small_log: Path) -> None:
    """An older copy was put back: going on would sign a second history."""
    tree = CompactRange().append([leaf_hash(b"x")] * 9)
    note = sign_checkpoint(ORIGIN, 9, tree.root, KEY).note
    (small_log / PUBLISHED_CHECKPOINT).write_text(note)
    with pytest.raises(LogDamaged, match=r"More was published of .* than its 7 entries"):
        open_sqlite_log(small_log, SIGNER)
    assert (small_log / PUBLISHED_CHECKPOINT).read_text() == note


# Bytes of the files themselves


def rows_of(folder: Path) -> list[list[Any]] | None:
    """All rows of all tables; None if they cannot be read."""
    found = []
    try:
        for file in (DATABASE, INDEX):
            db = apsw.Connection(str(folder / file), flags=apsw.SQLITE_OPEN_READONLY)
            sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY 1"
            for name, schema in list(db.execute(sql)):
                found.append([name, schema, *db.execute(f"SELECT * FROM {name}")])
            db.close()
    except (apsw.Error, ValueError):
        return None
    return found


def flip_bytes(folder: Path, seed: int, count: int) -> tuple[int, int]:
    """Flip a bit of `count` random bytes of the log's files, one after the other.

    How many were found, and how many lay in space that is not used, so that nothing changed.
    """
    draw = random.Random(seed)  # noqa: S311
    before = rows_of(folder)
    files = [folder / DATABASE, folder / INDEX]
    sizes = [file.stat().st_size for file in files]
    found = unused = 0
    for _ in range(count):
        file = draw.choices(files, sizes)[0]
        at, bit = draw.randrange(file.stat().st_size), 1 << draw.randrange(8)
        flip(file, at, bit)
        seen = verify(folder, VERIFIER)
        if seen.clean:
            assert rows_of(folder) == before, f"{file.name} {at} {bit}: a change went unseen"
            unused += 1
        else:
            assert seen.faults[0].place
            if file.name == INDEX:
                assert seen.evidence_intact, f"{file.name} {at} {bit}: {seen.faults[0]}"
            found += 1
        for beside in folder.glob("*.sqlite-*"):
            beside.unlink()
        flip(file, at, bit)
    return found, unused


def flip(file: Path, at: int, bit: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(at)
        (old,) = stream.read(1)
        stream.seek(at)
        stream.write(bytes([old ^ bit]))


def test_random_bytes_of_the_files_are_found_or_change_nothing(tall_log: Path) -> None:
    found, unused = flip_bytes(tall_log, seed=1, count=250)
    assert found > 5
    assert unused > 50


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_random_bytes_of_a_large_log_are_found_or_change_nothing(tmp_path: Path) -> None:
    with open_sqlite_log(tmp_path / "log", SIGNER) as log:
        for first in range(0, 20_000, 1_000):
            log.keep([event(number) for number in range(first, first + 1_000)])
        log.settle()
    found, _ = flip_bytes(tmp_path / "log", seed=2, count=2_000)
    assert found > 1_000
