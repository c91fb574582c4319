"""The outbox: every message, written before it is sent.

A message is sealed with the key of the person it is about, and erased when its row ends.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from sqlalchemy import ColumnElement, Executable, and_, bindparam, func, insert, or_, select, update

from storage.database import keys, leases
from storage.database.connection import Transaction
from storage.database.events import MessagesQueued
from storage.database.schema import is_open, outbox, people
from storage.ids import CheckInId, OutboxId, PersonId, TurnId, UpdateId
from storage.messages import inbox
from storage.messages.body import MessageBody, to_json
from storage.messages.keyboards import asked_by

SEAL_CONTEXT = "outbox.body"
# The reason of a message that cannot be sent now but does not block others of its chat.
PUT_OFF = "not_now"


class MessageKind(StrEnum):
    """The kind of a message, which decides its priority and retries."""

    CRISIS = "crisis"
    CASE = "case"
    NOTICE = "notice"
    REPLY = "reply"
    OPERATOR_REPLY = "relay"  # an operator's message to the person
    CHECK_IN = "check_in"
    CONTACT = "contact"  # tells a trusted contact


PRIORITIES = {
    MessageKind.CRISIS: 0,
    MessageKind.OPERATOR_REPLY: 0,
    MessageKind.CONTACT: 0,
    MessageKind.CASE: 1,
    MessageKind.NOTICE: 5,
    MessageKind.REPLY: 5,
    # Below replies: ten thousand people may choose nine o'clock, and a conversation goes first.
    MessageKind.CHECK_IN: 6,
}
# Not sent again after a restore, because they may have been sent since the backup.
AT_MOST_ONCE = (MessageKind.REPLY, MessageKind.NOTICE, MessageKind.CHECK_IN)


class OutboxState(StrEnum):
    """The state of a message."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"  # the answer to a send was lost
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Audience(StrEnum):
    """The recipient of a message."""

    PERSON = "person"
    OPERATORS = "operators"
    OPERATOR = "operator"  # one operator, in their private chat
    FAREWELL = "farewell"  # the last message to a person whose rows are erased


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A row of the outbox for delivery.

    Attributes:
        telegram_id: the recipient's chat, or None for the operators' chat.
        check_in_id: the check-in that it asks or accompanies.
        turn_id: the turn that it answers.
        expires_at: do not send the message after it.
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
    turn_id: TurnId | None = None
    expires_at: datetime | None = None


async def put(
    transaction: Transaction,
    kind: MessageKind,
    body: MessageBody,
    *,
    person_id: PersonId | None,
    audience: Audience = Audience.PERSON,
    epoch: int | None = None,
    update_id: UpdateId | None = None,
    turn_id: TurnId | None = None,
    preview_message_id: int | None = None,
    ended_as: OutboxState | None = None,
    expires_at: datetime | None = None,
    check_in_id: CheckInId | None = None,
    wait: timedelta = timedelta(),
) -> OutboxId:
    """Queue a message.

    Args:
        transaction: the transaction that writes it.
        kind: its kind.
        body: its content, sealed with the key of `person_id`.
        person_id: the person it is about. None seals it with the service's key.
        audience: its recipient.
        epoch: the person's epoch. The message is cancelled if the epoch has risen since.
        update_id: the update that it answers.
        turn_id: the turn that holds its text.
        preview_message_id: the preview to replace by an edit.
        ended_as: the end of a message that was sent by other means and is only recorded.
        expires_at: do not send the message after it.
        check_in_id: the check-in that it asks or accompanies.
        wait: how long it waits before it is sent. Later messages of its chat wait behind it.
    """
    transaction.record(MessagesQueued())
    if person_id is not None and audience is Audience.PERSON and body.to_telegram_id is None:
        thread_id = await inbox.thread_of(transaction, person_id, update_id)
        body = replace(body, thread_id=thread_id)
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
        "keyboard": asked_by(body) if kind is MessageKind.NOTICE else None,
        "state": ended_as or OutboxState.QUEUED,
        "not_before_at": transaction.now + wait,
        "expires_at": expires_at,
        "created_at": transaction.now,
        "ended_at": transaction.now if ended_as else None,
    }
    return OutboxId((await transaction.execute(_put(), values)).scalar_one())


@cache
def _put() -> Executable:
    return insert(outbox).returning(outbox.c.outbox_id)


def _is_ours(*, is_fenced: bool) -> ColumnElement[bool]:
    """Build the condition that a message is of the present epoch, and if fenced, ours to send."""
    present = (
        select(people.c.epoch).where(people.c.person_id == outbox.c.person_id).scalar_subquery()
    )
    in_time = or_(outbox.c.epoch.is_(None), outbox.c.epoch == present)
    return and_(in_time, leases.holds(leases.SERVICE)) if is_fenced else in_time


