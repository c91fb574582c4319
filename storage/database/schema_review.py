"""The tables of operators' work: cases, operators, the audit trail, sign-ins and drafts.

Triggers that the migration creates protect the audit trail from changes.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
)

from storage.database.schema import Key, UtcDateTime, flag, metadata, of_person, partial_index

cases = Table(
    "cases",
    metadata,
    Column("case_id", Key, primary_key=True),
    # Null after the person's erasure, which a case outlives for a while.
    Column("person_id", Key, ForeignKey("people.person_id", ondelete="SET NULL")),
    Column("level", SmallInteger, nullable=False),
    Column("categories", String(128), nullable=False),
    Column("script", String(32), nullable=False),
    Column("lexicon", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # open | claimed | resolved
    Column("opened_at", UtcDateTime, nullable=False),
    Column("last_risk_at", UtcDateTime, nullable=False),
    Column("hold_until_at", UtcDateTime),  # the model is silent until then; null: no hold
    Column("claimed_by", Key),  # an operator
    Column("handed_to", Key),  # the operator who is asked to take it over; null: no hand-over
    Column("claimed_at", UtcDateTime),
    Column("acknowledged_at", UtcDateTime),  # the first claim since the level rose
    # A takeover: the claiming operator talks with the person until the lease expires.
    Column("took_over_at", UtcDateTime),
    Column("lease_until_at", UtcDateTime),
    Column("clock_stage", SmallInteger, nullable=False, default=0, server_default="0"),
    # Of an unclaimed case, or of a hand-over that nobody has confirmed. Null: no clock runs.
    Column("clock_due_at", UtcDateTime),
    Column("paged_operator", Key),  # the operator paged last
    flag("is_shadowed"),
    Column("thread_id", BigInteger),  # its topic in the operators' group
    Column("answers_outbox_id", Key),  # the message in the outbox that shows the script's answers
    Column("digested_at", UtcDateTime),  # the last digest that listed it
    Column("resolution", String(16)),  # helped | false_alarm | referred | unreachable | erased
    Column("resolved_at", UtcDateTime),
    Column("resolved_by", BigInteger),  # an operator
    Column("erased_at", UtcDateTime),  # the person's erasure; the record stays for a while
    Index("ix_cases_resolved_at", "resolved_at"),
    Index("ix_cases_person_id", "person_id"),
    sqlite_autoincrement=True,
)
NOT_RESOLVED = cases.c.resolved_at.is_(None)
partial_index("ix_cases_open", cases.c.person_id, where=NOT_RESOLVED, unique=True)
partial_index("ix_cases_queue", cases.c.level, cases.c.last_risk_at, where=NOT_RESOLVED)
partial_index("ix_cases_clock", cases.c.clock_due_at, where=cases.c.clock_due_at.is_not(None))
partial_index("ix_cases_lease", cases.c.lease_until_at, where=cases.c.lease_until_at.is_not(None))


def _of_case() -> Column[int]:
    return Column("case_id", Key, ForeignKey("cases.case_id", ondelete="CASCADE"), nullable=False)


operators = Table(
    "operators",
    metadata,
    Column("operator_id", Key, primary_key=True),
    Column("telegram_id", BigInteger, nullable=False),
    Column("name", String(64), nullable=False),
    Column("role", String(16), nullable=False),  # reviewer | admin
    Column("language", String(8), nullable=False),
    flag("shows_words"),
    # The name that people read, or "".
    Column("public_name", String(40), nullable=False, server_default=""),
    Column("added_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),  # the row stays, because the audit trail refers to it
    Index("ix_operators_telegram_id", "telegram_id", unique=True),
    sqlite_autoincrement=True,
)

shifts = Table(
    "shifts",
    metadata,
    # Hours on duty in the roster's time zone. A shift that ends before it starts passes midnight.
    Column("shift_id", Key, primary_key=True),
    Column("operator_id", Key, ForeignKey("operators.operator_id"), nullable=False),
    Column("weekday", SmallInteger, nullable=False),  # 0 is Monday; the day on which it starts
    Column("starts_min", SmallInteger, nullable=False),  # minutes after midnight
    Column("ends_min", SmallInteger, nullable=False),
    Index("ix_shifts_operator_id", "operator_id"),
    sqlite_autoincrement=True,
)

evidence = Table(
    "evidence",
    metadata,
    # Why a case was opened or raised: a rule and where it matched in a turn (code points).
    Column("evidence_id", Key, primary_key=True),
    _of_case(),
    Column("turn_id", Key),  # null: the text was not kept
    Column("rule", String(64), nullable=False),
    Column("category", String(32), nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("lexicon", String(64), nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
    Index("ix_evidence_case_id", "case_id"),
    sqlite_autoincrement=True,
)

notes = Table(
    "notes",
    metadata,
    Column("note_id", Key, primary_key=True),
    _of_case(),
    Column("operator_id", Key),  # null: written by the service, such as a summary
    Column("words", LargeBinary, nullable=False),  # sealed with the person's key
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_notes_case_id", "case_id"),
    sqlite_autoincrement=True,
)

canned_replies = Table(
    "canned_replies",
    metadata,
    # Texts that operators send with one tap. An edit retires a row and adds another in its place,
    # so that the audit trail's number of a reply always means the same words.
    Column("reply_id", Key, primary_key=True),
    Column("name", String(32)),  # of a text that the service brought; null: written by an admin
    Column("place", SmallInteger, nullable=False),  # its place in the list
    Column("zh", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime),
    Index("ix_canned_replies_name", "name", unique=True),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    # Hash-chained. An erasure removes a row's words and person, and nothing else may change.
    Column("audit_id", Key, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("operator_id", Key),  # null: the service itself
    Column("act", String(32), nullable=False),
    Column("case_id", BigInteger),
    Column("person_id", BigInteger),
    Column("detail", Text, nullable=False),  # JSON, never a person's text
    Column("words", LargeBinary),  # sealed with the person's key; erased with them
    Column("words_digest", LargeBinary),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_audit_case_id", "case_id", "audit_id"),
    Index("ix_audit_operator_id", "operator_id", "audit_id"),
    sqlite_autoincrement=True,
)
partial_index("ix_audit_person_id", audit.c.person_id, where=audit.c.person_id.is_not(None))

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("operator_id", Key, ForeignKey("operators.operator_id"), nullable=False),
    Column("way", String(16), nullable=False),  # bot | host
    Column("made_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
    Index("ix_sign_ins_operator_id", "operator_id", "made_at"),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),
    Column("operator_id", Key, ForeignKey("operators.operator_id"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index("ix_console_sessions_operator_id", "operator_id"),
)

shadow_drafts = Table(
    "shadow_drafts",
    metadata,
    # A model reply that an operator may edit before it is sent.
    Column("draft_id", Key, primary_key=True),
    of_person(),
    Column("case_id", Key),
    Column("question_turn_id", Key, nullable=False),
    Column("update_id", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("words", LargeBinary, nullable=False),  # the model's reply, sealed
    Column("below", LargeBinary, nullable=False),  # fixed texts to append, sealed
    Column("edited", LargeBinary),  # the text sent instead, sealed
    Column("state", String(16), nullable=False),  # waiting | sent | edited | expired | dropped
    Column("operator_id", Key),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),  # sent unedited after it
    Column("decided_at", UtcDateTime),
    Index("ix_shadow_drafts_person_id", "person_id"),
    sqlite_autoincrement=True,
)
partial_index(
    "ix_shadow_drafts_waiting", shadow_drafts.c.due_at, where=shadow_drafts.c.decided_at.is_(None)
)

lexicon_changes = Table(
    "lexicon_changes",
    metadata,
    Column("change_id", Key, primary_key=True),
    Column("body", Text, nullable=False),  # YAML (`safety/changes/change.py`)
    Column("state", String(16), nullable=False),  # proposed | live | rejected | withdrawn
    Column("proposed_by", Key, nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("replay", Text),  # JSON: counts of alarms gained and lost
    Column("decided_by", Key),
    Column("decided_at", UtcDateTime),
    sqlite_autoincrement=True,
)
