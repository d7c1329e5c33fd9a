"""What every store of records promises, whatever the database."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, insert, inspect, text

from assay.errors import NotWritable, StoreError
from assay.stores.interface import AssessmentRecord, KeptStep
from assay.stores.records import SqlRecordStore, migrate_store, newest_revision, open_store
from assay.stores.tables import assessment, metadata

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def record(number: int) -> AssessmentRecord:
    """An assessment, one minute after the one before."""
    at = NOON + timedelta(minutes=number)
    return AssessmentRecord(f"a{number}", at, "quick", number, "finished", number * 10)


def test_an_assessment_comes_back_as_it_was(store: SqlRecordStore) -> None:
    store.add_assessment(record(1))
    assert store.latest_assessment() == record(1)


def test_an_instant_of_another_zone_comes_back_in_utc(store: SqlRecordStore) -> None:
    local = NOON.astimezone(timezone(timedelta(hours=9)))
    store.keep_steps((KeptStep("k", local, ()),))
    kept = store.kept_step("k")
    assert kept is not None
    assert kept.kept_at == NOON
    assert kept.kept_at.tzinfo is UTC


def test_an_instant_without_a_zone_is_refused(store: SqlRecordStore) -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(StoreError, match="without a zone"):
        store.keep_steps((KeptStep("k", naive, ()),))


def test_assessments_come_newest_first(store: SqlRecordStore) -> None:
    assert store.latest_assessment() is None
    for number in (2, 1, 3):
        store.add_assessment(record(number))
    assert store.assessments() == (record(3), record(2), record(1))
    assert store.assessments(limit=1) == (record(3),)


def test_a_second_record_with_the_same_id_is_refused(store: SqlRecordStore) -> None:
    store.add_assessment(record(1))
    with pytest.raises(StoreError, match="kept already"):
        store.add_assessment(record(1))
    assert store.assessments() == (record(1),)


def test_a_step_is_kept_replaced_and_forgotten(store: SqlRecordStore) -> None:
    assert store.kept_step("k") is None
    store.keep_steps((KeptStep("k", NOON, (1,)), KeptStep("l", NOON, ())))
    store.keep_steps((KeptStep("k", NOON, (2, 3)),))
    assert store.kept_step("k") == KeptStep("k", NOON, (2, 3))
    assert store.forget_steps() == 2
    assert store.kept_step("k") is None


def test_a_batch_with_one_bad_step_keeps_nothing(store: SqlRecordStore) -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(StoreError):
        store.keep_steps((KeptStep("k", NOON, ()), KeptStep("l", naive, ())))
    assert store.kept_step("k") is None


def test_what_is_kept_is_there_after_reopening(url: str) -> None:
    first = open_store(url)
    first.add_assessment(record(1))
    first.close()
    second = open_store(url)
    assert second.latest_assessment() == record(1)
    second.close()


def test_the_migrations_make_the_tables_of_the_code(url: str) -> None:
    open_store(url).close()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_another_schema_is_refused_until_migrated(url: str) -> None:
    open_store(url).close()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE outbox"))
        connection.execute(text("DROP TABLE kept_step"))
        connection.execute(text("DROP TABLE assessment"))
        connection.execute(text("DELETE FROM alembic_version"))
    engine.dispose()
    with pytest.raises(StoreError, match="store migrate"):
        open_store(url)
    assert migrate_store(url) == (None, newest_revision())
    open_store(url).close()


def test_a_store_of_the_first_schema_keeps_its_records_through_migration(url: str) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    config = Config()
    config.set_main_option("script_location", "assay.stores:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            insert(assessment), {**asdict(record(1)), "as_of": NOON + timedelta(minutes=1)}
        )
    engine.dispose()
    with pytest.raises(StoreError, match="schema 0001, this assay needs"):
        open_store(url)
    assert migrate_store(url) == ("0001", newest_revision())
    store = open_store(url)
    assert store.latest_assessment() == record(1)
    assert store.waiting_events() == ()
    store.close()


def test_a_migration_that_fails_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    def no_more(*_: object, **__: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_index", no_more)
        with pytest.raises(OSError, match="no space left"):
            open_store(url)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    engine.dispose()
    open_store(url).close()


@pytest.mark.parametrize("bad", ["nonsense", "oracle+nothing://x/y", "postgresql://"])
def test_a_url_of_no_database_is_named(bad: str) -> None:
    with pytest.raises(StoreError):
        open_store(bad)


def test_a_password_is_never_in_an_error() -> None:
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://user:hunter2@127.0.0.1:1/none?connect_timeout=1")
    assert "hunter2" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_named() -> None:
    with pytest.raises(NotWritable):
        open_store("sqlite:////proc/nowhere/records.sqlite")