async def claim(transaction: Transaction, outbox_id: OutboxId, *, fence: int | None = None) -> bool:
    """Claim a queued message, and return False if it is fenced off or claimed.

    One conditional UPDATE lets only one of two senders succeed. It skips messages of an older
    epoch, and all messages if another process has taken the lease since (`fence`).
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
    """Return whether a partly sent message is still ours to send, as in `claim`."""
    query = select(outbox.c.outbox_id).where(
        outbox.c.outbox_id == outbox_id,
        outbox.c.state == OutboxState.SENDING,
        _is_ours(is_fenced=fence is not None),
    )
    return (await transaction.execute(query, {"fence": fence})).first() is not None


async def cancel_if_superseded(transaction: Transaction, outbox_id: OutboxId) -> bool:
    """Cancel a message of an older epoch, and return whether it was one."""
    cancelled = await transaction.execute(
        update(outbox)
        .where(outbox.c.outbox_id == outbox_id, is_open(), ~_is_ours(is_fenced=False))
        .values(state=OutboxState.CANCELLED, reason="epoch", ended_at=transaction.now, body=None)
    )
    return cancelled.rowcount == 1


async def has_reply_waiting(transaction: Transaction, person_id: PersonId) -> bool:
    """Return whether an operator's message waits that can still be taken back."""
    query = select(outbox.c.outbox_id).where(*_is_waiting_reply(transaction, person_id))
    return (await transaction.execute(query)).first() is not None


async def cancel_waiting_reply(
    transaction: Transaction, person_id: PersonId
) -> list[TurnId | None]:
    """Cancel an operator's message that still waits.

    Returns:
        Its turn, or None if it was not kept. Nothing if no message waits.
    """
    cancelled = await transaction.execute(
        update(outbox)
        .where(*_is_waiting_reply(transaction, person_id))
        .values(
            state=OutboxState.CANCELLED, reason="taken_back", ended_at=transaction.now, body=None
        )
        .returning(outbox.c.turn_id)
    )
    return list(cancelled.scalars())


def _is_waiting_reply(
    transaction: Transaction, person_id: PersonId
) -> tuple[ColumnElement[bool], ...]:
    """Build the condition of an operator's message that waits and was never tried."""
    return (
        outbox.c.person_id == person_id,
        outbox.c.kind == MessageKind.OPERATOR_REPLY,
        outbox.c.state == OutboxState.QUEUED,
        outbox.c.attempts == 0,
        outbox.c.not_before_at > transaction.now,
    )


async def end(
    transaction: Transaction, outbox_id: OutboxId, state: OutboxState, *, reason: str | None = None
) -> None:
    """End a message and erase its body."""
    values = {"message": outbox_id, "as": state, "why": reason, "at": transaction.now}
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
    """Queue a message for a retry. The reason `PUT_OFF` lets others of its chat pass.

    `attempts` is the number of attempts so far. None keeps the number of claims.
    """
    statement = update(outbox).where(outbox.c.outbox_id == outbox_id)
    if attempts is not None:
        statement = statement.values(attempts=attempts)
    await transaction.execute(
        statement.values(state=OutboxState.QUEUED, not_before_at=until, reason=reason)
    )


async def hold_put_off(transaction: Transaction, audience: Audience, *, until: datetime) -> None:
    """Delay a chat's put-off messages, because they would fail like the one just tried."""
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
    """Queue a message that was being sent, and return how many were queued.

    None queues all of them after a crash. Their delivery attempts tell which parts were sent.
    """
    statement = update(outbox).where(outbox.c.state == OutboxState.SENDING)
    if outbox_id is not None:
        statement = statement.where(outbox.c.outbox_id == outbox_id)
    return (await transaction.execute(statement.values(state=OutboxState.QUEUED))).rowcount


async def count_open(transaction: Transaction) -> int:
    """Count messages that wait or are being sent."""
    query = select(func.count()).select_from(outbox).where(is_open())
    return int((await transaction.execute(query)).scalar_one())


async def count_stuck(
    transaction: Transaction, *, tries: int, audience: Audience | None = None
) -> int:
    """Count open messages with at least this many attempts, perhaps of one audience."""
    query = select(func.count()).select_from(outbox).where(is_open(), outbox.c.attempts >= tries)
    if audience is not None:
        query = query.where(outbox.c.audience == audience)
    return int((await transaction.execute(query)).scalar_one())
