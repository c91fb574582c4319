"""The tables, in one schema for SQLite and PostgreSQL.

Only `telegram_chats` holds a person's Telegram id, and every other table refers to `person_id`.
What a person said is stored only in sealed columns (`storage/database/keys.py`). Changes need a
migration in `storage/migrations`.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    TypeDecorator,
    bindparam,
)

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant.

    SQLite drops the zone, so reading restores it.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC, and refuse naive times because they are a bug."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("datetime must have a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC."""
        if value is None:
            return None
        stored: datetime = value
        return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)


# SQLite increments only INTEGER primary keys. PostgreSQL gets 64 bits.
Key = BigInteger().with_variant(Integer, "sqlite")


def of_person(*, is_key: bool = False, nullable: bool = False) -> Column[int]:
    """Build the column of the person whose erasure deletes the row."""
    person = ForeignKey("people.person_id", ondelete="CASCADE")
    if is_key:
        return Column("person_id", Key, person, primary_key=True, autoincrement=False)
    return Column("person_id", Key, person, nullable=nullable)


def flag(name: str) -> Column[int]:
    """Build a column of 0 or 1, by default 0."""
    return Column(name, SmallInteger, nullable=False, default=0, server_default="0")


def partial_index(
    name: str, *columns: Column[Any], where: ColumnElement[bool], unique: bool = False
) -> Index:
    """Build an index of the rows that match a condition."""
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


