"""The log in PostgreSQL: URLs, roles, refusals of the server, and what the pages say of it."""

from __future__ import annotations

import os
import pickle
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from assay.audit_log.backends._postgres_rows import kind_key, stored_id, word_key
from assay.audit_log.backends._postgres_schema import SCHEMA
from assay.audit_log.backends.postgres import open_postgres_store
from assay.audit_log.backends.postgres_reader import PostgresLogReader
from assay.audit_log.backends.postgres_session import Patience, place_of
from assay.audit_log.entry import prepare
from assay.audit_log.interface import Damage
from assay.audit_log.merkle import CompactRange
from assay.audit_log.notes import VerifierKey
from assay.errors import (
    DiskFull,
    LogBusy,
    LogDamaged,
    LogError,
    LogUnreachable,
    MissingExtra,
    SettingsError,
)
from tests.audit_log.backends import servers
from tests.audit_log.backends.conftest import schema_on
from tests.audit_log.backends.stored_logs import (
    ONE,
    SIGNER,
    VERIFIER,
    PostgresLog,
    append,
    event,
    small_log,
    unit,
)

DOCS = Path(__file__).parents[3] / "docs"
SECRET = "hunter2-is-the-password"


# Where it is


@pytest.mark.parametrize(
    ("url", "name", "schema"),
    [
        ("postgresql://a@db.example.org/x", "db.example.org/x, schema assay_log", "assay_log"),
        ("postgres://db/x?schema=tenant_7", "db/x, schema tenant_7", "tenant_7"),
        ("postgresql+psycopg://db/x", "db/x, schema assay_log", "assay_log"),
        ("postgresql:///x?host=/run/pg&schema=l", "/run/pg/x, schema l", "l"),
    ],
)
def test_a_url_says_server_database_and_schema(url: str, name: str, schema: str) -> None:
    place = place_of(url)
    assert (place.name, place.schema) == (name, schema)
    assert "schema=" not in place.conninfo


def test_other_options_and_the_password_reach_libpq() -> None:
    parts = psycopg.conninfo.conninfo_to_dict(
        place_of(f"postgresql://a:{SECRET}@h/x?sslmode=verify-full&keepalives_idle=5").conninfo
    )
    assert parts["password"] == SECRET
    assert parts["sslmode"] == "verify-full"
    assert parts["keepalives_idle"] == "5"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite:///log.sqlite",
        "host=db dbname=x",
        f"mysql://a:{SECRET}@db/x",
        f"postgresql://a:{SECRET}@db:nonsense:1/x?nonsense=1",
        f"postgresql://a:{SECRET}@db/x?schema=",
        f"postgresql://a:{SECRET}@db/x?schema=Tenant",
        f"postgresql://a:{SECRET}@db/x?schema=a%22%3B%20DROP",
        f"postgresql://a:{SECRET}@db/x?schema={'a' * 64}",
    ],
)
def test_a_malformed_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as told:
        place_of(url)
    assert SECRET not in str(told.value)


def test_the_password_is_in_no_message_and_no_repr() -> None:
    url = f"postgresql://a:{SECRET}@127.0.0.1:1/x"
    with pytest.raises(LogUnreachable, match=r"127\.0\.0\.1/x") as told:
        open_postgres_store(url, VERIFIER, Patience(connect_seconds=2))
    assert SECRET not in str(told.value)
    assert SECRET not in repr(place_of(url))
    with pytest.raises(TypeError):
        pickle.dumps(place_of(url))


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"assay\[postgres\]"):
        open_postgres_store("postgresql://db/x", VERIFIER)


# What is refused


def test_there_must_be_a_log_to_read(pg_log: PostgresLog) -> None:
    with pytest.raises(LogError, match="There is no log"):
        PostgresLogReader(pg_log.url, VERIFIER)
    with pytest.raises(LogError, match="There is no log"):
        pg_log.verify()
    assert not pg_log.rows(f"SELECT 1 FROM pg_namespace WHERE nspname = '{pg_log.schema}'")


def test_the_log_of_another_key_is_refused(pg_log: PostgresLog) -> None:
    small_log(pg_log)
    other = VerifierKey("example.com/other", VERIFIER.public_bytes)
    for opened in (open_postgres_store, PostgresLogReader):
        with pytest.raises(LogError, match=r"is the log example\.com/log, not example\.com/other"):
            opened(pg_log.url, other)


def test_another_version_is_refused(pg_log: PostgresLog) -> None:
    small_log(pg_log)
    pg_log.change("UPDATE about SET version = 9")
    with pytest.raises(LogError, match="has version 9"):
        pg_log.store()


