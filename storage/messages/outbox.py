"""The outbox: every word to be sent, written before it is sent.

The words of a row are sealed with the key of the person they are about, and erased at its end.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache

from sqlalchemy import (
    ColumnElement,
    Executable,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from storage.database import keys, leases
from storage.database.connection import Transaction
from storage.database.events import MessagesQueued
from storage.database.schema import is_open, outbox, people
from storage.ids import CheckInId, OutboxId, PersonId, TurnId, UpdateId
from storage.messages.body import MessageBody, to_json

SEAL_CONTEXT = "outbox.body"
PUT_OFF = "not_now"
"""The reason of a message that alone cannot go now: it keeps nobody else waiting."""


class MessageKind(StrEnum):
    """What a message is, which decides its priority and how it is repeated."""

    CRISIS = "crisis"
    CASE = "case"
    NOTICE = "notice"
    REPLY = "reply"
    RELAY = "relay"  # an operator's words to the person
    CHECK_IN = "check_in"


PRIORITIES = {
    MessageKind.CRISIS: 0,
    MessageKind.RELAY: 0,
    MessageKind.CASE: 1,
    MessageKind.NOTICE: 5,
    MessageKind.REPLY: 5,
    # Ten thousand people may want nine o'clock. A person who talks does not wait for them.
    MessageKind.CHECK_IN: 6,
}
AT_MOST_ONCE = (MessageKind.REPLY, MessageKind.NOTICE, MessageKind.CHECK_IN)
"""What a backup that is restored does not say again: it may have been said since."""


class OutboxState(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"  # the answer to a send was lost
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Audience(StrEnum):
    """To whom a message goes."""

    PERSON = "person"
    OPERATORS = "operators"
    OPERATOR = "operator"  # one of them, in their private chat
    FAREWELL = "farewell"  # a last word to somebody whose rows are gone


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A row of the outbox as delivery sees it.

    Attributes:
        telegram_id: the person's chat; None for the operators' chat.
        check_in_id: the check-in that it asks, or comes with.
        expires_at: after it the message is not to be sent any more.
    """

    outbox_id: OutboxId
    person_id: PersonId | None
    audience: Audience
    telegram_id: int | None
    kind: MessageKind
    body: MessageBody
    attempts: int
    preview_message_id: int | None
    created_at: datetime
    check_in_id: CheckInId | None = None
    expires_at: datetime | None = None


async def put(
    transaction: Transaction,
    kind: MessageKind,
    body: MessageBody,
    *,
    person_id: PersonId | None,
    now: datetime,
    audience: Audience = Audience.PERSON,
    epoch: int | None = None,
    update_id: UpdateId | None = None,
    turn_id: TurnId | None = None,
    preview_message_id: int | None = None,
    ended_as: OutboxState | None = None,
    expires_at: datetime | None = None,
    check_in_id: CheckInId | None = None,
) -> OutboxId:
    """Queue a message.

    Args:
        transaction: in which it is written.
        kind: what it is.
        body: its words; sealed with the key of `person_id`.
        person_id: whose words it holds; None for nobody's (the service's key).
        now: the present instant.
        audience: to whom it goes.
        epoch: the message is cancelled if the person's epoch has moved on.
        update_id: the update that it answers.
        turn_id: the turn that keeps its words.
        preview_message_id: a message that becomes the text by an edit.
        ended_as: it was said already by another way; only the record is written.
        expires_at: after it the message is not to be sent any more.
        check_in_id: the check-in that it asks, or comes with.
    """
    transaction.record(MessagesQueued())
    owner = person_id if person_id is not None else keys.SERVICE
    sealed = await keys.seal(transaction, owner, to_json(body), SEAL_CONTEXT)
    values = {
        "person_id": person_id,
        "audience": audience,
        "kind": kind,
        "priority": PRIORITIES[kind],
        "body": None if ended_as else sealed,
        "epoch": epoch,
        "update_id": update_id,
        "turn_id": turn_id,
        "check_in_id": check_in_id,
        "preview_message_id": preview_message_id,
        "state": ended_as or OutboxState.QUEUED,
        "not_before_at": now,
        "expires_at": expires_at,
        "created_at": now,
        "ended_at": now if ended_as else None,
    }
    return OutboxId((await transaction.execute(_put(), values)).scalar_one())


@cache
def _put() -> Executable:
    return insert(outbox).returning(outbox.c.outbox_id)


def _is_ours(*, is_fenced: bool) -> ColumnElement[bool]:
    """Whether a message is of the person's present epoch, and this process the leading one."""
    present = (
        select(people.c.epoch).where(people.c.person_id == outbox.c.person_id).scalar_subquery()
    )
    in_time = or_(outbox.c.epoch.is_(None), outbox.c.epoch == present)
    return and_(in_time, leases.holds(leases.SERVICE)) if is_fenced else in_time


