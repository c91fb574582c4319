"""Erasure of a person from every table, and its receipt."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from storage.database import keys
from storage.database.connection import Transaction
from storage.database.events import PersonErased, SessionsEnded
from storage.database.schema import erasures, inbox, outbox, people, sessions, telegram_chats, turns
from storage.database.schema_review import cases
from storage.ids import PersonId, SessionId
from storage.review import audit_erasure, notes


@dataclass(frozen=True, slots=True)
class Erased:
    """The account of an erasure.

    Attributes:
        receipt: a code that proves the erasure without naming the person.
        sessions: for the round cache to drop.
        kept_cases: how many case records stay for a while, without text or names.
    """

    receipt: str
    erased_at: datetime
    turns: int
    sessions: tuple[SessionId, ...]
    kept_cases: int


async def erase(transaction: Transaction, person_id: PersonId) -> Erased:
    """Delete a person and all they said, and destroy their key.

    Update ids stay, so that a repeated update is recognised. The level and dates of a case stay
    too. Neither names the person.
    """
    erased = await _account(transaction, person_id)
    transaction.record(SessionsEnded(erased.sessions))
    transaction.record(PersonErased())
    await notes.erase(transaction, person_id)
    await audit_erasure.erase_person(transaction, person_id)
    await keys.destroy(transaction, person_id)
    mine = inbox.c.person_id == person_id
    await transaction.execute(
        update(inbox)
        .where(mine, inbox.c.ended_as.is_(None))
        .values(ended_as="ignored", reason="erased", ended_at=transaction.now)
    )
    await transaction.execute(
        update(inbox).where(mine).values(person_id=None, payload=None, turn_id=None)
    )
    theirs = cases.c.person_id == person_id
    await transaction.execute(
        update(cases)
        .where(theirs, cases.c.resolved_at.is_(None))
        .values(
            state="resolved",
            resolution="erased",
            resolved_at=transaction.now,
            clock_due_at=None,
            lease_until_at=None,
        )
    )
    await transaction.execute(
        update(cases).where(theirs).values(person_id=None, erased_at=transaction.now)
    )
    for table in (outbox, turns, sessions, telegram_chats, people):
        await transaction.execute(delete(table).where(table.c.person_id == person_id))
    return erased


async def keep_receipt(transaction: Transaction, erased: Erased) -> None:
    """Store the receipt of an erasure: a code, a time and a count."""
    await transaction.execute(
        insert(erasures).values(
            receipt=erased.receipt, erased_at=erased.erased_at, turns=erased.turns
        )
    )


async def _account(transaction: Transaction, person_id: PersonId) -> Erased:
    said = select(func.count()).where(turns.c.person_id == person_id)
    of_person = select(sessions.c.session_id).where(sessions.c.person_id == person_id)
    kept = select(func.count()).where(cases.c.person_id == person_id)
    return Erased(
        receipt=f"{transaction.now:%Y%m%d}-{secrets.token_hex(6)}",
        erased_at=transaction.now,
        turns=int((await transaction.execute(said)).scalar_one()),
        sessions=tuple(map(SessionId, (await transaction.execute(of_person)).scalars())),
        kept_cases=int((await transaction.execute(kept)).scalar_one()),
    )


async def receipt(transaction: Transaction, code: str) -> tuple[datetime, int] | None:
    """Return the time and number of turns of the erasure with this receipt, or None."""
    query = select(erasures.c.erased_at, erasures.c.turns).where(erasures.c.receipt == code)
    row = (await transaction.execute(query)).one_or_none()
    return (row.erased_at, row.turns) if row else None
