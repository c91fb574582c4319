"""Check-ins in the outbox: until when they may be sent, and which one a message asks.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from storage.database.schema import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add two columns; what is queued already goes out as it was meant."""
    op.add_column("outbox", sa.Column("expires_at", UtcDateTime(timezone=True), nullable=True))
    op.add_column("outbox", sa.Column("check_in_id", KEY, nullable=True))
