"""Canned replies: texts in both languages that operators send with one tap.

A row never changes its words. An edit retires it and adds another in its place.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, insert, select, update

from storage.database.connection import Transaction
from storage.database.schema_review import canned_replies
from storage.ids import ReplyId


@dataclass(frozen=True, slots=True)
class CannedReply:
    """A text that operators send with one tap.

    Attributes:
        name: the name of a text that the service brought, or None.
        place: its place in the list.
        retired_at: when an admin retired or replaced it, or None.
    """

    reply_id: ReplyId
    name: str | None
    place: int
    zh: str
    en: str
    retired_at: datetime | None

    def text(self, language: str) -> str:
        """Return the text in a language."""
        return self.en if language == "en" else self.zh


async def listed(transaction: Transaction) -> list[CannedReply]:
    """Return the replies in use, in the order of the list."""
    query = _replies().where(canned_replies.c.retired_at.is_(None))
    query = query.order_by(canned_replies.c.place, canned_replies.c.reply_id)
    return [_reply(row) for row in await transaction.execute(query)]


async def get(transaction: Transaction, reply_id: ReplyId) -> CannedReply | None:
    """Return a reply, retired or not, or None."""
    query = _replies().where(canned_replies.c.reply_id == reply_id)
    row = (await transaction.execute(query)).one_or_none()
    return _reply(row) if row else None


async def names(transaction: Transaction) -> set[str]:
    """Return the names of all texts that the service brought, retired ones included."""
    query = select(canned_replies.c.name).where(canned_replies.c.name.is_not(None))
    return set((await transaction.execute(query)).scalars())


async def add(
    transaction: Transaction, *, zh: str, en: str, name: str | None = None, place: int | None = None
) -> ReplyId:
    """Add a reply, at the end of the list unless a place is given."""
    if place is None:
        last = await transaction.execute(select(func.max(canned_replies.c.place)))
        place = (last.scalar_one() or 0) + 1
    values = {"name": name, "place": place, "zh": zh, "en": en, "added_at": transaction.now}
    added = insert(canned_replies).values(**values).returning(canned_replies.c.reply_id)
    return ReplyId((await transaction.execute(added)).scalar_one())


async def retire(transaction: Transaction, reply_id: ReplyId) -> bool:
    """Retire a reply, and return False if it is retired or does not exist."""
    result = await transaction.execute(
        update(canned_replies)
        .where(canned_replies.c.reply_id == reply_id, canned_replies.c.retired_at.is_(None))
        .values(retired_at=transaction.now)
    )
    return result.rowcount == 1


def _replies() -> Select[Any]:
    columns = canned_replies.c
    return select(
        columns.reply_id,
        columns.name,
        columns.place,
        columns.zh,
        columns.en,
        columns.retired_at,
    )


def _reply(row: Row[Any]) -> CannedReply:
    return CannedReply(**row._mapping)
