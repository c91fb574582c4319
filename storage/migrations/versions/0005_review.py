"""Operators' work: who they are, the audit trail, evidence, notes, the console, shadow review.

Revision ID: 0005
Revises: 0004
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from storage.database.schema import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

AT = UtcDateTime(timezone=True)
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
HELD_FOR = timedelta(hours=24)
FIXED = ("audit_id", "at", "operator_id", "act", "case_id", "detail", "words_digest", "hash")
REFUSED = "the audit trail cannot be edited"


def upgrade() -> None:
    """Add what operators work with, and carry open cases over."""
    _people_and_trail()
    _work()
    _columns()
    _guard_the_trail()
    _carry_over()


def _people_and_trail() -> None:
    op.create_table(
        "audit",
        sa.Column("audit_id", KEY, nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.Column("operator_id", KEY, nullable=True),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.Column("words_digest", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_case_id", "audit", ["case_id", "audit_id"])
    op.create_index("ix_audit_operator_id", "audit", ["operator_id", "audit_id"])
    op.create_index(
        "ix_audit_person_id",
        "audit",
        ["person_id"],
        sqlite_where=sa.text("person_id IS NOT NULL"),
        postgresql_where=sa.text("person_id IS NOT NULL"),
    )
    op.create_table(
        "lexicon_changes",
        sa.Column("change_id", KEY, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("proposed_by", KEY, nullable=False),
        sa.Column("proposed_at", AT, nullable=False),
        sa.Column("replay", sa.Text(), nullable=True),
        sa.Column("decided_by", KEY, nullable=True),
        sa.Column("decided_at", AT, nullable=True),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_lexicon_changes")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "operators",
        sa.Column("operator_id", KEY, nullable=False),
        sa.Column("telegram_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("shows_words", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("added_at", AT, nullable=False),
        sa.Column("removed_at", AT, nullable=True),
        sa.PrimaryKeyConstraint("operator_id", name=op.f("pk_operators")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_operators_telegram_id", "operators", ["telegram_id"], unique=True)
    op.create_table(
        "console_sessions",
        sa.Column("session_hash", sa.String(length=64), nullable=False),
        sa.Column("operator_id", KEY, nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("seen_at", AT, nullable=False),
        sa.Column("expires_at", AT, nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operators.operator_id"],
            name=op.f("fk_console_sessions_operator_id_operators"),
        ),
        sa.PrimaryKeyConstraint("session_hash", name=op.f("pk_console_sessions")),
    )
    op.create_index("ix_console_sessions_operator_id", "console_sessions", ["operator_id"])


def _work() -> None:
    op.create_table(
        "shadow_drafts",
        sa.Column("draft_id", KEY, nullable=False),
        sa.Column("person_id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=True),
        sa.Column("question_turn_id", KEY, nullable=False),
        sa.Column("update_id", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("below", sa.LargeBinary(), nullable=False),
        sa.Column("edited", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("operator_id", KEY, nullable=True),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("due_at", AT, nullable=False),
        sa.Column("decided_at", AT, nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.person_id"],
            name=op.f("fk_shadow_drafts_person_id_people"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("draft_id", name=op.f("pk_shadow_drafts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_shadow_drafts_person_id", "shadow_drafts", ["person_id"])
    op.create_index(
        "ix_shadow_drafts_waiting",
        "shadow_drafts",
        ["due_at"],
        sqlite_where=sa.text("decided_at IS NULL"),
        postgresql_where=sa.text("decided_at IS NULL"),
    )
    op.create_table(
        "shifts",
        sa.Column("shift_id", KEY, nullable=False),
        sa.Column("operator_id", KEY, nullable=False),
        sa.Column("weekday", sa.SmallInteger(), nullable=False),
        sa.Column("starts_min", sa.SmallInteger(), nullable=False),
        sa.Column("ends_min", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.operator_id"], name=op.f("fk_shifts_operator_id_operators")
        ),
        sa.PrimaryKeyConstraint("shift_id", name=op.f("pk_shifts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_shifts_operator_id", "shifts", ["operator_id"])
    op.create_table(
        "sign_ins",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("operator_id", KEY, nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("expires_at", AT, nullable=False),
        sa.Column("used_at", AT, nullable=True),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operators.operator_id"],
            name=op.f("fk_sign_ins_operator_id_operators"),
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_ins")),
    )
    op.create_index("ix_sign_ins_operator_id", "sign_ins", ["operator_id", "made_at"])
    op.create_table(
        "evidence",
        sa.Column("evidence_id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("turn_id", KEY, nullable=True),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("lexicon", sa.String(length=64), nullable=False),
        sa.Column("noted_at", AT, nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["cases.case_id"],
            name=op.f("fk_evidence_case_id_cases"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("evidence_id", name=op.f("pk_evidence")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_evidence_case_id", "evidence", ["case_id"])
    op.create_table(
        "notes",
        sa.Column("note_id", KEY, nullable=False),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("operator_id", KEY, nullable=True),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["cases.case_id"], name=op.f("fk_notes_case_id_cases"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_notes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notes_case_id", "notes", ["case_id"])


def _columns() -> None:
    op.add_column("cases", sa.Column("hold_until_at", AT, nullable=True))
    op.add_column("cases", sa.Column("claimed_by", KEY, nullable=True))
    op.add_column("cases", sa.Column("claimed_at", AT, nullable=True))
    op.add_column("cases", sa.Column("acknowledged_at", AT, nullable=True))
    op.add_column("cases", sa.Column("took_over_at", AT, nullable=True))
    op.add_column("cases", sa.Column("lease_until_at", AT, nullable=True))
    op.add_column(
        "cases", sa.Column("clock_stage", sa.SmallInteger(), server_default="0", nullable=False)
    )
    op.add_column("cases", sa.Column("clock_due_at", AT, nullable=True))
    op.add_column("cases", sa.Column("paged_operator", KEY, nullable=True))
    op.add_column(
        "cases", sa.Column("is_shadowed", sa.SmallInteger(), server_default="0", nullable=False)
    )
    op.add_column("cases", sa.Column("thread_id", sa.BigInteger(), nullable=True))
    op.add_column("cases", sa.Column("digested_at", AT, nullable=True))
    op.add_column("cases", sa.Column("resolution", sa.String(length=16), nullable=True))
    op.create_index(
        "ix_cases_clock",
        "cases",
        ["clock_due_at"],
        sqlite_where=sa.text("clock_due_at IS NOT NULL"),
        postgresql_where=sa.text("clock_due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_cases_lease",
        "cases",
        ["lease_until_at"],
        sqlite_where=sa.text("lease_until_at IS NOT NULL"),
        postgresql_where=sa.text("lease_until_at IS NOT NULL"),
    )
    op.create_index("ix_cases_person_id", "cases", ["person_id"])
    op.create_index(
        "ix_cases_queue",
        "cases",
        ["level", "last_risk_at"],
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.add_column("people", sa.Column("shadow_consent_at", AT, nullable=True))
    op.add_column("turns", sa.Column("operator_id", KEY, nullable=True))
    op.drop_index("ix_cases_open", "cases")
    is_open = sa.text("resolved_at IS NULL")
    op.create_index(
        "ix_cases_open",
        "cases",
        ["person_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def _guard_the_trail() -> None:
    """A row of the trail may lose its words and person, and nothing else may ever change."""
    if op.get_bind().dialect.name == "sqlite":
        kept = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in FIXED)
        for when, condition in (
            ("UPDATE", f"WHEN NEW.words IS NOT NULL OR NEW.person_id IS NOT NULL OR {kept}"),
            ("DELETE", ""),
        ):
            op.execute(
                f"CREATE TRIGGER audit_no_{when.lower()} BEFORE {when} ON audit {condition} "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_last_hash() RETURNS bytea LANGUAGE plpgsql VOLATILE AS $$ BEGIN "
        "PERFORM pg_advisory_xact_lock(7423); "  # what is looked at next is committed by then
        "RETURN (SELECT hash FROM audit ORDER BY audit_id DESC LIMIT 1); END $$"
    )
    kept = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in FIXED)
    op.execute(
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION '{REFUSED}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit FOR EACH ROW "
        f"WHEN (NEW.words IS NOT NULL OR NEW.person_id IS NOT NULL OR {kept}) "
        "EXECUTE FUNCTION audit_refuse()"
    )
    op.execute(
        "CREATE TRIGGER audit_no_delete BEFORE DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
    )


def _carry_over() -> None:
    """Open cases go on holding; whoever resolved a case becomes a row (removed: not listed)."""
    bind = op.get_bind()
    now = datetime.now(UTC)
    cases = sa.table(
        "cases",
        sa.column("case_id", KEY),
        sa.column("level"),
        sa.column("state"),
        sa.column("last_risk_at", AT),
        sa.column("hold_until_at", AT),
        sa.column("resolved_at", AT),
        sa.column("erased_at", AT),
        sa.column("resolution"),
        sa.column("resolved_by"),
    )
    operators = sa.table(
        "operators",
        sa.column("operator_id", KEY),
        sa.column("telegram_id"),
        sa.column("name"),
        sa.column("role"),
        sa.column("language"),
        sa.column("added_at", AT),
        sa.column("removed_at", AT),
    )
    held = sa.select(cases.c.case_id, cases.c.last_risk_at).where(
        cases.c.resolved_at.is_(None), cases.c.level >= 3
    )
    for case_id, last_risk_at in bind.execute(held).all():
        bind.execute(
            sa.update(cases)
            .where(cases.c.case_id == case_id)
            .values(hold_until_at=last_risk_at + HELD_FOR)
        )
    bind.execute(
        sa.update(cases)
        .where(cases.c.erased_at.is_not(None), cases.c.resolved_at.is_(None))
        .values(state="resolved", resolution="erased", resolved_at=cases.c.erased_at)
    )
    known = sa.select(cases.c.resolved_by).where(cases.c.resolved_by.is_not(None)).distinct()
    for telegram_id in bind.execute(known).scalars().all():
        made = bind.execute(
            sa.insert(operators)
            .values(
                telegram_id=telegram_id,
                name="",
                role="reviewer",
                language="zh",
                added_at=now,
                removed_at=now,
            )
            .returning(operators.c.operator_id)
        ).scalar_one()
        bind.execute(
            sa.update(cases).where(cases.c.resolved_by == telegram_id).values(resolved_by=made)
        )
