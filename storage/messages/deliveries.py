"""Delivery attempts, one row per part of a message, recorded before the send.

After a crash each part's last outcome tells whether it may have arrived.
"""

from enum import StrEnum
from functools import cache

from sqlalchemy import Executable, bindparam, func, insert, select, update

from storage.database.connection import Transaction
from storage.database.schema import deliveries, outbox
from storage.ids import OutboxId, PersonId, TurnId


class AttemptOutcome(StrEnum):
    """The outcome of one attempt at one part."""

    ATTEMPTING = "attempting"
    SENT = "sent"
    UNKNOWN = "unknown"
    REFUSED = "refused"


async def begin(transaction: Transaction, outbox_id: OutboxId, part: int) -> int:
    """Record that a part is about to be sent, and return the attempt's id."""
    values = {
        "outbox_id": outbox_id,
        "part": part,
        "outcome": AttemptOutcome.ATTEMPTING,
        "attempted_at": transaction.now,
    }
    return int((await transaction.execute(_begin(), values)).scalar_one())


@cache
def _begin() -> Executable:
    return insert(deliveries).returning(deliveries.c.delivery_id)


async def end(
    transaction: Transaction,
    delivery_id: int,
    outcome: AttemptOutcome,
    *,
    message_id: int | None = None,
    error: str | None = None,
) -> None:
    """Record how an attempt ended."""
    values = {"attempt": delivery_id, "as": outcome, "message": message_id, "why": error}
    await transaction.execute(_end(), values)


@cache
def _end() -> Executable:
    return (
        update(deliveries)
        .where(deliveries.c.delivery_id == bindparam("attempt"))
        .values(outcome=bindparam("as"), message_id=bindparam("message"), error=bindparam("why"))
    )


async def last_outcomes(transaction: Transaction, outbox_id: OutboxId) -> dict[int, AttemptOutcome]:
    """Return the latest outcome of every part tried so far."""
    query = (
        select(deliveries.c.part, deliveries.c.outcome)
        .where(deliveries.c.outbox_id == outbox_id)
        .order_by(deliveries.c.delivery_id)
    )
    return {part: AttemptOutcome(outcome) for part, outcome in await transaction.execute(query)}


async def message_of(transaction: Transaction, outbox_id: OutboxId) -> int | None:
    """Return the Telegram message that a message became, or None if it is not known."""
    query = select(func.max(deliveries.c.message_id)).where(
        deliveries.c.outbox_id == outbox_id, deliveries.c.outcome == AttemptOutcome.SENT
    )
    message_id: int | None = (await transaction.execute(query)).scalar_one()
    return message_id


async def of_operator_replies(transaction: Transaction, person_id: PersonId) -> dict[TurnId, str]:
    """Return the outbox state of operators' messages to a person, by turn."""
    query = select(outbox.c.turn_id, outbox.c.state).where(
        outbox.c.person_id == person_id, outbox.c.kind == "relay", outbox.c.turn_id.is_not(None)
    )
    return {TurnId(row.turn_id): row.state for row in await transaction.execute(query)}
