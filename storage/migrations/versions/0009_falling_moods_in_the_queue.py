"""Falling moods: a note in the operators' queue until somebody has seen it.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from storage.database.schema import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column and its index."""
    op.add_column(
        "check_in_settings", sa.Column("fell_waits_at", UtcDateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_check_in_settings_fell_waits_at",
        "check_in_settings",
        ["fell_waits_at"],
        sqlite_where=sa.text("fell_waits_at IS NOT NULL"),
        postgresql_where=sa.text("fell_waits_at IS NOT NULL"),
    )
