"""Keyboards under sent messages, which go when a newer message asks the same.

A keyboard is known by what its first button asks: the data up to the colon.
"""

from sqlalchemy import exists, func, select, update

from storage.database.connection import Transaction
from storage.database.schema import deliveries, outbox
from storage.ids import OutboxId, PersonId
from storage.messages.body import MessageBody

# Of use again after a press: a mood and a region can be changed, numbers and a human can be asked
# for twice, and some pages change in place.
KEPT = frozenset({"mood", "ci", "chart", "region", "ask"})
# The questions of the first minutes replace each other.
FIRST = "first"
FIRST_MINUTES = {"consent": FIRST, "start": FIRST, "age": FIRST}
MOST = 5


def asked_by(body: MessageBody) -> str | None:
    """Return what the keyboard of a message asks, or None if it has none."""
    if not body.buttons or not body.buttons[0]:
        return None
    family = family_of(body.buttons[0][0][1])
    return FIRST_MINUTES.get(family, family)[:16]


def family_of(data: str) -> str:
    """Return the part of a button's data that says what it is for."""
    return data.partition(":")[0]


async def forget(transaction: Transaction, person_id: PersonId, message_id: int) -> None:
    """Forget the keyboard of a Telegram message, because its press has removed it."""
    is_sent_as = exists().where(
        deliveries.c.outbox_id == outbox.c.outbox_id, deliveries.c.message_id == message_id
    )
    await transaction.execute(
        update(outbox)
        .where(
            outbox.c.person_id == person_id,
            outbox.c.keyboard.is_not(None),
            is_sent_as,
        )
        .values(keyboard=None)
    )


async def retire(
    transaction: Transaction, person_id: PersonId, outbox_id: OutboxId, keyboard: str
) -> list[int]:
    """Forget the older keyboards that a message replaces, and return their Telegram messages."""
    replaced = FIRST if keyboard == "region" else keyboard
    if replaced in KEPT:
        return []
    older = select(outbox.c.outbox_id).where(
        outbox.c.person_id == person_id,
        outbox.c.outbox_id < outbox_id,
        outbox.c.keyboard == replaced,
    )
    ids = list((await transaction.execute(older)).scalars())
    if not ids:
        return []
    sent = (
        select(func.max(deliveries.c.message_id))
        .where(deliveries.c.outbox_id.in_(ids[-MOST:]), deliveries.c.message_id.is_not(None))
        .group_by(deliveries.c.outbox_id)
    )
    messages = list((await transaction.execute(sent)).scalars())
    await transaction.execute(
        update(outbox).where(outbox.c.outbox_id.in_(ids)).values(keyboard=None)
    )
    return messages
