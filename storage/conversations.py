"""Sessions and turns: what was said, by whom, in order.

Knows nothing of the model's template. A round is a person's turn with the
companion's answer to it; scripted replies are turns, but never part of a round.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, delete, insert, select, update

from storage import inbox
from storage.database import Transaction, insert_ignore
from storage.ids import PersonId, SessionId, TurnId, UpdateId
from storage.schema import sessions, turns


class Role(StrEnum):
    """Whose words a turn holds."""

    PERSON = "person"
    COMPANION = "companion"
    SCRIPT = "script"


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance."""

    turn_id: TurnId
    session_id: SessionId
    role: Role
    text: str
    level: int
    created_at: datetime


async def current_session(
    transaction: Transaction, person_id: PersonId, *, now: datetime
) -> SessionId:
    """The person's open session, begun now where there is none."""
    query = (
        select(sessions.c.session_id)
        .where(sessions.c.person_id == person_id, sessions.c.ended_at.is_(None))
        .order_by(sessions.c.session_id.desc())
        .limit(1)
    )
    found = (await transaction.execute(query)).scalar_one_or_none()
    if found is not None:
        return SessionId(found)
    made = await transaction.execute(
        insert(sessions)
        .values(person_id=person_id, started_at=now)
        .returning(sessions.c.session_id)
    )
    return SessionId(made.scalar_one())


async def end_session(transaction: Transaction, person_id: PersonId, *, now: datetime) -> None:
    """End the open session; the next word begins a new one."""
    await transaction.execute(
        update(sessions)
        .where(sessions.c.person_id == person_id, sessions.c.ended_at.is_(None))
        .values(ended_at=now)
    )


async def open_turn(
    transaction: Transaction,
    person_id: PersonId,
    update_ids: Collection[UpdateId],
    *,
    text: str,
    level: int,
    now: datetime,
) -> Turn:
    """Store a person's words once, however often their turn is begun.

    After a crash, or when a newer message joins the question, the turn that holds the
    words already is brought up to date.
    """
    linked = await inbox.linked_turn(transaction, update_ids)
    turn = await get_turn(transaction, linked) if linked is not None else None
    if turn is None:
        session_id = await current_session(transaction, person_id, now=now)
        turn = await append(
            transaction, person_id, session_id, Role.PERSON, text=text, level=level, now=now
        )
    else:
        await transaction.execute(
            update(turns).where(turns.c.turn_id == turn.turn_id).values(text=text, level=level)
        )
        turn = Turn(turn.turn_id, turn.session_id, turn.role, text, level, turn.created_at)
    await inbox.link_turn(transaction, update_ids, turn.turn_id)
    return turn


async def append(
    transaction: Transaction,
    person_id: PersonId,
    session_id: SessionId,
    role: Role,
    *,
    text: str,
    now: datetime,
    level: int = 0,
) -> Turn:
    """Add a turn at the end of a session."""
    made = await transaction.execute(
        insert(turns)
        .values(
            session_id=session_id,
            person_id=person_id,
            role=role,
            text=text,
            level=level,
            created_at=now,
        )
        .returning(turns.c.turn_id)
    )
    return Turn(TurnId(made.scalar_one()), session_id, role, text, level, now)


async def answer(
    transaction: Transaction, person_id: PersonId, question: Turn, *, text: str, now: datetime
) -> TurnId | None:
    """Store the companion's answer to a turn; None where it was answered before."""
    made = await transaction.execute(
        insert_ignore(transaction, turns)
        .values(
            session_id=question.session_id,
            person_id=person_id,
            role=Role.COMPANION,
            text=text,
            level=0,
            answers_turn_id=question.turn_id,
            created_at=now,
        )
        .returning(turns.c.turn_id)
    )
    found = made.scalar_one_or_none()
    return TurnId(found) if found is not None else None


async def get_turn(transaction: Transaction, turn_id: TurnId) -> Turn | None:
    """One turn, or None where it was erased."""
    query = _turns().where(turns.c.turn_id == turn_id)
    row = (await transaction.execute(query)).one_or_none()
    return _turn(row) if row else None


async def owner(transaction: Transaction, turn_id: TurnId) -> PersonId | None:
    """Whose conversation a turn belongs to."""
    query = select(turns.c.person_id).where(turns.c.turn_id == turn_id)
    found = (await transaction.execute(query)).scalar_one_or_none()
    return PersonId(found) if found is not None else None


async def is_answered(transaction: Transaction, turn_id: TurnId) -> bool:
    """Whether the companion has answered this turn."""
    query = select(turns.c.turn_id).where(turns.c.answers_turn_id == turn_id)
    return (await transaction.execute(query)).first() is not None


async def recent_rounds(
    transaction: Transaction, session_id: SessionId, *, limit: int
) -> list[tuple[str, str]]:
    """The last `limit` rounds (question, answer) of a session, oldest first."""
    replies = turns.alias("replies")
    query = (
        select(turns.c.text, replies.c.text)
        .join_from(turns, replies, replies.c.answers_turn_id == turns.c.turn_id)
        .where(turns.c.session_id == session_id, turns.c.role == Role.PERSON)
        .order_by(turns.c.turn_id.desc())
        .limit(limit)
    )
    rows = (await transaction.execute(query)).all()
    return [(question, reply) for question, reply in reversed(rows)]


async def last_script(transaction: Transaction, person_id: PersonId) -> Turn | None:
    """The last scripted words to a person."""
    query = (
        _turns()
        .where(turns.c.person_id == person_id, turns.c.role == Role.SCRIPT)
        .order_by(turns.c.turn_id.desc())
        .limit(1)
    )
    row = (await transaction.execute(query)).one_or_none()
    return _turn(row) if row else None


async def history(transaction: Transaction, person_id: PersonId) -> list[Turn]:
    """Every turn of a person, oldest first."""
    query = _turns().where(turns.c.person_id == person_id).order_by(turns.c.turn_id)
    return [_turn(row) for row in await transaction.execute(query)]


async def delete_turns_before(transaction: Transaction, before: datetime) -> int:
    """Delete the turns whose time of keeping is over; return how many."""
    result = await transaction.execute(delete(turns).where(turns.c.created_at < before))
    return result.rowcount


def _turns() -> Select[Any]:
    return select(
        turns.c.turn_id,
        turns.c.session_id,
        turns.c.role,
        turns.c.text,
        turns.c.level,
        turns.c.created_at,
    )


def _turn(row: Row[Any]) -> Turn:
    return Turn(row.turn_id, row.session_id, Role(row.role), row.text, row.level, row.created_at)
