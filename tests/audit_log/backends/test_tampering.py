"""Whoever has the database changes it: each change is found, and where it is, on every backend."""

from __future__ import annotations

import random
from typing import Any

import pytest

from assay.audit_log.backends.postgres import open_postgres_store
from assay.audit_log.entry import prepare
from assay.audit_log.interface import Damage, Fault
from assay.audit_log.merkle import CompactRange, leaf_hash
from tests.audit_log.backends.stored_logs import (
    SIGNER,
    TWO,
    VERIFIER,
    PostgresLog,
    StoredLog,
    append,
    event,
    small_log,
)

FLIPS = 12
"""Bytes that are changed of each column in the quick run."""


@pytest.fixture
def stored(log: StoredLog) -> StoredLog:
    small_log(log)
    assert log.verify().faults == ()
    return log


def faults_after(log: StoredLog, *statements: str) -> tuple[Fault, ...]:
    for statement in statements:
        log.change(statement)
    return log.verify().faults


@pytest.mark.parametrize(
    ("statements", "place"),
    [
        (["DELETE FROM entry WHERE idx = 3"], "entry 3"),
        (["DELETE FROM entry WHERE idx = 6"], "checkpoint of size 7"),
        (["DELETE FROM entry"], "checkpoint of size 3"),
        (["UPDATE entry SET idx = 9 WHERE idx = 6"], "entry 6"),
        (
            [
                "UPDATE entry SET idx = 99 WHERE idx = 3",
                "UPDATE entry SET idx = 3 WHERE idx = 4",
                "UPDATE entry SET idx = 4 WHERE idx = 99",
            ],
            "checkpoint of size 5",
        ),
        (["INSERT INTO entry SELECT 7, bytes, leaf_hash FROM entry WHERE idx = 0"], "head"),
        (["UPDATE head SET size = 6"], "head"),
        (["UPDATE head SET note = NULL"], "head"),
        (["DELETE FROM head"], "head"),
        (["UPDATE head SET note = (SELECT note FROM checkpoint WHERE size = 5)"], "head"),
        (["UPDATE checkpoint SET size = 4 WHERE size = 5"], "checkpoint of size 4"),
        (["DROP TABLE cited"], "database"),
    ],
    ids=lambda value: value[0][:50] if isinstance(value, list) else "",
)
def test_rows_that_go_come_or_move_are_found(
    stored: StoredLog, statements: list[str], place: str
) -> None:
    found = faults_after(stored, *statements)[0]
    assert found.place.removesuffix(" file") == place
    assert found.damage is Damage.EVIDENCE


def test_an_entry_put_back_with_its_leaf_hash_is_found_by_the_checkpoint(
    stored: StoredLog,
) -> None:
    data = prepare(event(77)).data
    sql = "UPDATE entry SET bytes = ?, leaf_hash = ? WHERE idx = 4"
    stored.change(sql, data, leaf_hash(data))
    first = stored.verify().faults[0]
    assert first.place == "checkpoint of size 5"
    assert "look at 3 to 4" in first.what


def test_missing_and_uncited_evidence_is_found(stored: StoredLog) -> None:
    found = faults_after(stored, "DELETE FROM cited")
    assert [one.what for one in found] == ["is missing; cited by entry 4"] * 2
    stored.change("INSERT INTO cited VALUES ('sha256:00', 'text/plain', ?)", b"x")
    assert "is cited by no entry" in {one.what for one in stored.verify().faults}


def test_a_published_checkpoint_that_is_gone_cut_or_forged_is_found(stored: StoredLog) -> None:
    note = stored.rows("SELECT note FROM checkpoint WHERE size = 7")[0][0]
    for other in (None, note[:-9], note.replace("\n7\n", "\n8\n"), "not a note"):
        stored.publish_in_place(other)
        assert [one.place for one in stored.verify().faults] == ["the published checkpoint"]
    stored.publish_in_place(note)
    assert stored.verify().clean


def rewritten(log: StoredLog) -> None:
    """Entry 4 is another one, and everything is signed again with the log's own key."""
    data = prepare(event(4, detail={"number": 4, "edited": True})).data
    leaves = [bytes(row[0]) for row in log.rows("SELECT leaf_hash FROM entry ORDER BY idx")]
    leaves[4] = leaf_hash(data)
    log.change("UPDATE entry SET bytes = ?, leaf_hash = ? WHERE idx = 4", data, leaves[4])
    log.change("DELETE FROM cited WHERE digest = ?", TWO.digest)
    for (size,) in log.rows("SELECT size FROM checkpoint"):
        note = SIGNER.head(CompactRange().append(leaves[:size]))
        log.change("UPDATE checkpoint SET note = ? WHERE size = ?", note, size)
    tree = CompactRange().append(leaves)
    subtrees = b"".join(tree.subtrees)
    log.change("UPDATE head SET subtrees = ?, note = ?", subtrees, SIGNER.head(tree))
    log.publish_in_place(SIGNER.head(tree))


def test_a_rewritten_and_signed_log_is_caught_by_a_checkpoint_kept_elsewhere(
    stored: StoredLog,
) -> None:
    retained = [str(row[0]) for row in stored.rows("SELECT note FROM checkpoint ORDER BY size")]
    rewritten(stored)
    assert stored.verify().clean
    assert stored.verify(retained[0]).clean
    found = stored.verify(*retained).faults
    assert [one.place for one in found] == ["retained checkpoint 2", "retained checkpoint 3"]


