"""Check-ins: the open question about them, and moods that fall.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from storage.database.schema import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a table and two columns."""
    op.create_table(
        "check_in_questions",
        sa.Column("person_id", KEY, autoincrement=False, nullable=False),
        sa.Column("asks", sa.String(length=16), nullable=False),
        sa.Column("draft", sa.String(length=512), nullable=False),
        sa.Column("asked_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.person_id"],
            name=op.f("fk_check_in_questions_person_id_people"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_check_in_questions")),
    )
    op.add_column("check_in_settings", sa.Column("fell_on", sa.String(length=10), nullable=True))
    op.add_column(
        "check_in_settings",
        sa.Column("fell_untold", sa.SmallInteger(), server_default="0", nullable=False),
    )
    op.create_index(
        "ix_check_in_settings_fell_untold",
        "check_in_settings",
        ["fell_untold"],
        sqlite_where=sa.text("fell_untold = 1"),
        postgresql_where=sa.text("fell_untold = 1"),
    )
