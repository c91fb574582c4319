"""Who is asked once more, and when.

A follow-up is one row; taking it deletes it, in the transaction that queues its words, so that a
crash neither loses nor doubles it.
"""

from datetime import datetime

from sqlalchemy import delete, select

from storage.database.connection import Transaction, upsert
from storage.database.schema import follow_ups
from storage.ids import PersonId


async def put(transaction: Transaction, person_id: PersonId, *, due_at: datetime) -> None:
    """Ask this person once, then; a later promise takes the place of an earlier one."""
    await transaction.execute(
        upsert(transaction.dialect, follow_ups, {"person_id": person_id}, {"due_at": due_at})
    )


async def cancel(transaction: Transaction, person_id: PersonId) -> bool:
    """Ask this person no more; False where nothing was promised."""
    statement = delete(follow_ups).where(follow_ups.c.person_id == person_id)
    return (await transaction.execute(statement)).rowcount == 1


async def take_due(transaction: Transaction, *, now: datetime, limit: int = 50) -> list[PersonId]:
    """Take those whose time has come, the longest due first."""
    due = (
        select(follow_ups.c.person_id)
        .where(follow_ups.c.due_at <= now)
        .order_by(follow_ups.c.due_at)
        .limit(limit)
    )
    statement = delete(follow_ups).where(follow_ups.c.person_id.in_(due))
    taken = await transaction.execute(statement.returning(follow_ups.c.person_id))
    return [PersonId(person_id) for person_id in taken.scalars()]


async def due_at(transaction: Transaction, person_id: PersonId) -> datetime | None:
    """When this person is asked, or None."""
    query = select(follow_ups.c.due_at).where(follow_ups.c.person_id == person_id)
    found: datetime | None = (await transaction.execute(query)).scalar_one_or_none()
    return found


async def is_any_due(transaction: Transaction, *, now: datetime) -> bool:
    """Whether somebody's time has come."""
    query = select(follow_ups.c.person_id).where(follow_ups.c.due_at <= now).limit(1)
    return (await transaction.execute(query)).first() is not None
