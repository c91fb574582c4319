"""Find people who never agreed without reading everybody.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a partial index."""
    never = sa.text("consent_at IS NULL")
    op.create_index(
        "ix_people_unconsented",
        "people",
        ["created_at"],
        sqlite_where=never,
        postgresql_where=never,
    )
