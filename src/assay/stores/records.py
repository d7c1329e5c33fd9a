"""The records in a SQL database: SQLite in the workspace by default, PostgreSQL by URL.

One body for both backends, since what it does is plain SQL; the contract test runs it on each. The
schema is made and changed by Alembic only (`migrations/`), a new database at once, an old one by
`assay store migrate`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, delete, event, insert, inspect, select
from sqlalchemy.engine import Row, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from assay.atomic import make_folder
from assay.errors import DiskFull, MissingExtra, NotWritable, StoreError
from assay.stores import outbox
from assay.stores.interface import AssessmentRecord, KeptStep, WaitingEvent
from assay.stores.outbox import Change
from assay.stores.tables import assessment, kept_step
from assay.vocabulary import Event

_WRITES = "assay_writes"


class SqlRecordStore:
    """Records in a SQL database."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] | None = None) -> None:
        self._engine = engine
        self._clock = clock or _utc_now

    @contextmanager
    def change(self) -> Iterator[Change]:
        """One transaction: committed when the block ends, rolled back whole when it raises.

        On SQLite it is the only one that writes from its beginning, so that what it reads is still
        so when it writes.
        """
        with self._transaction(**{_WRITES: True}) as connection:
            yield Change(connection, self._clock())

    def add_assessment(self, record: AssessmentRecord, events: Sequence[Event] = ()) -> None:
        """Keep a record."""
        row = {name: getattr(record, name) for name in assessment.columns.keys()}  # noqa: SIM118
        with self.change() as change:
            change.execute(insert(assessment), row)
            for one in events:
                change.emit(one)

    def latest_assessment(self) -> AssessmentRecord | None:
        """The newest by instant, None if there is none."""
        found = self.assessments(limit=1)
        return found[0] if found else None

    def assessments(self, limit: int = 100) -> tuple[AssessmentRecord, ...]:
        """The newest first."""
        newest = assessment.c.as_of.desc(), assessment.c.log_index.desc()
        with self._transaction() as connection:
            rows = connection.execute(select(assessment).order_by(*newest).limit(limit))
            return tuple(AssessmentRecord(**row._mapping) for row in rows)

    def keep_steps(self, steps: tuple[KeptStep, ...], events: Sequence[Event] = ()) -> None:
        """Keep what these steps saw; a step kept before under the same key is replaced."""
        with self.change() as change:
            for step in steps:
                change.execute(delete(kept_step).where(kept_step.c.key == step.key))
                row = {"key": step.key, "kept_at": step.kept_at, "entries": list(step.entries)}
                change.execute(insert(kept_step), row)
            for one in events:
                change.emit(one)

    def kept_step(self, key: str) -> KeptStep | None:
        """What the step with this key saw, None if it was never kept."""
        with self._transaction() as connection:
            row = connection.execute(select(kept_step).where(kept_step.c.key == key)).first()
            return None if row is None else _kept_step(row)

    def forget_steps(self) -> int:
        """Forget every kept step; how many there were."""
        with self._transaction() as connection:
            return int(connection.execute(delete(kept_step)).rowcount)

    def waiting_events(self, limit: int = 500, *, after: int = 0) -> tuple[WaitingEvent, ...]:
        """Events that the outbox holds for the log, by number, from the one after `after` on."""
        with self._transaction() as connection:
            return outbox.waiting_events(connection, limit, after=after)

    def mark_delivered(self, indices: Mapping[int, int]) -> None:
        """Note the log's index of each of these, by number in the outbox; their bytes are removed."""
        with self._transaction(**{_WRITES: True}) as connection:
            outbox.mark_delivered(connection, indices)

    def delivered_index(self, event_id: str) -> int | None:
        """The index of the event's entry; None while it waits, or if there is no such event."""
        with self._transaction() as connection:
            return outbox.delivered_index(connection, event_id)

    def revision(self) -> str | None:
        """The revision of the schema that the database has, None if it has none."""
        with self._transaction() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def close(self) -> None:
        """Release the connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, **options: bool) -> Iterator[Connection]:
        try:
            with self._engine.execution_options(**options).begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise store_error(self._engine, error) from error


def open_store(url: str) -> SqlRecordStore:
    """The records at this URL; a database without any schema gets today's.

    Raises:
        StoreError: it cannot be reached, or its schema is older or newer than this assay's.
        MissingExtra: the database's driver is not installed.
        NotWritable: the folder of a SQLite file cannot be made.
    """
    engine = _engine(url)
    store = SqlRecordStore(engine)
    try:
        _bring_up(engine)
        have, want = store.revision(), newest_revision()
        if have != want:
            raise StoreError(
                f"The records at {_shown(engine)} have schema {have}, this assay needs {want}.",
                next_step="Run `assay store migrate`.",
            )
    except BaseException:
        store.close()
        raise
    return store


def _bring_up(engine: Engine) -> None:
    try:
        empty = not inspect(engine).get_table_names()
    except SQLAlchemyError as error:
        raise store_error(engine, error) from error
    if empty:
        migrate(engine)


def migrate_store(url: str) -> tuple[str | None, str]:
    """Bring the records at this URL to today's schema; the revision before and after.

    Raises:
        StoreError, MissingExtra, NotWritable
    """
    engine = _engine(url)
    store = SqlRecordStore(engine)
    try:
        before = store.revision()
        migrate(engine)
        return before, newest_revision()
    finally:
        store.close()


def migrate(engine: Engine) -> None:
    """Bring a database to today's schema, in one transaction."""
    config = _alembic_config()
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise store_error(engine, error) from error
    except CommandError as error:
        raise StoreError(
            f"The records at {_shown(engine)} have a schema that this assay does not know.",
            next_step="A newer assay made it: install that one, or restore your copy.",
        ) from error


