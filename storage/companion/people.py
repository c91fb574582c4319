"""People: their rows, Telegram chats and epochs."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypedDict, Unpack

from sqlalchemy import Column, Select, bindparam, delete, insert, select, update

from storage.checkins import appointments
from storage.database import keys
from storage.database.connection import Transaction, insert_ignore
from storage.database.events import PersonInterrupted
from storage.database.schema import people, telegram_chats
from storage.ids import PersonId


@dataclass(frozen=True, slots=True)
class Person:
    """A person who writes to the bot."""

    person_id: PersonId
    telegram_id: int
    language: str
    age_band: str | None
    region: str | None
    consent_at: datetime | None
    training_consent_at: datetime | None
    shadow_consent_at: datetime | None
    off_record_until_at: datetime | None
    admitted_at: datetime | None
    epoch: int
    blocked_at: datetime | None
    created_at: datetime

    @property
    def has_consented(self) -> bool:
        """Whether the person agreed to the consent text."""
        return self.consent_at is not None

    def is_off_record(self, now: datetime) -> bool:
        """Return whether the person is off the record now."""
        return self.off_record_until_at is not None and now < self.off_record_until_at

    def was_off_record(self, now: datetime) -> bool:
        """Return whether a time off the record is over but its turns are not deleted yet."""
        return self.off_record_until_at is not None and now >= self.off_record_until_at


class PersonColumns(TypedDict, total=False):
    """The columns that `change` sets."""

    language: str
    age_band: str | None
    region: str | None
    consent_at: datetime
    consent_version: str
    training_consent_at: datetime | None
    shadow_consent_at: datetime | None
    off_record_until_at: datetime | None
    admitted_at: datetime


@cache
def _by(column: Column[int]) -> Select[Any]:
    """Build the query once per column, because it runs several times per message."""
    return (
        select(
            people.c.person_id,
            telegram_chats.c.telegram_id,
            people.c.language,
            people.c.age_band,
            people.c.region,
            people.c.consent_at,
            people.c.training_consent_at,
            people.c.shadow_consent_at,
            people.c.off_record_until_at,
            people.c.admitted_at,
            people.c.epoch,
            telegram_chats.c.blocked_at,
            people.c.created_at,
        )
        .join_from(people, telegram_chats)
        .where(column == bindparam("wanted"))
    )


async def by_id(transaction: Transaction, person_id: PersonId) -> Person | None:
    """Return the person, or None if they were erased."""
    return await _one(transaction, people.c.person_id, person_id)


async def by_telegram_id(transaction: Transaction, telegram_id: int) -> Person | None:
    """Return the person with this Telegram id, or None."""
    return await _one(transaction, telegram_chats.c.telegram_id, telegram_id)


async def _one(transaction: Transaction, column: Column[int], wanted: int) -> Person | None:
    row = (await transaction.execute(_by(column), {"wanted": wanted})).one_or_none()
    return Person(**row._mapping) if row else None


async def get_or_create(transaction: Transaction, telegram_id: int, *, language: str) -> Person:
    """Return the person with this Telegram id, created with a data key if they are new."""
    person = await by_telegram_id(transaction, telegram_id)
    if person:
        return person
    inserted = await transaction.execute(
        insert(people)
        .values(language=language, epoch=0, created_at=transaction.now)
        .returning(people.c.person_id)
    )
    person_id = PersonId(inserted.scalar_one())
    claimed = await transaction.execute(
        insert_ignore(transaction.dialect, telegram_chats)
        .values(telegram_id=telegram_id, person_id=person_id)
        .returning(telegram_chats.c.person_id)
    )
    if claimed.first() is None:  # another process has just created the same person
        await transaction.execute(delete(people).where(people.c.person_id == person_id))
    else:
        await keys.create(transaction, person_id)
    person = await by_telegram_id(transaction, telegram_id)
    assert person is not None
    return person


async def change(
    transaction: Transaction, person_id: PersonId, **columns: Unpack[PersonColumns]
) -> None:
    """Set columns of a person."""
    await transaction.execute(
        update(people).where(people.c.person_id == person_id).values(**columns)
    )


async def raise_epoch(transaction: Transaction, person_id: PersonId) -> int:
    """Fence off every message queued so far for this person, and return the new epoch."""
    transaction.record(PersonInterrupted(person_id))
    result = await transaction.execute(
        update(people)
        .where(people.c.person_id == person_id)
        .values(epoch=people.c.epoch + 1)
        .returning(people.c.epoch)
    )
    return int(result.scalar_one())


async def set_blocked(
    transaction: Transaction, telegram_id: int, blocked_at: datetime | None
) -> None:
    """Record when the person blocked the bot, or with None that they unblocked it.

    Check-ins pause meanwhile and continue with the next occurrence.
    """
    changed = await transaction.execute(
        update(telegram_chats)
        .where(telegram_chats.c.telegram_id == telegram_id)
        .values(blocked_at=blocked_at)
        .returning(telegram_chats.c.person_id)
    )
    person_id = changed.scalar_one_or_none()
    if person_id is None:
        return
    if blocked_at is None:
        await appointments.reschedule(transaction, PersonId(person_id))
    else:
        await appointments.suspend(transaction, PersonId(person_id))
