"""Trusted contacts, and which message of the outbox has a keyboard.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

from storage.database.schema import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT = UtcDateTime(timezone=True)
TABLE = "trusted_contacts"


def upgrade() -> None:
    """Add a table and a column."""
    op.create_table(
        TABLE,
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("contact_person_id", KEY, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asks", sa.String(length=16), nullable=True),
        sa.Column("called", sa.LargeBinary(), nullable=True),
        sa.Column("shown_name", sa.LargeBinary(), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("is_automatic", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("changed_at", AT, nullable=False),
        sa.Column("expires_at", AT, nullable=True),
        sa.Column("agreed_at", AT, nullable=True),
        sa.Column("telling_at", AT, nullable=True),
        sa.Column("told_at", AT, nullable=True),
        sa.Column("outbox_id", sa.BigInteger(), nullable=True),
        sa.Column("unreachable_at", AT, nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [column],
                ["people.person_id"],
                name=op.f(f"fk_{TABLE}_{column}_people"),
                ondelete="CASCADE",
            )
            for column in ("person_id", "contact_person_id")
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f(f"pk_{TABLE}")),
        sqlite_autoincrement=True,
    )
    for column in ("person_id", "contact_person_id", "token_hash", "outbox_id", "expires_at"):
        unique = column in ("person_id", "token_hash")
        op.create_index(f"ix_{TABLE}_{column}", TABLE, [column], unique=unique)
    op.add_column("outbox", sa.Column("keyboard", sa.String(length=16), nullable=True))
