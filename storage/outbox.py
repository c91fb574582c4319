"""The outbox: every word to be sent, written before it is sent, with each attempt.

Knows nothing of Telegram's limits or errors. A row goes queued -> sending -> sent,
unknown (the answer to a send was lost), failed or cancelled; its words are erased
at its end, because the turn keeps them.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update

from storage.database import Transaction
from storage.ids import OutboxId, PersonId, TurnId, UpdateId
from storage.schema import OPEN_STATES, deliveries, outbox, people, telegram_chats


class Kind(StrEnum):
    """What a message is, which decides its priority and how it is repeated."""

    CRISIS = "crisis"
    CASE = "case"
    NOTICE = "notice"
    REPLY = "reply"


PRIORITIES = {Kind.CRISIS: 0, Kind.CASE: 1, Kind.NOTICE: 5, Kind.REPLY: 5}


class Outcome(StrEnum):
    """How one attempt at one part ended."""

    ATTEMPTING = "attempting"
    SENT = "sent"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: plain text, entities as Telegram's dicts, rows of (label, data)."""

    text: str
    buttons: list[list[tuple[str, str]]] = field(default_factory=list)
    entities: list[dict[str, Any]] = field(default_factory=list)
    # A last word to somebody whose rows are gone; erased with the body when sent.
    to_telegram_id: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A row of the outbox as delivery sees it."""

    outbox_id: OutboxId
    person_id: PersonId | None
    telegram_id: int | None
    kind: Kind
    body: Body
    attempts: int
    preview_message_id: int | None
    blocked: bool


async def put(
    transaction: Transaction,
    kind: Kind,
    body: Body,
    *,
    person_id: PersonId | None,
    now: datetime,
    epoch: int | None = None,
    update_id: UpdateId | None = None,
    turn_id: TurnId | None = None,
    preview_message_id: int | None = None,
) -> OutboxId:
    """Queue a message; `person_id` None sends it to the operators' chat.

    With an `epoch` the message is cancelled if the person's epoch has moved on.
    """
    made = await transaction.execute(
        insert(outbox)
        .values(
            person_id=person_id,
            kind=kind,
            priority=PRIORITIES[kind],
            body={
                "text": body.text,
                "buttons": body.buttons,
                "entities": body.entities,
                "to": body.to_telegram_id,
            },
            epoch=epoch,
            update_id=update_id,
            turn_id=turn_id,
            preview_message_id=preview_message_id,
            state="queued",
            not_before_at=now,
            created_at=now,
        )
        .returning(outbox.c.outbox_id)
    )
    return OutboxId(made.scalar_one())


async def due(
    transaction: Transaction, *, now: datetime, limit: int, without: Collection[OutboxId]
) -> list[Message]:
    """Queued messages whose time has come: crisis first, then in order of writing."""
    query = (
        select(
            outbox.c.outbox_id,
            outbox.c.person_id,
            telegram_chats.c.telegram_id,
            outbox.c.kind,
            outbox.c.body,
            outbox.c.attempts,
            outbox.c.preview_message_id,
            telegram_chats.c.blocked_at,
        )
        .join_from(
            outbox,
            telegram_chats,
            telegram_chats.c.person_id == outbox.c.person_id,
            isouter=True,
        )
        .where(
            outbox.c.state == "queued",
            outbox.c.not_before_at <= now,
            outbox.c.outbox_id.not_in(without),
        )
        .order_by(outbox.c.priority, outbox.c.outbox_id)
        .limit(limit)
    )
    return [
        Message(
            outbox_id=row.outbox_id,
            person_id=row.person_id,
            telegram_id=row.body["to"] if row.body["to"] is not None else row.telegram_id,
            kind=Kind(row.kind),
            body=Body(
                row.body["text"],
                [[(label, data) for label, data in line] for line in row.body["buttons"]],
                row.body["entities"],
                row.body["to"],
            ),
            attempts=row.attempts,
            preview_message_id=row.preview_message_id,
            blocked=row.blocked_at is not None,
        )
        for row in await transaction.execute(query)
    ]


async def claim(transaction: Transaction, outbox_id: OutboxId, *, now: datetime) -> bool:
    """Take a queued message to send it; False where it is fenced off or taken.

    One conditional UPDATE: of two senders one wins, and a message of an older epoch is
    cancelled instead.
    """
    present = (
        select(people.c.epoch).where(people.c.person_id == outbox.c.person_id).scalar_subquery()
    )
    in_time = or_(outbox.c.epoch.is_(None), outbox.c.epoch == present)
    mine = and_(outbox.c.outbox_id == outbox_id, outbox.c.state == "queued")
    claimed = await transaction.execute(
        update(outbox).where(mine, in_time).values(state="sending", attempts=outbox.c.attempts + 1)
    )
    if claimed.rowcount == 1:
        return True
    await transaction.execute(
        update(outbox)
        .where(mine)
        .values(state="cancelled", reason="epoch", ended_at=now, body=_erased())
    )
    return False


async def end(
    transaction: Transaction,
    outbox_id: OutboxId,
    state: str,
    *,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Give a message its end: sent, unknown, failed or cancelled."""
    await transaction.execute(
        update(outbox)
        .where(outbox.c.outbox_id == outbox_id)
        .values(state=state, reason=reason, ended_at=now, body=_erased())
    )


