"""The names of operators that people read.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "operators",
        sa.Column("public_name", sa.String(length=40), server_default="", nullable=False),
    )