async def claim(transaction: Transaction, outbox_id: OutboxId, *, fence: int | None = None) -> bool:
    """Take a queued message to send it; False where it is fenced off or taken.

    One conditional UPDATE: of two senders one wins, a message of an older epoch stays, and a
    process whose lease another has taken since (`fence`) gets nothing.
    """
    values = {"message": outbox_id, "fence": fence}
    return (await transaction.execute(_claim(fence is not None), values)).rowcount == 1


@cache
def _claim(is_fenced: bool) -> Executable:
    return (
        update(outbox)
        .where(
            outbox.c.outbox_id == bindparam("message"),
            outbox.c.state == OutboxState.QUEUED,
            _is_ours(is_fenced=is_fenced),
        )
        .values(state=OutboxState.SENDING, attempts=outbox.c.attempts + 1)
    )


async def still_claimed(
    transaction: Transaction, outbox_id: OutboxId, *, fence: int | None = None
) -> bool:
    """Whether a message of which a part was sent is still ours to send; see `claim`."""
    query = select(outbox.c.outbox_id).where(
        outbox.c.outbox_id == outbox_id,
        outbox.c.state == OutboxState.SENDING,
        _is_ours(is_fenced=fence is not None),
    )
    return (await transaction.execute(query, {"fence": fence})).first() is not None


async def cancel_if_superseded(
    transaction: Transaction, outbox_id: OutboxId, *, now: datetime
) -> bool:
    """End a message of an older epoch: nobody may send it any more. Whether it was one."""
    cancelled = await transaction.execute(
        update(outbox)
        .where(outbox.c.outbox_id == outbox_id, is_open(), ~_is_ours(is_fenced=False))
        .values(state=OutboxState.CANCELLED, reason="epoch", ended_at=now, body=None)
    )
    return cancelled.rowcount == 1


async def end(
    transaction: Transaction,
    outbox_id: OutboxId,
    state: OutboxState,
    *,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Give a message its end."""
    values = {"message": outbox_id, "as": state, "why": reason, "at": now}
    await transaction.execute(_end(), values)


@cache
def _end() -> Executable:
    return (
        update(outbox)
        .where(outbox.c.outbox_id == bindparam("message"))
        .values(state=bindparam("as"), reason=bindparam("why"), ended_at=bindparam("at"), body=None)
    )


async def postpone(
    transaction: Transaction,
    outbox_id: OutboxId,
    *,
    until: datetime,
    reason: str,
    attempts: int | None = None,
) -> None:
    """Put a message back to be tried again.

    Args:
        transaction: in which it is written.
        outbox_id: the message.
        until: when it is tried again.
        reason: why it was not sent; `PUT_OFF`: it alone cannot go now.
        attempts: how many tries it has had; None: as many as there were claims.
    """
    values: dict[str, object] = {
        "state": OutboxState.QUEUED,
        "not_before_at": until,
        "reason": reason,
    }
    if attempts is not None:
        values["attempts"] = attempts
    await transaction.execute(
        update(outbox).where(outbox.c.outbox_id == outbox_id).values(**values)
    )


async def hold_put_off(transaction: Transaction, audience: Audience, *, until: datetime) -> None:
    """Let what was put off of one chat wait a while: it would fare as the one just tried."""
    await transaction.execute(
        update(outbox)
        .where(
            outbox.c.state == OutboxState.QUEUED,
            outbox.c.audience == audience,
            outbox.c.reason == PUT_OFF,
            outbox.c.not_before_at < until,
        )
        .values(not_before_at=until)
    )


async def requeue(transaction: Transaction, outbox_id: OutboxId | None = None) -> int:
    """Put what was being sent back (None: all of it, after a crash); return how many.

    Its attempts tell how far it came.
    """
    statement = update(outbox).where(outbox.c.state == OutboxState.SENDING)
    if outbox_id is not None:
        statement = statement.where(outbox.c.outbox_id == outbox_id)
    return (await transaction.execute(statement.values(state=OutboxState.QUEUED))).rowcount


async def count_open(transaction: Transaction) -> int:
    """How many messages wait or are being sent."""
    query = select(func.count()).select_from(outbox).where(is_open())
    return int((await transaction.execute(query)).scalar_one())


async def count_stuck(transaction: Transaction, *, tries: int) -> int:
    """How many messages are open after so many tries."""
    query = select(func.count()).select_from(outbox).where(is_open(), outbox.c.attempts >= tries)
    return int((await transaction.execute(query)).scalar_one())
