"""What a person answered to the questions of the reviewed scripts, as kinds and without words."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from storage.database.connection import Transaction, upsert
from storage.database.schema import script_answers
from storage.ids import PersonId


@dataclass(frozen=True, slots=True)
class ScriptAnswer:
    """The latest answer to one question.

    Attributes:
        question: the name of a question in `safety/response/scripts.yaml`.
        answer: the kind of the answer, a value of `safety.screening.answers.Answer`.
    """

    question: str
    answer: str
    answered_at: datetime


async def record(transaction: Transaction, person_id: PersonId, question: str, answer: str) -> None:
    """Record an answer in place of an earlier one to the same question."""
    key = {"person_id": person_id, "question": question}
    values = {"answer": answer, "answered_at": transaction.now}
    await transaction.execute(upsert(transaction.dialect, script_answers, key, values))


async def of_person(transaction: Transaction, person_id: PersonId) -> list[ScriptAnswer]:
    """Return a person's answers since their script began, the earliest first."""
    columns = script_answers.c
    query = (
        select(columns.question, columns.answer, columns.answered_at)
        .where(columns.person_id == person_id)
        .order_by(columns.answered_at, columns.question)
    )
    rows = await transaction.execute(query)
    return [ScriptAnswer(**row._mapping) for row in rows]


async def clear(transaction: Transaction, person_id: PersonId) -> None:
    """Delete a person's answers, because a new script begins."""
    await transaction.execute(delete(script_answers).where(script_answers.c.person_id == person_id))
