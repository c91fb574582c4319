"""Scripts, safety plans, follow-ups, talk clocks and counts.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from storage.database.schema import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

AT = UtcDateTime(timezone=True)


def _of_person(table: str, *columns: sa.Column[object]) -> None:
    """Make a table of which each person has one row, and which goes with them."""
    op.create_table(
        table,
        sa.Column(
            "person_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        *columns,
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.person_id"],
            name=op.f(f"fk_{table}_person_id_people"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f(f"pk_{table}")),
    )


def upgrade() -> None:
    """Add five tables."""
    _of_person(
        "dialogues",
        sa.Column("script", sa.String(length=32), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("changed_at", AT, nullable=False),
    )
    _of_person(
        "safety_plans",
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("open_step", sa.SmallInteger(), nullable=True),
        sa.Column("changed_at", AT, nullable=False),
    )
    _of_person("follow_ups", sa.Column("due_at", AT, nullable=False))
    op.create_index("ix_follow_ups_due_at", "follow_ups", ["due_at"])
    _of_person(
        "talk_clocks",
        sa.Column("disclosed_at", AT, nullable=True),
        sa.Column("began_at", AT, nullable=False),
        sa.Column("spoke_at", AT, nullable=False),
        sa.Column("break_at", AT, nullable=True),
    )
    op.create_table(
        "safety_counts",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("script", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", "level", "script", name=op.f("pk_safety_counts")),
    )