@pytest.mark.skipif(not servers.PROGRAMS, reason="no PostgreSQL is installed on this machine")
def test_a_server_that_does_not_sync_or_hold_utf_8_is_refused() -> None:
    with servers.of_the_machine("fsync=off") as url, pytest.raises(LogError, match="fsync = off"):
        open_postgres_store(url, VERIFIER)
    with servers.of_the_machine() as url, psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        with pytest.raises(LogError, match="does not hold UTF-8"):
            open_postgres_store(url.replace("/postgres?", "/latin?"), VERIFIER)


def test_whatever_the_database_defaults_to_commits_are_synced(pg_log: PostgresLog) -> None:
    option = "options=-c%20synchronous_commit%3Doff"
    store = open_postgres_store(f"{pg_log.url}&{option}", VERIFIER)
    with store._writing.transaction() as work:
        assert work.rows("SHOW synchronous_commit") == [("on",)]
        assert work.rows("SHOW search_path") == [(f'"{pg_log.schema}", pg_temp',)] or work.rows(
            "SHOW search_path"
        ) == [(f"{pg_log.schema}, pg_temp",)]
    store.close()


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("53100", DiskFull),
        ("40001", LogBusy),
        ("40P01", LogBusy),
        ("XX001", LogDamaged),
        ("42501", LogError),
        ("22000", LogError),
    ],
)
@pytest.mark.parametrize("when", ["AFTER INSERT ON entry", "at commit"])
def test_a_refusal_of_the_server_has_a_name_and_nothing_is_written(
    pg_log: PostgresLog, state: str, error: type[LogError], when: str
) -> None:
    small_log(pg_log)
    deferred = when == "at commit"
    pg_log.change(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'refused {SECRET}' USING ERRCODE = '{state}'; END $$"
    )
    pg_log.change(
        f"CREATE {'CONSTRAINT ' if deferred else ''}TRIGGER refuse AFTER INSERT ON entry"
        f" {'DEFERRABLE INITIALLY DEFERRED' if deferred else ''}"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    store = pg_log.store()
    with pytest.raises(error) as told:
        store.commit([unit([event(7)], [ONE])], SIGNER.head)
    assert type(told.value) is error
    assert SECRET not in str(told.value)
    assert store.recover().size == 7
    pg_log.change("DROP TRIGGER refuse ON entry")
    assert append(store, [event(7)]).indices == ((7,),)
    store.close()
    assert pg_log.verify().clean


# A head that is not what it should be


def test_a_head_that_the_key_did_not_sign_is_not_carried_on_from(pg_log: PostgresLog) -> None:
    small_log(pg_log)
    store = pg_log.store()
    tree = CompactRange().append([prepare(event(77)).leaf])
    subtrees = b"".join(tree.subtrees)
    size, old, note = pg_log.rows("SELECT size, subtrees, note FROM head")[0]
    for changed in (
        (1, subtrees, note),
        (size, subtrees * 3, note),
        (size, old, None),
        (size, old[:-1], note),
        (8, subtrees, "not a note"),
        (0, b"", None),
    ):
        pg_log.change("UPDATE head SET size = ?, subtrees = ?, note = ?", *changed)
        if changed[:2] != (size, old):
            with pytest.raises(LogDamaged):
                store.commit([unit([event(7)])], SIGNER.head)
        with pytest.raises(LogDamaged):
            pg_log.store()
    pg_log.change("UPDATE head SET size = ?, subtrees = ?, note = ?", size, old, note)
    assert append(store, [event(7)]).indices == ((7,),)
    pg_log.change("DELETE FROM head")
    with pytest.raises(LogDamaged):
        store.commit([unit([event(8)])], SIGNER.head)
    store.close()


def test_a_database_that_went_back_is_refused_by_who_saw_it_ahead(pg_log: PostgresLog) -> None:
    store = pg_log.store()
    append(store, [event(0)])
    before = pg_log.rows("SELECT size, subtrees, note FROM head")[0]
    append(store, [event(1)])
    for table in ("entry", "event", "event_id"):
        pg_log.change(f"DELETE FROM {table} WHERE idx = 1")
    pg_log.change("UPDATE head SET size = ?, subtrees = ?, note = ?", *before)
    for _ in range(2):
        with pytest.raises(LogDamaged, match="went back"):
            store.commit([unit([event(2)])], SIGNER.head)
        with pytest.raises(LogDamaged, match="went back"):
            store.recover()
    store.close()


def test_entries_beyond_the_head_stop_the_writer(pg_log: PostgresLog) -> None:
    small_log(pg_log)
    store = pg_log.store()
    pg_log.change("INSERT INTO entry SELECT 7, bytes, leaf_hash FROM entry WHERE idx = 0")
    with pytest.raises(LogDamaged):
        store.commit([unit([event(7)])], SIGNER.head)
    store.close()


# Indices


@pytest.fixture
def checkable(request: pytest.FixtureRequest) -> Iterator[PostgresLog]:
    """A place for a log on a server that has `amcheck`, as the machine's own may have."""
    server: str = request.getfixturevalue(servers.NAMES[-1].replace("-", "_"))
    with psycopg.connect(server) as db:
        found = db.execute("SELECT name FROM pg_available_extensions WHERE name = 'amcheck'")
        if not found.fetchone():
            pytest.skip("this server has no amcheck")
        db.execute("CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA public")
    yield from schema_on(server)


@pytest.mark.skipif(bool(servers.OVERRIDE), reason="the server belongs to somebody else")
def test_a_b_tree_that_lacks_a_row_is_index_damage(checkable: PostgresLog) -> None:
    pg_log = checkable
    small_log(pg_log)
    assert pg_log.verify().clean
    ready = "UPDATE pg_index SET indisready = ? WHERE indexrelid = 'event_by_time'::regclass"
    pg_log.change(ready, False)
    store = pg_log.store()
    append(store, [event(7)])
    store.close()
    pg_log.change(ready, True)
    found = pg_log.verify()
    assert [(one.what, one.damage) for one in found.faults] == [
        ("the index event_by_time does not fit its table", Damage.INDEX)
    ]
    assert found.evidence_intact


# Roles


@pytest.fixture
def writer(pg_log: PostgresLog) -> Iterator[str]:
    """The URL of a log, used in the role that the page says."""
    small_log(pg_log)
    page = (DOCS / "how-to" / "log-on-postgresql.md").read_text("utf-8")
    (grants,) = re.findall("```sql\n(.*?)```", page, re.DOTALL)
    roles = {name: f"{name}_{pg_log.schema}" for name in ("assay_writer", "assay_auditor")}
    for name, role in roles.items():
        grants = grants.replace(name, role)
    with psycopg.connect(pg_log.server) as db:
        db.execute(grants.replace("assay_log", pg_log.schema))
    yield f"{pg_log.url}&options=-c%20role%3D{roles['assay_writer']}"
    with psycopg.connect(pg_log.server) as db:
        for role in roles.values():
            db.execute(f"DROP OWNED BY {role}")
            db.execute(f"DROP ROLE {role}")


def test_the_role_of_the_page_can_append_and_publish(writer: str, pg_log: PostgresLog) -> None:
    store = open_postgres_store(writer, VERIFIER)
    assert append(store, [event(7, ONE), event(3)], [ONE]).indices == ((7, 3),)
    store.close()
    assert pg_log.verify().clean


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE entry SET bytes = '' WHERE idx = 3",
        "DELETE FROM entry WHERE idx = 3",
        "TRUNCATE entry",
        "DELETE FROM checkpoint",
        "UPDATE cited SET bytes = ''",
        "DROP TABLE entry",
    ],
)
def test_the_role_of_the_page_cannot_change_what_is_there(writer: str, sql: str) -> None:
    store = open_postgres_store(writer, VERIFIER)
    with pytest.raises(LogError, match="The role may not"), store._writing.transaction() as work:
        work.execute(sql)
    store.close()