async def postpone(
    transaction: Transaction, outbox_id: OutboxId, *, until: datetime, reason: str
) -> None:
    """Put a message back to be tried again."""
    await transaction.execute(
        update(outbox)
        .where(outbox.c.outbox_id == outbox_id)
        .values(state="queued", not_before_at=until, reason=reason)
    )


async def begin_attempt(
    transaction: Transaction, outbox_id: OutboxId, part: int, *, now: datetime
) -> int:
    """Record that a part is about to be sent; return the attempt's id."""
    made = await transaction.execute(
        insert(deliveries)
        .values(outbox_id=outbox_id, part=part, outcome=Outcome.ATTEMPTING, attempted_at=now)
        .returning(deliveries.c.delivery_id)
    )
    return int(made.scalar_one())


async def end_attempt(
    transaction: Transaction,
    delivery_id: int,
    outcome: Outcome,
    *,
    message_id: int | None = None,
    error: str | None = None,
) -> None:
    """Record how an attempt ended."""
    await transaction.execute(
        update(deliveries)
        .where(deliveries.c.delivery_id == delivery_id)
        .values(outcome=outcome, message_id=message_id, error=error)
    )


async def last_outcomes(transaction: Transaction, outbox_id: OutboxId) -> dict[int, Outcome]:
    """The latest outcome of every part tried so far."""
    query = (
        select(deliveries.c.part, deliveries.c.outcome)
        .where(deliveries.c.outbox_id == outbox_id)
        .order_by(deliveries.c.delivery_id)
    )
    return {part: Outcome(outcome) for part, outcome in await transaction.execute(query)}


async def requeue_interrupted(transaction: Transaction) -> int:
    """After a crash: put what was being sent back; its attempts tell how far it came."""
    result = await transaction.execute(
        update(outbox).where(outbox.c.state == "sending").values(state="queued")
    )
    return result.rowcount


async def cancel_open(
    transaction: Transaction, person_id: PersonId, *, reason: str, now: datetime
) -> None:
    """Cancel what waits to be sent to a person."""
    await transaction.execute(
        update(outbox)
        .where(outbox.c.person_id == person_id, outbox.c.state == "queued")
        .values(state="cancelled", reason=reason, ended_at=now, body=_erased())
    )


async def count_open(transaction: Transaction) -> int:
    """How many messages wait or are being sent."""
    query = select(func.count()).where(outbox.c.state.in_(OPEN_STATES))
    return int((await transaction.execute(query)).scalar_one())


def _erased() -> dict[str, Any]:
    return {"text": "", "buttons": [], "entities": [], "to": None}
