"""The inbox: every update once, from its arrival to its end.

A row is written before the update is confirmed to Telegram. It ends as `answered`, `held` (by a
human), `ignored` or `dead`, with a reason. Its payload is sealed, and erased when the row ends.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache

from sqlalchemy import ColumnElement, Executable, and_, bindparam, func, select, update

from storage.database import keys
from storage.database.connection import Transaction, insert_ignore
from storage.database.events import UpdatesReleased
from storage.database.schema import inbox
from storage.ids import PersonId, TurnId, UpdateId

SEAL_CONTEXT = "inbox.payload"
# The level of a long text until its lane screens it.
NOT_SCREENED = -1
DIGEST_CONTEXT = "inbox.digest"


class Ended(StrEnum):
    """The end of an update."""

    ANSWERED = "answered"
    HELD = "held"
    IGNORED = "ignored"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class SourceMessage:
    """The message in a private chat that an update is about.

    Attributes:
        message_id: its id, or None if it is not the person's own.
        thread_id: the topic of the private chat, or None.
        album_id: the album that it belongs to, or None.
    """

    message_id: int | None
    thread_id: int | None = None
    album_id: str | None = None


async def add(
    transaction: Transaction,
    update_id: UpdateId,
    *,
    kind: str,
    payload: str | None,
    person_id: PersonId | None,
    level: int = 0,
    categories: str = "",
    ended_as: Ended | None = None,
    reason: str | None = None,
    source: SourceMessage | None = None,
    text: str = "",
) -> bool:
    """Store an update, and return False if it was stored before.

    Of the text only a sealed digest is kept, by which an edit is told from no change.
    """
    sealed = digest = None
    if payload is not None and ended_as is None:
        sealed = await keys.seal(transaction, owner_of(person_id), payload, SEAL_CONTEXT)
    source = source or SourceMessage(None)
    if person_id is not None and source.message_id is not None:
        digest = await keys.seal(transaction, person_id, _digest(text), DIGEST_CONTEXT)
    values = {
        "update_id": update_id,
        "person_id": person_id,
        "kind": kind,
        "payload": sealed,
        "level": level,
        "categories": categories,
        "received_at": transaction.now,
        "ended_as": ended_as,
        "reason": reason,
        "ended_at": transaction.now if ended_as else None,
        "message_id": source.message_id,
        "thread_id": source.thread_id,
        "album_id": source.album_id,
        "digest": digest,
    }
    return (await transaction.execute(_add(transaction.dialect), values)).first() is not None


@cache
def _add(dialect: str) -> Executable:
    # RETURNING, because not every driver counts the rows of an INSERT that does nothing.
    return insert_ignore(dialect, inbox).returning(inbox.c.update_id)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=12).hexdigest()


async def is_unchanged(
    transaction: Transaction, person_id: PersonId, message_id: int, text: str
) -> bool:
    """Return whether a message of a person is known and had this text last."""
    query = (
        select(inbox.c.digest)
        .where(
            inbox.c.person_id == person_id,
            inbox.c.message_id == message_id,
            inbox.c.digest.is_not(None),
        )
        .order_by(inbox.c.update_id.desc())
        .limit(1)
    )
    sealed = (await transaction.execute(query)).scalar_one_or_none()
    if sealed is None:
        return False
    return await keys.unseal(transaction, person_id, sealed, DIGEST_CONTEXT) == _digest(text)


async def has_album(transaction: Transaction, person_id: PersonId, album_id: str) -> bool:
    """Return whether a message of this album is in the inbox."""
    query = select(inbox.c.update_id).where(
        inbox.c.person_id == person_id, inbox.c.album_id == album_id
    )
    return (await transaction.execute(query.limit(1))).first() is not None


async def has_row_since(transaction: Transaction, person_id: PersonId, since: datetime) -> bool:
    """Return whether an update of a person was stored after an instant."""
    query = select(inbox.c.update_id).where(
        inbox.c.person_id == person_id, inbox.c.received_at > since
    )
    return (await transaction.execute(query.limit(1))).first() is not None


async def thread_of(
    transaction: Transaction, person_id: PersonId, update_id: UpdateId | None
) -> int | None:
    """Return the topic of an update, or of the one that a person waits for or sent last."""
    values = {"person": person_id, "id": update_id}
    row = (await transaction.execute(_thread_of(), values)).first()
    return row.thread_id if row is not None else None


@cache
def _thread_of() -> Executable:
    mine = inbox.c.person_id == bindparam("person")
    is_open = and_(inbox.c.ended_as.is_(None), inbox.c.waits_for_consent == 0)
    oldest_open = select(func.min(inbox.c.update_id)).where(mine, is_open).scalar_subquery()
    newest = select(func.max(inbox.c.update_id)).where(mine).scalar_subquery()
    asked = bindparam("id", type_=inbox.c.update_id.type)
    return select(inbox.c.thread_id).where(
        mine, inbox.c.update_id == func.coalesce(asked, oldest_open, newest)
    )


async def exists(transaction: Transaction, update_id: UpdateId) -> bool:
    """Return whether the update is in the inbox."""
    query = select(inbox.c.update_id).where(inbox.c.update_id == update_id)
    return (await transaction.execute(query)).first() is not None


async def end(
    transaction: Transaction,
    update_ids: Collection[UpdateId],
    ended_as: Ended,
    *,
    reason: str | None = None,
) -> int:
    """End open rows, erase their payloads, and return how many were open."""
    values = {"ids": list(update_ids), "as": ended_as, "why": reason, "at": transaction.now}
    return (await transaction.execute(_end(), values)).rowcount


@cache
def _end() -> Executable:
    return (
        update(inbox)
        .where(among(), inbox.c.ended_as.is_(None))
        .values(
            ended_as=bindparam("as"),
            reason=bindparam("why"),
            ended_at=bindparam("at"),
            payload=None,
            waits_for_consent=0,
        )
    )


def among() -> ColumnElement[bool]:
    """Build the condition that a row is one of the updates `ids`."""
    return inbox.c.update_id.in_(bindparam("ids", expanding=True))


async def has_ended_since(
    transaction: Transaction, person_id: PersonId, reason: str, since: datetime
) -> bool:
    """Return whether an update of a person ended with a reason after an instant."""
    query = select(inbox.c.update_id).where(
        inbox.c.person_id == person_id, inbox.c.reason == reason, inbox.c.ended_at > since
    )
    return (await transaction.execute(query.limit(1))).first() is not None


async def end_before(
    transaction: Transaction, person_id: PersonId, update_id: UpdateId, *, reason: str
) -> None:
    """End a person's open updates before this one."""
    await transaction.execute(
        update(inbox)
        .where(
            inbox.c.person_id == person_id,
            inbox.c.update_id < update_id,
            inbox.c.ended_as.is_(None),
        )
        .values(
            ended_as=Ended.ANSWERED,
            reason=reason,
            ended_at=transaction.now,
            payload=None,
            waits_for_consent=0,
        )
    )


