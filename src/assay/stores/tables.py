"""The tables of the records, in SQLAlchemy Core, and how an instant is stored.

SQLite drops the zone of a `DateTime`, so that what comes back is naive. `Instant` is the one type
for instants: aware in, UTC in the database, aware UTC out, on both backends.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse what has no zone; give UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back that SQLite dropped."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Number = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives; SQLite gives them to its own INTEGER only."""

metadata = MetaData()

assessment = Table(
    "assessment",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("as_of", Instant, nullable=False, index=True),
    Column("depth", String(16), nullable=False),
    Column("seed", Integer, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("log_index", Integer, nullable=False),
)

kept_step = Table(
    "kept_step",
    metadata,
    Column("key", String(80), primary_key=True),
    Column("kept_at", Instant, nullable=False),
    Column("entries", JSON, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("event_id", String(64), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("payload", LargeBinary, nullable=True),
    Column("delivered_index", BigInteger, nullable=True),
    sqlite_autoincrement=True,
)
_WAITS = text("delivered_index IS NULL")
Index("ix_outbox_waiting", outbox.c.number, sqlite_where=_WAITS, postgresql_where=_WAITS)
