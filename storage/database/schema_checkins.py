"""The tables of check-ins: settings, appointments and occurrences.

A person's answers are stored only in a sealed column.
"""

from datetime import UTC, datetime

from sqlalchemy import Column, Index, LargeBinary, SmallInteger, String, Table

from storage.database.schema import Key, UtcDateTime, flag, metadata, of_person, partial_index

# `next_at` of an appointment whose next occurrence must be computed again. It is due at once,
# before all others, and asks nothing.
RECKON_AT = datetime(1970, 1, 1, tzinfo=UTC)

check_in_settings = Table(
    "check_in_settings",
    metadata,
    of_person(is_key=True),
    Column("consent_at", UtcDateTime, nullable=False),  # a row exists only with consent
    Column("zone", String(64), nullable=False),  # IANA
    Column("quiet_from", SmallInteger),  # local minutes after midnight; null: no quiet hours
    Column("quiet_to", SmallInteger),
    Column("paused_until_at", UtcDateTime),
    Column("stopped_at", UtcDateTime),
    Column("stopped_by", String(16)),  # person | goodbye
    Column("unanswered", SmallInteger, nullable=False, default=0, server_default="0"),
    Column("asked_on", String(10)),  # local date of the last question since the last answer
    flag("was_held"),
    flag("asks_sleep"),
    flag("asks_energy"),
    flag("weekly_summary"),
    Column("summarised_on", String(10)),  # local date of the last weekly summary
    Column("fell_on", String(10)),  # local date on which falling moods were last noted
    flag("fell_untold"),
    Column("fell_waits_at", UtcDateTime),  # null: no note in the operators' queue
)

partial_index(
    "ix_check_in_settings_fell_untold",
    check_in_settings.c.fell_untold,
    where=check_in_settings.c.fell_untold == 1,
)

partial_index(
    "ix_check_in_settings_fell_waits_at",
    check_in_settings.c.fell_waits_at,
    where=check_in_settings.c.fell_waits_at.is_not(None),
)

check_in_questions = Table(
    "check_in_questions",
    metadata,
    # The question about check-ins that a person may answer by message, one at a time.
    of_person(is_key=True),
    Column("asks", String(16), nullable=False),
    Column("draft", String(512), nullable=False),  # the times and zone chosen so far
    Column("asked_at", UtcDateTime, nullable=False),
)

appointments = Table(
    "appointments",
    metadata,
    # The key is a local time, so the same time on other days is the same row.
    of_person(is_key=True),
    Column("minute", SmallInteger, primary_key=True, autoincrement=False),
    Column("days", SmallInteger, nullable=False),  # bits, Monday the lowest
    Column("place", SmallInteger, nullable=False),  # order within a crowded minute
    Column("next_at", UtcDateTime),  # null: never due (paused, stopped, blocked)
    Column("next_date", String(10)),  # the local date of the next occurrence
)
partial_index(
    "ix_appointments_next_at",
    appointments.c.next_at,
    appointments.c.place,
    where=appointments.c.next_at.is_not(None),
)

check_ins = Table(
    "check_ins",
    metadata,
    # One row per occurrence: (person, local_date, minute).
    Column("check_in_id", Key, primary_key=True),
    of_person(),
    Column("local_date", String(10), nullable=False),
    Column("minute", SmallInteger, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),  # asked | answered | goodbye | skipped
    Column("reason", String(16)),  # why it was skipped
    Column("asked_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("answer", LargeBinary),  # mood, sleep, energy, note; sealed
    Index("ix_check_ins_person_id", "person_id", "local_date", "minute", unique=True),
    Index("ix_check_ins_due_at", "due_at"),
    sqlite_autoincrement=True,
)