data_keys = Table(
    "data_keys",
    metadata,
    # A person_id, or 0 for the service itself. It has no foreign key, because erasure destroys
    # the key first and the service is not a person.
    Column("owner", BigInteger, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("master", String(16), nullable=False),  # fingerprint of the secret key
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_data_keys_master", "master"),
)

people = Table(
    "people",
    metadata,
    Column("person_id", Key, primary_key=True),
    Column("language", String(8), nullable=False),
    Column("age_band", String(16)),
    Column("region", String(8)),
    Column("consent_at", UtcDateTime),
    Column("consent_version", String(16)),
    Column("training_consent_at", UtcDateTime),  # null: not used for training
    Column("shadow_consent_at", UtcDateTime),  # null: no operator reviews replies before sending
    Column("off_record_until_at", UtcDateTime),
    Column("admitted_at", UtcDateTime),  # to a closed pilot
    # A crisis, a takeover, /new and erasure raise it. A message of an older epoch is never sent.
    Column("epoch", Integer, nullable=False, default=0),
    Column("created_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)

partial_index("ix_people_unconsented", people.c.created_at, where=people.c.consent_at.is_(None))

telegram_chats = Table(
    "telegram_chats",
    metadata,
    Column("telegram_id", BigInteger, primary_key=True, autoincrement=False),
    of_person(),
    Column("blocked_at", UtcDateTime),
    Index("ix_telegram_chats_person_id", "person_id", unique=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Key, primary_key=True),
    of_person(),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index("ix_sessions_person_id", "person_id", "session_id"),
    sqlite_autoincrement=True,
)

turns = Table(
    "turns",
    metadata,
    Column("turn_id", Key, primary_key=True),
    Column(
        "session_id", Key, ForeignKey("sessions.session_id", ondelete="CASCADE"), nullable=False
    ),
    of_person(),
    Column("role", String(16), nullable=False),  # person | companion | script | operator
    Column("operator_id", Key),  # the author, if the role is operator
    # Null only during migration 0002.
    Column("words", LargeBinary),
    Column("level", SmallInteger, nullable=False, default=0),
    # 1: deleted when the time off the record ends, and never exported, backed up or reviewed.
    flag("off_record"),
    # The message that shows the reply while it is generated.
    Column("preview_message_id", BigInteger),
    # The turn that a reply answers. Unique, because a turn has one reply of the companion.
    Column("answers_turn_id", Key, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_turns_session_id", "session_id", "turn_id"),
    Index("ix_turns_person_id", "person_id", "turn_id"),
    Index("ix_turns_created_at", "created_at"),
    sqlite_autoincrement=True,
)
partial_index("ix_turns_off_record", turns.c.person_id, where=turns.c.off_record == 1)

inbox = Table(
    "inbox",
    metadata,
    Column("update_id", BigInteger, primary_key=True, autoincrement=False),
    of_person(nullable=True),
    Column("kind", String(16), nullable=False),
    Column("payload", LargeBinary),  # the update, sealed; erased when the row ends
    Column("level", SmallInteger, nullable=False, default=0),
    Column("categories", String(128), nullable=False, default=""),
    Column("waits_for_consent", Integer, nullable=False, default=0),
    Column("attempts", SmallInteger, nullable=False, default=0),
    Column("turn_id", Key),
    Column("received_at", UtcDateTime, nullable=False),
    Column("ended_as", String(16)),  # answered | held | ignored | dead; null: still open
    Column("reason", String(64)),
    Column("ended_at", UtcDateTime),
    Column("message_id", BigInteger),  # the person's message; null: not a message of theirs
    Column("thread_id", BigInteger),  # its topic in the private chat
    Column("album_id", String(64)),
    Column("digest", LargeBinary),  # of its text, sealed, so that an edit shows what it changed
    Index("ix_inbox_person_id", "person_id", "update_id"),
    Index("ix_inbox_ended_at", "ended_at"),
)
partial_index("ix_inbox_open", inbox.c.update_id, where=inbox.c.ended_as.is_(None))

outbox = Table(
    "outbox",
    metadata,
    Column("outbox_id", Key, primary_key=True),
    # The person it is about, whose key seals it. Null: sealed with the service's key.
    of_person(nullable=True),
    Column("audience", String(16), nullable=False, server_default="person"),
    # reply | crisis | notice | case | relay | check_in | contact
    Column("kind", String(16), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("body", LargeBinary),  # sealed; erased when the row ends
    Column("epoch", Integer),  # null: not fenced
    Column("update_id", BigInteger),  # the update that it answers
    Column("turn_id", Key),
    Column("check_in_id", Key),  # the check-in that it asks or accompanies
    Column("preview_message_id", BigInteger),  # the preview to replace by an edit
    Column("keyboard", String(16)),  # what its buttons ask; null: none, or a newer one asks it
    # queued | sending | sent | unknown | failed | cancelled | expired
    Column("state", String(16), nullable=False),
    Column("reason", String(64)),
    Column("attempts", SmallInteger, nullable=False, default=0),
    Column("not_before_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),  # not sent after it; null: never expires
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index("ix_outbox_person_id", "person_id", "outbox_id"),
    Index("ix_outbox_update_id", "update_id"),
    Index("ix_outbox_ended_at", "ended_at"),
    sqlite_autoincrement=True,
)


_OPEN = ("queued", "sending")


def is_open(table: Any = outbox) -> ColumnElement[bool]:
    """Build the condition that a message of the outbox has not ended.

    Its values are literals, because with parameters no planner uses the partial indexes below.
    """
    states: BindParameter[Any] = bindparam(None, _OPEN, expanding=True, literal_execute=True)
    condition: ColumnElement[bool] = table.c.state.in_(states)
    return condition


IS_OPEN = outbox.c.state.in_(_OPEN)
partial_index("ix_outbox_open", outbox.c.priority, outbox.c.outbox_id, where=IS_OPEN)
partial_index(
    "ix_outbox_open_chat",
    outbox.c.audience,
    outbox.c.person_id,
    outbox.c.priority,
    outbox.c.outbox_id,
    where=IS_OPEN,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Key, primary_key=True),
    Column("outbox_id", Key, ForeignKey("outbox.outbox_id", ondelete="CASCADE"), nullable=False),
    Column("part", SmallInteger, nullable=False),
    Column("outcome", String(16), nullable=False),  # attempting|sent|unknown|refused
    Column("message_id", BigInteger),
    Column("error", String(64)),
    Column("attempted_at", UtcDateTime, nullable=False),
    Index("ix_deliveries_outbox_id", "outbox_id", "part"),
    sqlite_autoincrement=True,
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("fence", Integer, nullable=False),  # grows with each new holder
    Column("expires_at", UtcDateTime, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", String(256), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

invites = Table(
    "invites",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("uses_left", Integer, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

daily_usage = Table(
    "daily_usage",
    metadata,
    Column("person_id", Key, ForeignKey("people.person_id", ondelete="CASCADE"), primary_key=True),
    Column("day", String(10), primary_key=True),  # UTC, YYYY-MM-DD
    Column("replies", Integer, nullable=False),
    Index("ix_daily_usage_day", "day"),
)

erasures = Table(
    "erasures",
    metadata,
    # Only counts, so that a receipt proves an erasure without naming the person.
    Column("receipt", String(32), primary_key=True),
    Column("erased_at", UtcDateTime, nullable=False),
    Column("turns", Integer, nullable=False),
)

dialogues = Table(
    "dialogues",
    metadata,
    # A person's position in a reviewed script, and the question that waits for an answer.
    of_person(is_key=True),
    Column("script", String(32), nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

script_answers = Table(
    "script_answers",
    metadata,
    # The kind of each answer to a question of a reviewed script. No words of the person.
    of_person(is_key=True),
    Column("question", String(32), primary_key=True),
    Column("answer", String(16), nullable=False),
    Column("answered_at", UtcDateTime, nullable=False),
)

safety_plans = Table(
    "safety_plans",
    metadata,
    of_person(is_key=True),
    Column("body", LargeBinary, nullable=False),  # sealed
    Column("open_step", SmallInteger),  # the step that the next message fills in; null: closed
    Column("changed_at", UtcDateTime, nullable=False),
)

follow_ups = Table(
    "follow_ups",
    metadata,
    of_person(is_key=True),
    Column("due_at", UtcDateTime, nullable=False),
    Index("ix_follow_ups_due_at", "due_at"),
)

talk_clocks = Table(
    "talk_clocks",
    metadata,
    # When a person was last told that this is a program, and when their current talk began.
    of_person(is_key=True),
    Column("disclosed_at", UtcDateTime),
    Column("began_at", UtcDateTime, nullable=False),
    Column("spoke_at", UtcDateTime, nullable=False),
    Column("break_at", UtcDateTime),
)

safety_counts = Table(
    "safety_counts",
    metadata,
    # Daily counts for the yearly report. No row can be traced to a person.
    Column("day", String(10), primary_key=True),  # UTC, YYYY-MM-DD
    Column("kind", String(16), primary_key=True),  # fixed_reply | resources | follow_up | plan
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("script", String(32), primary_key=True),
    Column("number", Integer, nullable=False),
)
