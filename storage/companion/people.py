"""People: who they are to the service, and the erasure of all of it."""

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
    """A person as every other part of the service knows them."""

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
        """Whether the person agreed to the present text of consent."""
        return self.consent_at is not None

    def is_off_record(self, now: datetime) -> bool:
        """Whether what is said now is not to be kept."""
        return self.off_record_until_at is not None and now < self.off_record_until_at

    def was_off_record(self, now: datetime) -> bool:
        """Whether a while off the record is over, and what was said in it still stands."""
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
    """Built once for each column: several times a message."""
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
    """The person, or None where they were erased."""
    return await _one(transaction, people.c.person_id, person_id)


async def by_telegram_id(transaction: Transaction, telegram_id: int) -> Person | None:
    """The person behind a Telegram id, or None."""
    return await _one(transaction, telegram_chats.c.telegram_id, telegram_id)


async def _one(transaction: Transaction, column: Column[int], wanted: int) -> Person | None:
    row = (await transaction.execute(_by(column), {"wanted": wanted})).one_or_none()
    return Person(**row._mapping) if row else None


async def get_or_create(
    transaction: Transaction, telegram_id: int, *, language: str, now: datetime
) -> Person:
    """The person behind a Telegram id, made anew with a key of their own at the first word."""
    found = await by_telegram_id(transaction, telegram_id)
    if found:
        return found
    made = await transaction.execute(
        insert(people)
        .values(language=language, epoch=0, created_at=now)
        .returning(people.c.person_id)
    )
    person_id = PersonId(made.scalar_one())
    claimed = await transaction.execute(
        insert_ignore(transaction.dialect, telegram_chats)
        .values(telegram_id=telegram_id, person_id=person_id)
        .returning(telegram_chats.c.person_id)
    )
    if claimed.first() is None:  # another process was quicker with the same newcomer
        await transaction.execute(delete(people).where(people.c.person_id == person_id))
    else:
        await keys.create(transaction, person_id, now=now)
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
    """Fence off every word written so far for this person; return the new epoch."""
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
    """Record that the person blocked the bot, or (None) takes its words again.

    Their check-ins pause meanwhile and go on with the next occurrence.
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
