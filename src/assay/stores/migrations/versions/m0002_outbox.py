"""The outbox: events that are committed with a record's change, until the log has them.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from assay.stores.tables import Instant, Number

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("number", Number, primary_key=True, autoincrement=True),
        sa.Column("event_id", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=True),
        sa.Column("delivered_index", sa.BigInteger, nullable=True),
        sqlite_autoincrement=True,
    )
    waits = sa.text("delivered_index IS NULL")
    op.create_index(
        "ix_outbox_waiting", "outbox", ["number"], sqlite_where=waits, postgresql_where=waits
    )


def downgrade() -> None:
    op.drop_table("outbox")
