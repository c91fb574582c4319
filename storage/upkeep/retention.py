"""How long each class of data is kept, and the sweep that deletes it.

`/privacy` and the sweep both read the list of classes below.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, and_, delete, exists, or_, select, update

from storage.database.connection import Transaction
from storage.database.events import SessionsEnded
from storage.database.schema import (
    daily_usage,
    dialogues,
    erasures,
    inbox,
    invites,
    is_open,
    outbox,
    people,
    script_answers,
    sessions,
    talk_clocks,
    turns,
)
from storage.database.schema_checkins import check_in_questions, check_ins
from storage.database.schema_contacts import trusted_contacts
from storage.database.schema_review import cases, console_sessions, shadow_drafts, sign_ins
from storage.ids import PersonId
from storage.review import audit_erasure
from storage.upkeep.erasure import erase

UNCONSENTED_HOURS = 24
RECORDS_DAYS = 30
CASES_DAYS = 365
ERASED_CASES_DAYS = 90
ERASURES_DAYS = 730
STRANGERS = 100
# The most rows that a statement deletes, so that a sweep never blocks writers for long.
BATCH = 2000


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """A class of data and the days it is kept. `name` is a key of the texts."""

    name: str
    days: int


def classes(turns_days: int) -> tuple[RetentionClass, ...]:
    """Return every class, the most personal first. `turns_days` holds for turns and moods."""
    return (
        RetentionClass("turns", turns_days),
        RetentionClass("moods", turns_days),
        RetentionClass("records", RECORDS_DAYS),
        RetentionClass("cases", CASES_DAYS),
        RetentionClass("erased_cases", ERASED_CASES_DAYS),
        RetentionClass("erasures", ERASURES_DAYS),
    )


async def sweep(transaction: Transaction, *, turns_days: int) -> dict[str, int]:
    """Delete one batch of each class of expired data, and return the counts."""
    old = {kept.name: transaction.now - timedelta(days=kept.days) for kept in classes(turns_days)}
    rules: tuple[tuple[str, Table, ColumnElement[bool]], ...] = (
        ("turns", turns, turns.c.created_at < old["turns"]),
        ("off_record", turns, _off_record_is_over(transaction.now)),
        ("moods", check_ins, check_ins.c.due_at < old["moods"]),
        ("questions", check_in_questions, check_in_questions.c.asked_at < old["records"]),
        ("sessions", sessions, _is_empty(old["turns"])),
        ("inbox", inbox, inbox.c.ended_at < old["records"]),
        ("outbox", outbox, outbox.c.ended_at < old["records"]),
        ("dialogues", dialogues, dialogues.c.changed_at < old["records"]),
        ("script_answers", script_answers, script_answers.c.answered_at < old["records"]),
        ("talk_clocks", talk_clocks, talk_clocks.c.spoke_at < old["records"]),
        ("usage", daily_usage, daily_usage.c.day < f"{old['records']:%Y-%m-%d}"),
        ("invites", invites, invites.c.expires_at < transaction.now),
        ("contacts", trusted_contacts, trusted_contacts.c.expires_at < transaction.now),
        (
            "cases",
            cases,
            or_(cases.c.resolved_at < old["cases"], cases.c.erased_at < old["erased_cases"]),
        ),
        ("shadow_drafts", shadow_drafts, shadow_drafts.c.created_at < old["turns"]),
        ("sign_ins", sign_ins, sign_ins.c.expires_at < old["records"]),
        ("console_sessions", console_sessions, console_sessions.c.expires_at < transaction.now),
        ("erasures", erasures, erasures.c.erased_at < old["erasures"]),
    )
    counts = {
        "unconsented": await _expire_unconsented(transaction),
        "strangers": await _erase_strangers(transaction),
        "audit_words": await audit_erasure.erase_older(transaction, before=old["cases"]),
    }
    for name, table, condition in rules:
        if table in (turns, sessions):
            gone = select(table.c.session_id).where(condition).limit(BATCH).distinct()
            ended = (await transaction.execute(gone)).scalars()
            transaction.record(SessionsEnded(tuple(ended)))
        key = next(iter(table.primary_key))
        rows = select(key).where(condition).limit(BATCH)
        if len(table.primary_key) > 1:
            deleted = await transaction.execute(delete(table).where(condition))
        else:
            deleted = await transaction.execute(delete(table).where(key.in_(rows)))
        counts[name] = deleted.rowcount
    return counts


async def _expire_unconsented(transaction: Transaction) -> int:
    """End updates that waited for consent too long."""
    result = await transaction.execute(
        update(inbox)
        .where(
            inbox.c.ended_as.is_(None),
            inbox.c.waits_for_consent == 1,
            inbox.c.received_at < transaction.now - timedelta(hours=UNCONSENTED_HOURS),
        )
        .values(ended_as="ignored", reason="no_consent", ended_at=transaction.now, payload=None)
    )
    return result.rowcount


async def _erase_strangers(transaction: Transaction) -> int:
    """Erase people who never consented, unless they are a contact or something waits for them."""
    theirs = people.c.person_id
    waits = exists().where(inbox.c.person_id == theirs, inbox.c.ended_as.is_(None))
    sends = exists().where(outbox.c.person_id == theirs, is_open())
    at_risk = exists().where(cases.c.person_id == theirs, cases.c.resolved_at.is_(None))
    is_contact = exists().where(trusted_contacts.c.contact_person_id == theirs)
    query = (
        select(theirs)
        .where(
            people.c.consent_at.is_(None),
            people.c.created_at < transaction.now - timedelta(hours=UNCONSENTED_HOURS),
            ~waits,
            ~sends,
            ~at_risk,
            ~is_contact,
        )
        .limit(STRANGERS)
    )
    strangers = (await transaction.execute(query)).scalars().all()
    for person_id in strangers:
        await erase(transaction, PersonId(person_id))
    return len(strangers)


def _off_record_is_over(now: datetime) -> ColumnElement[bool]:
    still = exists().where(
        people.c.person_id == turns.c.person_id, people.c.off_record_until_at > now
    )
    return and_(turns.c.off_record == 1, ~still)


def _is_empty(before: datetime) -> ColumnElement[bool]:
    has_turns = exists().where(turns.c.session_id == sessions.c.session_id)
    return and_(sessions.c.started_at < before, ~has_turns)


def is_more(counts: dict[str, int]) -> bool:
    """Return whether a sweep may have left something to the next one."""
    return max(counts.values()) >= BATCH or counts["strangers"] >= STRANGERS
