"""What may be quoted from a conversation: nothing that was off the record, or is erased."""

from sqlalchemy import and_, func, select, union

from storage.database.connection import Transaction
from storage.database.schema import deliveries, inbox, outbox, turns
from storage.ids import PersonId


async def is_quotable(transaction: Transaction, person_id: PersonId, message_id: int) -> bool:
    """Return whether the turns of a message are all stored on the record.

    A message of which no turn is known is not ours to keep back.
    """
    said = select(inbox.c.turn_id).where(
        inbox.c.person_id == person_id,
        inbox.c.message_id == message_id,
        inbox.c.turn_id.is_not(None),
    )
    sent = (
        select(outbox.c.turn_id)
        .join(deliveries, deliveries.c.outbox_id == outbox.c.outbox_id)
        .where(
            outbox.c.person_id == person_id,
            deliveries.c.message_id == message_id,
            outbox.c.turn_id.is_not(None),
        )
    )
    known = union(said, sent).subquery()
    on_record = and_(turns.c.turn_id == known.c.turn_id, turns.c.off_record == 0)
    query = select(func.count(), func.count(turns.c.turn_id)).select_from(
        known.outerjoin(turns, on_record)
    )
    total, stored = (await transaction.execute(query)).one()
    return bool(total == stored)
