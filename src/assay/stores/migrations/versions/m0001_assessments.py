"""Assessments, and what their steps saw.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

from assay.stores.tables import Instant

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "assessment",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("as_of", Instant, nullable=False),
        sa.Column("depth", sa.String(16), nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("log_index", sa.Integer, nullable=False),
    )
    op.create_index("ix_assessment_as_of", "assessment", ["as_of"])
    op.create_table(
        "kept_step",
        sa.Column("key", sa.String(80), primary_key=True),
        sa.Column("kept_at", Instant, nullable=False),
        sa.Column("entries", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("kept_step")
    op.drop_table("assessment")
