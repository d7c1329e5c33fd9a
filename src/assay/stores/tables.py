"""The tables of the records, in SQLAlchemy Core, and how an instant is stored.

SQLite drops the zone of a `DateTime`, so that what comes back is naive. `Instant` is the one type
for instants: aware in, UTC in the database, aware UTC out, on both backends.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, Column, DateTime, Dialect, Integer, MetaData, String, Table
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
