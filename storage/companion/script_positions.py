"""Each person's position in a reviewed script."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, delete, select, update

from storage.database.connection import Transaction, upsert
from storage.database.schema import dialogues
from storage.ids import PersonId


@dataclass(frozen=True, slots=True)
class ScriptPosition:
    """A person's position in a script.

    Attributes:
        step: the index of the question that waits for an answer.
        turns: how many reviewed texts of this script were sent.
    """

    script: str
    step: int
    turns: int
    changed_at: datetime


async def get(transaction: Transaction, person_id: PersonId) -> ScriptPosition | None:
    """Return the person's position, or None if they are not in a script."""
    row = (await transaction.execute(_get(), {"person": person_id})).one_or_none()
    return ScriptPosition(**row._mapping) if row else None


async def put(
    transaction: Transaction,
    person_id: PersonId,
    script: str,
    *,
    step: int,
    turns: int,
    changed_at: datetime,
) -> None:
    """Set the person's position."""
    values = {"script": script, "step": step, "turns": turns, "changed_at": changed_at}
    await transaction.execute(
        upsert(transaction.dialect, dialogues, {"person_id": person_id}, values)
    )


async def answered(transaction: Transaction, person_id: PersonId) -> None:
    """Move past a single question without counting another text."""
    await transaction.execute(
        update(dialogues).where(dialogues.c.person_id == person_id).values(step=1)
    )


async def end(transaction: Transaction, person_id: PersonId) -> None:
    """Remove the person from the script."""
    await transaction.execute(delete(dialogues).where(dialogues.c.person_id == person_id))


@cache
def _get() -> Select[Any]:
    return select(
        dialogues.c.script, dialogues.c.step, dialogues.c.turns, dialogues.c.changed_at
    ).where(dialogues.c.person_id == bindparam("person"))
