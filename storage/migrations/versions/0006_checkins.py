"""Check-ins: settings, appointments, occurrences.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from storage.database.schema import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

AT = UtcDateTime(timezone=True)
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger(), server_default="0", nullable=False)


def _of_person(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["person_id"],
        ["people.person_id"],
        name=op.f(f"fk_{table}_person_id_people"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    """Add three tables."""
    op.create_table(
        "check_in_settings",
        sa.Column("person_id", KEY, autoincrement=False, nullable=False),
        sa.Column("consent_at", AT, nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("quiet_from", sa.SmallInteger(), nullable=True),
        sa.Column("quiet_to", sa.SmallInteger(), nullable=True),
        sa.Column("paused_until_at", AT, nullable=True),
        sa.Column("stopped_at", AT, nullable=True),
        sa.Column("stopped_by", sa.String(length=16), nullable=True),
        _number("unanswered"),
        sa.Column("asked_on", sa.String(length=10), nullable=True),
        _number("was_held"),
        _number("asks_sleep"),
        _number("asks_energy"),
        _number("weekly_summary"),
        sa.Column("summarised_on", sa.String(length=10), nullable=True),
        _of_person("check_in_settings"),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_check_in_settings")),
    )
    op.create_table(
        "appointments",
        sa.Column("person_id", KEY, autoincrement=False, nullable=False),
        sa.Column("minute", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("days", sa.SmallInteger(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("next_at", AT, nullable=True),
        sa.Column("next_date", sa.String(length=10), nullable=True),
        _of_person("appointments"),
        sa.PrimaryKeyConstraint("person_id", "minute", name=op.f("pk_appointments")),
    )
    op.create_index(
        "ix_appointments_next_at",
        "appointments",
        ["next_at", "place"],
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_table(
        "check_ins",
        sa.Column("check_in_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("local_date", sa.String(length=10), nullable=False),
        sa.Column("minute", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", AT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.Column("asked_at", AT, nullable=True),
        sa.Column("answered_at", AT, nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        _of_person("check_ins"),
        sa.PrimaryKeyConstraint("check_in_id", name=op.f("pk_check_ins")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_check_ins_person_id", "check_ins", ["person_id", "local_date", "minute"], unique=True
    )
    op.create_index("ix_check_ins_due_at", "check_ins", ["due_at"])
