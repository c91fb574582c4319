"""The path of a message through inbox and outbox, without its text."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from storage.database.connection import Transaction
from storage.database.schema import deliveries, inbox, outbox, telegram_chats


@dataclass(frozen=True, slots=True)
class TracedSend:
    """A message that answered an update, with the last outcome of each part."""

    outbox_id: int
    kind: str
    state: str
    reason: str | None
    parts: list[str]


@dataclass(frozen=True, slots=True)
class Hop:
    """An update, its end and the messages that answered it."""

    update_id: int
    kind: str
    level: int
    received_at: datetime
    ended_as: str | None
    reason: str | None
    attempts: int
    sent: list[TracedSend]


async def of_chat(transaction: Transaction, telegram_id: int, *, limit: int = 200) -> list[Hop]:
    """Return the last `limit` updates of a chat, oldest first."""
    query = (
        select(inbox)
        .join(telegram_chats, telegram_chats.c.person_id == inbox.c.person_id)
        .where(telegram_chats.c.telegram_id == telegram_id)
        .order_by(inbox.c.update_id.desc())
        .limit(limit)
    )
    rows = (await transaction.execute(query)).all()
    sent = await _sent(transaction, [row.update_id for row in rows])
    return [
        Hop(
            row.update_id,
            row.kind,
            row.level,
            row.received_at,
            row.ended_as,
            row.reason,
            row.attempts,
            sent[row.update_id],
        )
        for row in reversed(rows)
    ]


async def _sent(transaction: Transaction, update_ids: list[int]) -> dict[int, list[TracedSend]]:
    query = select(outbox).where(outbox.c.update_id.in_(update_ids)).order_by(outbox.c.outbox_id)
    messages = (await transaction.execute(query)).all()
    attempts = (
        select(deliveries.c.outbox_id, deliveries.c.part, deliveries.c.outcome)
        .where(deliveries.c.outbox_id.in_([message.outbox_id for message in messages]))
        .order_by(deliveries.c.delivery_id)
    )
    parts: dict[int, dict[int, str]] = defaultdict(dict)
    for outbox_id, part, outcome in await transaction.execute(attempts):
        parts[outbox_id][part] = outcome
    sent: dict[int, list[TracedSend]] = defaultdict(list)
    for message in messages:
        outcomes = [outcome for _, outcome in sorted(parts[message.outbox_id].items())]
        sent[message.update_id].append(
            TracedSend(message.outbox_id, message.kind, message.state, message.reason, outcomes)
        )
    return sent
