"""Canned replies, hand-overs of cases, and the message with the answers to the script.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

from storage.database.schema import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT = UtcDateTime(timezone=True)
TABLE = "canned_replies"


def upgrade() -> None:
    """Add a table and two columns."""
    op.create_table(
        TABLE,
        sa.Column("reply_id", KEY, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=True),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.Column("added_at", AT, nullable=False),
        sa.Column("retired_at", AT, nullable=True),
        sa.PrimaryKeyConstraint("reply_id", name=op.f(f"pk_{TABLE}")),
        sqlite_autoincrement=True,
    )
    op.create_index(f"ix_{TABLE}_name", TABLE, ["name"], unique=True)
    op.add_column("cases", sa.Column("handed_to", KEY, nullable=True))
    op.add_column("cases", sa.Column("answers_outbox_id", KEY, nullable=True))