def newest_revision() -> str:
    """The revision that this assay's tables have."""
    head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
    assert head is not None  # noqa: S101 - the first migration is in the package
    return head


def store_error(engine: Engine, error: SQLAlchemyError) -> StoreError | DiskFull | NotWritable:
    """What a database's refusal is called; never with a value or a password in it."""
    original = getattr(error, "orig", None)
    reason = str(original or error).partition("\n")[0]
    if isinstance(error, IntegrityError):
        return StoreError("A record with this id is kept already.")
    if "disk is full" in reason or "No space left" in reason:
        return DiskFull(
            f"No space is left for the records at {_shown(engine)}.",
            next_step="Free some space and run it again; what was kept is safe.",
        )
    if "readonly database" in reason or "unable to open" in reason:
        return NotWritable(
            f"The records at {_shown(engine)} cannot be written ({reason}).",
            next_step="Check the folder's owner and mode.",
        )
    return StoreError(
        f"The records at {_shown(engine)} cannot be used ({reason}).",
        next_step="`assay doctor` says more.",
    )


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            make_folder(Path(parsed.database).parent)
            Path(parsed.database).touch(mode=0o600)
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError(
            "The URL of the records is not one of a database that assay knows.",
            next_step="Write it like postgresql://user@host/name, or leave it out for SQLite.",
        ) from error
    except ImportError as error:
        raise MissingExtra(
            "A PostgreSQL store", extra="postgres", library=str(error.name)
        ) from error
    except OSError as error:
        raise NotWritable(
            f"The file of the records cannot be made ({error.strerror}).",
            next_step="Check the folder's owner and mode.",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _durable)
        event.listen(engine, "begin", _begin)
    return engine


def _durable(connection: sqlite3.Connection, _record: object) -> None:
    """Syncs every commit, and leaves it to `_begin` where a transaction starts.

    Python's driver would commit before every CREATE TABLE, so that a migration could end halfway.
    """
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # What is deleted is overwritten: an event that was delivered leaves no copy behind.
    connection.execute("PRAGMA secure_delete = ON")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", "assay.stores:migrations")
    return config


def _kept_step(row: Row[tuple[str, object, object]]) -> KeptStep:
    values = row._mapping
    return KeptStep(values["key"], values["kept_at"], tuple(values["entries"]))