def test_tile_hashes_ids_and_their_order_are_projections(log: StoredLog) -> None:
    store = log.store()
    append(store, [event(number) for number in range(600)])
    assert store.settle(30)
    store.close()
    for statement, place in (
        ("DELETE FROM node WHERE idx = 1", "tile 1/0"),
        ("UPDATE event_id SET idx = 598 WHERE idx = 300", "index of entry 300"),
        ("DELETE FROM event_id WHERE idx = 2", "index of entry 2"),
    ):
        first = faults_after(log, statement)
        assert place in {one.place for one in first}
        assert {one.damage for one in first} == {Damage.INDEX}
    assert log.verify().evidence_intact


# Bytes

EVIDENCE = [
    ("entry", "idx", "bytes", "entry {}"),
    ("entry", "idx", "leaf_hash", "entry {}"),
    ("cited", "digest", "bytes", "evidence {}"),
    ("cited", "digest", "media_type", "evidence {}"),
    ("checkpoint", "size", "note", "checkpoint of size {}"),
    ("head", "one", "subtrees", "head"),
    ("head", "one", "note", "head"),
]
INDEX = [
    ("event", "idx", "kind", "index of entry {}"),
    ("event", "idx", "actor", "index of entry {}"),
    ("event", "idx", "target", "index of entry {}"),
    ("event_id", "idx", "key", "index of entry {}"),
    ("word", "key", "text", ""),
    ("word", "key", "key", ""),
    ("kind", "key", "outcome", ""),
    ("kind", "key", "type", ""),
]


def flipped(value: Any, at: int) -> Any:
    """The value with one bit of one byte changed; text stays text."""
    raw = bytearray(value if isinstance(value, bytes) else value.encode())
    raw[at] ^= 0x40 if isinstance(value, bytes) else 1
    return bytes(raw) if isinstance(value, bytes) else raw.decode("utf-8", "replace")


def check_flips(log: StoredLog, cell: tuple[str, str, str, str], most: int | None) -> None:
    """Change bytes of a column, one at a time; `most` of them, or all."""
    table, key, column, place = cell
    values = log.rows(f"SELECT {key}, {column} FROM {table}")
    places = [
        (name, value, at)
        for name, value in values
        for at in range(len(value if isinstance(value, bytes) else value.encode()))
    ]
    assert places
    chosen = random.Random(1).sample(places, min(most or len(places), len(places)))  # noqa: S311
    for name, value, at in chosen:
        changed = flipped(value, at)
        there = changed if key == column else name
        log.change(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", changed, name)
        faults = log.verify().faults
        log.change(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", value, there)
        assert faults, f"byte {at} of {table}.{column} at {name} went unseen"
        if place:
            assert place.format(name) in {one.place for one in faults}
    assert log.verify().faults == ()


@pytest.mark.parametrize("cell", EVIDENCE, ids="{0[0]}.{0[2]}".format)
def test_a_changed_byte_is_found_where_it_is(
    stored: StoredLog, cell: tuple[str, str, str, str]
) -> None:
    check_flips(stored, cell, FLIPS)


@pytest.mark.long
@pytest.mark.parametrize("cell", EVIDENCE, ids="{0[0]}.{0[2]}".format)
def test_every_changed_byte_is_found_where_it_is(
    stored: StoredLog, cell: tuple[str, str, str, str]
) -> None:
    check_flips(stored, cell, None)


@pytest.mark.parametrize("cell", INDEX, ids="{0[0]}.{0[2]}".format)
def test_a_changed_byte_of_the_index_is_index_damage(
    pg_log: PostgresLog, cell: tuple[str, str, str, str]
) -> None:
    small_log(pg_log)
    check_flips(pg_log, cell, FLIPS)


@pytest.mark.long
@pytest.mark.parametrize("cell", INDEX, ids="{0[0]}.{0[2]}".format)
def test_every_changed_byte_of_the_index_is_index_damage(
    pg_log: PostgresLog, cell: tuple[str, str, str, str]
) -> None:
    small_log(pg_log)
    check_flips(pg_log, cell, None)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM event WHERE idx = 4",
        "UPDATE event SET occurred_at = occurred_at + 1 WHERE idx = 4",
        "UPDATE event SET idx = 7 WHERE idx = 4",
        "UPDATE event SET actor = target WHERE idx = 4",
    ],
)
def test_index_rows_that_go_move_or_lie_are_found(pg_log: PostgresLog, statement: str) -> None:
    small_log(pg_log)
    found = faults_after(pg_log, statement)
    assert found[0].place == "index of entry 4"
    assert {one.damage for one in found} == {Damage.INDEX}


def test_a_damaged_index_is_made_again_from_the_entries(pg_log: PostgresLog) -> None:
    store = open_postgres_store(pg_log.url, VERIFIER)
    append(store, [event(number) for number in range(600)])
    for statement in (
        "DELETE FROM node WHERE idx = 1",
        "UPDATE event_id SET idx = 598 WHERE idx = 300",
        "DELETE FROM event_id WHERE idx < 9",
        "DELETE FROM event WHERE idx < 9",
        "UPDATE event SET actor = target WHERE idx > 500",
        "UPDATE word SET text = text || text",
        "UPDATE kind SET severity = 4",
    ):
        pg_log.change(statement)
    assert not pg_log.verify().clean
    done: list[int] = []
    store.make_projections_again(done.append)
    assert done == [600]
    assert pg_log.verify().clean
    assert append(store, [event(600), event(4)]).indices == ((600, 4),)
    store.close()
