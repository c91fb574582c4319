"""Follow-ups: who is asked once more, and when.

Taking a follow-up deletes its row in the transaction that queues the message, so that a crash
neither loses nor repeats it.
"""

from datetime import datetime

from sqlalchemy import delete, select

from storage.database.connection import Transaction, upsert
from storage.database.schema import follow_ups
from storage.ids import PersonId


async def put(transaction: Transaction, person_id: PersonId, *, due_at: datetime) -> None:
    """Schedule a person's follow-up in place of an earlier one."""
    await transaction.execute(
        upsert(transaction.dialect, follow_ups, {"person_id": person_id}, {"due_at": due_at})
    )


async def cancel(transaction: Transaction, person_id: PersonId) -> bool:
    """Cancel a person's follow-up, and return False if there was none."""
    statement = delete(follow_ups).where(follow_ups.c.person_id == person_id)
    return (await transaction.execute(statement)).rowcount == 1


async def take_due(transaction: Transaction, *, limit: int = 50) -> list[PersonId]:
    """Take due follow-ups, the longest due first."""
    due = (
        select(follow_ups.c.person_id)
        .where(follow_ups.c.due_at <= transaction.now)
        .order_by(follow_ups.c.due_at)
        .limit(limit)
    )
    statement = delete(follow_ups).where(follow_ups.c.person_id.in_(due))
    taken = await transaction.execute(statement.returning(follow_ups.c.person_id))
    return [PersonId(person_id) for person_id in taken.scalars()]


async def due_at(transaction: Transaction, person_id: PersonId) -> datetime | None:
    """Return when a person's follow-up is due, or None."""
    query = select(follow_ups.c.due_at).where(follow_ups.c.person_id == person_id)
    instant: datetime | None = (await transaction.execute(query)).scalar_one_or_none()
    return instant


async def is_any_due(transaction: Transaction) -> bool:
    """Return whether any follow-up is due."""
    query = select(follow_ups.c.person_id).where(follow_ups.c.due_at <= transaction.now).limit(1)
    return (await transaction.execute(query)).first() is not None
