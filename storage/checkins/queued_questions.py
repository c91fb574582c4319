"""Check-ins in the outbox: the messages that ask them, and their progress.

A check-in is one message, or two if it offers a summary.
"""

from sqlalchemy import Select, exists, func, select, update

from storage.database.connection import Transaction
from storage.database.schema import deliveries, is_open, outbox
from storage.ids import CheckInId, PersonId, TurnId
from storage.messages.deliveries import AttemptOutcome
from storage.messages.outbox import PRIORITIES, MessageKind, OutboxState

MAY_HAVE_ARRIVED = (AttemptOutcome.ATTEMPTING, AttemptOutcome.SENT, AttemptOutcome.UNKNOWN)


async def count_unsent(transaction: Transaction, *, limit: int) -> int:
    """Count the check-in messages that wait or are being sent, up to `limit`.

    Only check-ins have their priority, and the index of open messages begins with it.
    """
    some = (
        select(outbox.c.outbox_id)
        .where(is_open(), outbox.c.priority == PRIORITIES[MessageKind.CHECK_IN])
        .limit(limit)
    )
    counted = await transaction.execute(select(func.count()).select_from(some.subquery()))
    return int(counted.scalar_one())


async def waiting(transaction: Transaction, person_id: PersonId) -> list[CheckInId]:
    """Return a person's check-ins that are queued and not being sent."""
    query = (
        select(outbox.c.check_in_id)
        .where(
            outbox.c.person_id == person_id,
            outbox.c.kind == MessageKind.CHECK_IN,
            outbox.c.state == OutboxState.QUEUED,
            outbox.c.check_in_id.is_not(None),
        )
        .distinct()
    )
    return [CheckInId(check_in_id) for check_in_id in (await transaction.execute(query)).scalars()]


async def may_have_arrived(
    transaction: Transaction, person_id: PersonId, check_in_id: CheckInId
) -> bool:
    """Return whether the person may have seen any part of a check-in."""
    query = _of(person_id, check_in_id).where(
        exists().where(
            deliveries.c.outbox_id == outbox.c.outbox_id, deliveries.c.outcome.in_(MAY_HAVE_ARRIVED)
        )
    )
    return (await transaction.execute(query.limit(1))).first() is not None


async def turn_of(
    transaction: Transaction, person_id: PersonId, check_in_id: CheckInId
) -> tuple[TurnId | None, bool]:
    """Return the turn that holds a check-in's text, and whether it offered a summary."""
    rows = (await transaction.execute(_of(person_id, check_in_id))).all()
    turns = [TurnId(row.turn_id) for row in rows if row.turn_id is not None]
    return (turns[0] if turns else None), len(rows) > len(turns)


async def carry_over(transaction: Transaction, person_id: PersonId, epoch: int) -> None:
    """Move queued check-ins to the new epoch, because `/new` does not decline them.

    Only those of the epoch just before move. What a crisis or an operator fenced off earlier
    stays fenced off.
    """
    await transaction.execute(
        update(outbox)
        .where(
            outbox.c.person_id == person_id,
            outbox.c.kind == MessageKind.CHECK_IN,
            outbox.c.epoch == epoch - 1,
            is_open(),
        )
        .values(epoch=epoch)
    )


def _of(person_id: PersonId, check_in_id: CheckInId) -> Select[int, int | None]:
    return select(outbox.c.outbox_id, outbox.c.turn_id).where(
        outbox.c.person_id == person_id, outbox.c.check_in_id == check_in_id
    )