def test_a_role_without_rights_is_told(writer: str, pg_log: PostgresLog) -> None:
    pg_log.change(f"REVOKE ALL ON SCHEMA {pg_log.schema} FROM assay_writer_{pg_log.schema}")
    with pytest.raises(LogError, match="The role may not"):
        open_postgres_store(writer, VERIFIER)


# A fork


def test_a_child_makes_a_connection_of_its_own(pg_log: PostgresLog) -> None:
    small_log(pg_log)
    reader = pg_log.reader()
    expected = reader.entry(3)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, b"same" if reader.entry(3) == expected else b"not")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 9) == b"same"
    assert reader.entry(3) == expected
    reader.close()
    os.close(read)
    os.close(write)


# The pages


def test_the_page_has_the_tables_as_they_are() -> None:
    page = (DOCS / "formats" / "log-postgresql.md").read_text("utf-8")
    (tables,) = re.findall("```sql\n(.*?)```", page, re.DOTALL)
    assert tables.strip() == SCHEMA.strip()


def test_the_page_has_the_keys_as_they_are() -> None:
    page = (DOCS / "formats" / "log-postgresql.md").read_text("utf-8")
    for expected in (
        kind_key("note", 1, "success"),
        word_key("actor:000102030405060708090a0b0c0d0e0f"),
        word_key("system:clinic"),
        stored_id("00000000-0000-4000-8000-000000000000")[0],
        stored_id("order 17")[0],
    ):
        assert f"| `{expected.hex()}` |" in page