async def set_level(transaction: Transaction, update_id: UpdateId, level: int) -> None:
    """Store the level of an update that its lane has screened."""
    await transaction.execute(
        update(inbox).where(inbox.c.update_id == update_id).values(level=level)
    )


async def received_at(transaction: Transaction, update_id: UpdateId) -> datetime | None:
    """Return when an update was stored, or None if it is not in the inbox."""
    query = select(inbox.c.received_at).where(inbox.c.update_id == update_id)
    return (await transaction.execute(query)).scalar_one_or_none()


async def has_ended_by(transaction: Transaction, person_id: PersonId, reason: str) -> bool:
    """Return whether an update of the person ended for this reason."""
    query = select(inbox.c.update_id).where(
        inbox.c.person_id == person_id, inbox.c.reason == reason
    )
    return (await transaction.execute(query.limit(1))).first() is not None


async def link_turn(
    transaction: Transaction, update_ids: Collection[UpdateId], turn_id: TurnId
) -> None:
    """Store which turn holds the text of these updates."""
    await transaction.execute(_link_turn(), {"ids": list(update_ids), "turn": turn_id})


@cache
def _link_turn() -> Executable:
    return update(inbox).where(among()).values(turn_id=bindparam("turn"))


async def linked_turn(transaction: Transaction, update_ids: Collection[UpdateId]) -> TurnId | None:
    """Return the turn that holds text of these updates, or None."""
    values = {"ids": list(update_ids)}
    turn_id = (await transaction.execute(_linked_turn(), values)).scalar_one()
    return TurnId(turn_id) if turn_id is not None else None


@cache
def _linked_turn() -> Executable:
    return select(func.max(inbox.c.turn_id)).where(among())


async def add_attempt(transaction: Transaction, update_ids: Collection[UpdateId]) -> int:
    """Count one more attempt at these updates, and return the highest count."""
    result = await transaction.execute(
        update(inbox)
        .where(inbox.c.update_id.in_(update_ids))
        .values(attempts=inbox.c.attempts + 1)
        .returning(inbox.c.attempts)
    )
    return max(result.scalars().all(), default=0)


async def await_consent(transaction: Transaction, update_ids: Collection[UpdateId]) -> None:
    """Mark updates as waiting for the person's consent."""
    await transaction.execute(
        update(inbox).where(inbox.c.update_id.in_(update_ids)).values(waits_for_consent=1)
    )


async def release_after_consent(transaction: Transaction, person_id: PersonId) -> int:
    """Release the updates that waited for consent, and return how many did."""
    released = await transaction.execute(
        update(inbox)
        .where(
            inbox.c.person_id == person_id,
            inbox.c.ended_as.is_(None),
            inbox.c.waits_for_consent == 1,
        )
        .values(waits_for_consent=0)
    )
    if released.rowcount:
        transaction.record(UpdatesReleased(person_id))
    return int(released.rowcount)


def owner_of(person_id: PersonId | None) -> int:
    """Return whose key seals the payload."""
    return person_id if person_id is not None else keys.SERVICE
