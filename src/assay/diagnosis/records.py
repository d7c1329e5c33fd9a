"""Looks at the records' database without making, changing or migrating it.

SQLite may put its own `-wal` and `-shm` files beside a database that it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from assay.errors import MissingExtra, StoreError
from assay.stores.records import SqlRecordStore, newest_revision, store_error

_CONNECT_SECONDS_MAX = 5


@dataclass(frozen=True, slots=True)
class RecordsLook:
    """Which schema the records have, which this assay needs, and whether their file is whole."""

    have: str | None
    want: str
    whole: bool


def look_at_records(url: str) -> RecordsLook | None:
    """What the records are like; None where there are none yet.

    Raises:
        StoreError: they cannot be reached or read.
        MissingExtra: the database's driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
            return None
        engine = _engine(parsed)
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError(
            "The URL of the records is not one of a database that assay knows.",
            next_step="Write it like postgresql://user@host/name, or leave it out for SQLite.",
        ) from error
    except ImportError as error:
        library = str(error.name)
        raise MissingExtra("A PostgreSQL store", extra="postgres", library=library) from error
    try:
        have = SqlRecordStore(engine).revision()
        return RecordsLook(have, newest_revision(), _is_whole(engine))
    finally:
        engine.dispose()


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        file = Path(url.database or "").absolute().as_uri()
        return create_engine(url.set(database=file, query={"mode": "ro", "uri": "true"}))
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return create_engine(url, connect_args={"connect_timeout": _CONNECT_SECONDS_MAX})


def _is_whole(engine: Engine) -> bool:
    if engine.dialect.name != "sqlite":
        return True
    try:
        with engine.connect() as connection:
            return connection.execute(text("PRAGMA quick_check(1)")).scalar() == "ok"
    except SQLAlchemyError as error:
        raise store_error(engine, error) from error
