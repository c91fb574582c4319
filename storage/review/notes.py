"""Operators' notes on a case, sealed with the person's key."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from storage.database import keys
from storage.database.connection import Transaction
from storage.database.schema_review import cases, notes
from storage.ids import CaseId, OperatorId, PersonId

SEAL_CONTEXT = "notes.words"


@dataclass(frozen=True, slots=True)
class Note:
    """A note for operators, by an operator or (None) by the service."""

    note_id: int
    operator_id: OperatorId | None
    text: str
    created_at: datetime


async def add(
    transaction: Transaction,
    case_id: CaseId,
    person_id: PersonId,
    *,
    operator_id: OperatorId | None,
    text: str,
) -> None:
    """Add a note to a case."""
    words = await keys.seal(transaction, person_id, text, SEAL_CONTEXT)
    await transaction.execute(
        insert(notes).values(
            case_id=case_id, operator_id=operator_id, words=words, created_at=transaction.now
        )
    )


async def of_case(transaction: Transaction, case_id: CaseId, person_id: PersonId) -> list[Note]:
    """Return a case's notes, oldest first."""
    query = select(notes).where(notes.c.case_id == case_id).order_by(notes.c.note_id)
    rows = (await transaction.execute(query)).all()
    return [
        Note(
            row.note_id,
            row.operator_id,
            await keys.unseal(transaction, person_id, row.words, SEAL_CONTEXT),
            row.created_at,
        )
        for row in rows
    ]


async def erase(transaction: Transaction, person_id: PersonId) -> None:
    """Delete every note about a person."""
    theirs = select(cases.c.case_id).where(cases.c.person_id == person_id)
    await transaction.execute(delete(notes).where(notes.c.case_id.in_(theirs)))
