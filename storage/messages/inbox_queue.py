"""The updates of the inbox that have not ended, in the order in which a restart takes them.

`inbox.py` stores and ends them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from sqlalchemy import ColumnElement, Executable, func, select

from storage.database import keys
from storage.database.connection import Transaction
from storage.database.schema import inbox
from storage.ids import PersonId, UpdateId
from storage.messages.inbox import SEAL_CONTEXT, among, owner_of


@dataclass(frozen=True, slots=True)
class OpenRow:
    """An update that has not ended."""

    update_id: UpdateId
    person_id: PersonId | None
    kind: str
    payload: str
    attempts: int
    level: int
    waits_for_consent: bool


async def highest_open_level(transaction: Transaction, person_id: PersonId) -> int:
    """Return the highest level among a person's open updates, or 0."""
    query = select(func.coalesce(func.max(inbox.c.level), 0)).where(
        inbox.c.person_id == person_id, inbox.c.ended_as.is_(None)
    )
    return int((await transaction.execute(query)).scalar_one())


async def is_followed(
    transaction: Transaction, person_id: PersonId, update_id: UpdateId, kind: str
) -> bool:
    """Return whether the person has a later open update of this kind."""
    query = select(inbox.c.update_id).where(
        inbox.c.person_id == person_id,
        inbox.c.update_id > update_id,
        inbox.c.kind == kind,
        inbox.c.ended_as.is_(None),
    )
    return (await transaction.execute(query.limit(1))).first() is not None


async def waiting_count(transaction: Transaction, person_id: PersonId) -> int:
    """Count a person's messages that wait for consent."""
    query = select(func.count()).where(
        inbox.c.person_id == person_id, inbox.c.ended_as.is_(None), inbox.c.waits_for_consent == 1
    )
    return int((await transaction.execute(query)).scalar_one())


async def open_among(transaction: Transaction, update_ids: Collection[UpdateId]) -> set[UpdateId]:
    """Return the updates among these that are open and do not wait for consent."""
    open_ids = await transaction.execute(_open_among(), {"ids": list(update_ids)})
    return {UpdateId(update_id) for update_id in open_ids.scalars()}


@cache
def _open_among() -> Executable:
    return select(inbox.c.update_id).where(
        among(), inbox.c.ended_as.is_(None), inbox.c.waits_for_consent == 0
    )


async def open_rows(
    transaction: Transaction, *, after: UpdateId | None = None, limit: int = 500
) -> list[OpenRow]:
    """Return a page of the rows that a restart must process, in order."""
    conditions = [inbox.c.waits_for_consent == 0]
    if after is not None:
        conditions.append(inbox.c.update_id > after)
    return await _open(transaction, *conditions, limit=limit)


async def open_rows_of(
    transaction: Transaction, person_id: PersonId | None, *, limit: int
) -> list[OpenRow]:
    """Return a person's open rows in order, or with None those without a person."""
    return await _open(
        transaction, inbox.c.waits_for_consent == 0, inbox.c.person_id == person_id, limit=limit
    )


async def open_owners(transaction: Transaction) -> dict[PersonId | None, int]:
    """Count the rows that a restart must process, by person or None."""
    query = (
        select(inbox.c.person_id, func.count().label("rows"))
        .where(
            inbox.c.ended_as.is_(None), inbox.c.payload.is_not(None), inbox.c.waits_for_consent == 0
        )
        .group_by(inbox.c.person_id)
        .order_by(func.min(inbox.c.update_id))
    )
    return {row.person_id: row.rows for row in await transaction.execute(query)}


async def count_open(transaction: Transaction) -> int:
    """Count open updates that do not wait for consent."""
    query = select(func.count()).where(inbox.c.ended_as.is_(None), inbox.c.waits_for_consent == 0)
    return int((await transaction.execute(query)).scalar_one())


async def _open(
    transaction: Transaction, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[OpenRow]:
    query = (
        select(
            inbox.c.update_id,
            inbox.c.person_id,
            inbox.c.kind,
            inbox.c.payload,
            inbox.c.attempts,
            inbox.c.level,
            inbox.c.waits_for_consent,
        )
        .where(inbox.c.ended_as.is_(None), inbox.c.payload.is_not(None), *conditions)
        .order_by(inbox.c.update_id)
        .limit(limit)
    )
    rows = (await transaction.execute(query)).all()
    return [
        OpenRow(
            row.update_id,
            row.person_id,
            row.kind,
            await keys.unseal(transaction, owner_of(row.person_id), row.payload, SEAL_CONTEXT),
            row.attempts,
            row.level,
            waits_for_consent=bool(row.waits_for_consent),
        )
        for row in rows
    ]
