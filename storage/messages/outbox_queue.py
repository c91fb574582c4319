"""The order of the outbox: which message of each chat is sent next.

`outbox.py` enqueues, claims and ends messages.
"""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, exists, or_, select
from sqlalchemy.orm import aliased

from storage.database import keys
from storage.database.connection import Transaction
from storage.database.schema import is_open, outbox, telegram_chats
from storage.ids import OutboxId
from storage.messages.body import from_json
from storage.messages.outbox import (
    PUT_OFF,
    SEAL_CONTEXT,
    Audience,
    MessageKind,
    OutboxMessage,
    OutboxState,
)


async def next_messages(
    transaction: Transaction, *, limit: int, busy: Collection[OutboxId] = ()
) -> list[OutboxMessage]:
    """Return the next due message of each chat, by priority, then oldest first.

    Only one message per chat is returned, so that a long queue does not block other chats. A
    message behind one that waits or is being sent keeps its place. A put-off message (`PUT_OFF`)
    lets others of its chat pass.
    """
    values = {"now": transaction.now, "most": limit, "busy": list(busy)}
    rows = (await transaction.execute(_due(), values)).all()
    return [await _message(transaction, row) for row in rows]


async def has_due(transaction: Transaction) -> bool:
    """Return whether a message is being sent or is due, and not only waits for a later retry."""
    sending = select(outbox.c.outbox_id).where(outbox.c.state == OutboxState.SENDING).limit(1)
    if (await transaction.execute(sending)).first() is not None:
        return True
    values = {"now": transaction.now, "most": 1, "busy": []}
    return (await transaction.execute(_due(), values)).first() is not None


@cache
def _due() -> Select[*tuple[Any, ...]]:
    """Build the query once, because it runs after every message sent."""
    now = bindparam("now", type_=outbox.c.created_at.type)
    return (
        select(outbox, telegram_chats.c.telegram_id)
        .join_from(
            outbox, telegram_chats, telegram_chats.c.person_id == outbox.c.person_id, isouter=True
        )
        .where(
            is_open(),
            outbox.c.state == OutboxState.QUEUED,
            # `created_at` is in the future if the clock was set back.
            or_(
                outbox.c.not_before_at <= now,
                outbox.c.created_at > now,
                outbox.c.expires_at < now,  # delivery ends it as expired
            ),
            ~_stands_behind(Audience.PERSON, now),
            ~_stands_behind(Audience.OPERATORS, now),
            outbox.c.outbox_id.not_in(bindparam("busy", expanding=True)),
        )
        .order_by(outbox.c.priority, outbox.c.outbox_id)
        .limit(bindparam("most", type_=Integer))
    )


def _stands_behind(audience: Audience, now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Build the condition that another open message of the same chat comes first.

    Put-off messages come last, those with the fewest attempts first. They block no other message
    while they wait.
    """
    other = aliased(outbox)
    earlier = or_(
        other.c.priority < outbox.c.priority,
        and_(other.c.priority == outbox.c.priority, other.c.outbox_id < outbox.c.outbox_id),
    )
    is_put_off = outbox.c.reason.is_not_distinct_from(PUT_OFF)
    comes_first = or_(
        other.c.state == OutboxState.SENDING,
        and_(other.c.reason.is_distinct_from(PUT_OFF), or_(is_put_off, earlier)),
        and_(
            other.c.reason == PUT_OFF,
            other.c.not_before_at <= now,
            is_put_off,
            or_(
                other.c.attempts < outbox.c.attempts,
                and_(other.c.attempts == outbox.c.attempts, earlier),
            ),
        ),
    )
    same = [outbox.c.audience == audience, other.c.audience == audience]
    if audience is Audience.PERSON:
        same.append(other.c.person_id == outbox.c.person_id)
    return exists().where(
        *same, other.c.outbox_id != outbox.c.outbox_id, is_open(other), comes_first
    )


async def _message(transaction: Transaction, row: Any) -> OutboxMessage:
    owner = row.person_id if row.person_id is not None else keys.SERVICE
    body = from_json(await keys.unseal(transaction, owner, row.body, SEAL_CONTEXT))
    telegram_id = row.telegram_id if row.audience == Audience.PERSON else body.to_telegram_id
    return OutboxMessage(
        outbox_id=row.outbox_id,
        person_id=row.person_id,
        audience=Audience(row.audience),
        telegram_id=telegram_id,
        kind=MessageKind(row.kind),
        body=body,
        attempts=row.attempts,
        preview_message_id=row.preview_message_id,
        created_at=row.created_at,
        check_in_id=row.check_in_id,
        turn_id=row.turn_id,
        expires_at=row.expires_at,
    )
