"""People and the one table that holds their Telegram ids.

Knows nothing of what people say, nor of how consent is asked for.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, insert, select, update

from storage.database import Transaction, insert_ignore
from storage.ids import PersonId
from storage.schema import inbox, outbox, people, sessions, telegram_chats, turns


@dataclass(frozen=True, slots=True)
class Person:
    """A person as every other part of the service knows them."""

    person_id: PersonId
    telegram_id: int
    language: str
    age_band: str | None
    region: str | None
    consent_at: datetime | None
    epoch: int
    blocked_at: datetime | None

    @property
    def has_consented(self) -> bool:
        """Whether the person agreed to the present text of consent."""
        return self.consent_at is not None


def _query() -> Select[Any]:
    return select(
        people.c.person_id,
        telegram_chats.c.telegram_id,
        people.c.language,
        people.c.age_band,
        people.c.region,
        people.c.consent_at,
        people.c.epoch,
        telegram_chats.c.blocked_at,
    ).join_from(people, telegram_chats)


async def by_id(transaction: Transaction, person_id: PersonId) -> Person | None:
    """The person, or None where they were erased."""
    row = (await transaction.execute(_query().where(people.c.person_id == person_id))).one_or_none()
    return Person(*row) if row else None


async def by_telegram_id(transaction: Transaction, telegram_id: int) -> Person | None:
    """The person behind a Telegram id, or None."""
    query = _query().where(telegram_chats.c.telegram_id == telegram_id)
    row = (await transaction.execute(query)).one_or_none()
    return Person(*row) if row else None


async def get_or_create(
    transaction: Transaction, telegram_id: int, *, language: str, now: datetime
) -> Person:
    """The person behind a Telegram id, made anew at their first word."""
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
        insert_ignore(transaction, telegram_chats)
        .values(telegram_id=telegram_id, person_id=person_id)
        .returning(telegram_chats.c.person_id)
    )
    if claimed.first() is None:  # another process was quicker with the same newcomer
        await transaction.execute(delete(people).where(people.c.person_id == person_id))
    person = await by_telegram_id(transaction, telegram_id)
    assert person is not None
    return person


async def change(transaction: Transaction, person_id: PersonId, **values: Any) -> None:
    """Set `language`, `age_band`, `region`, or `consent_at` with `consent_version`."""
    await transaction.execute(
        update(people).where(people.c.person_id == person_id).values(**values)
    )


async def raise_epoch(transaction: Transaction, person_id: PersonId) -> int:
    """Fence off every word written so far for this person; return the new epoch."""
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
    """Record that the person blocked the bot, or (None) takes its words again."""
    await transaction.execute(
        update(telegram_chats)
        .where(telegram_chats.c.telegram_id == telegram_id)
        .values(blocked_at=blocked_at)
    )


async def erase(transaction: Transaction, person_id: PersonId, *, now: datetime) -> None:
    """Delete a person and all that they said.

    What stays names nobody: the update ids, so that a repeat of an update is still
    known, and the level and dates of a case.
    """
    mine = inbox.c.person_id == person_id
    await transaction.execute(
        update(inbox)
        .where(mine, inbox.c.ended_as.is_(None))
        .values(ended_as="ignored", reason="erased", ended_at=now)
    )
    await transaction.execute(
        update(inbox).where(mine).values(person_id=None, payload=None, turn_id=None)
    )
    for table in (outbox, turns, sessions, telegram_chats, people):
        await transaction.execute(delete(table).where(table.c.person_id == person_id))
