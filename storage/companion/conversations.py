"""Sessions and their turns, with the text sealed.

A round is a person's turn and the companion's answer. Scripted replies and operators' messages are
turns but never part of a round, so that the model never sees them as its own.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Executable, Row, Select, bindparam, delete, insert, select, update

from storage.database import keys
from storage.database.connection import Transaction, insert_ignore
from storage.database.events import RoundsChanged, SessionsEnded
from storage.database.schema import people, sessions, turns
from storage.ids import OperatorId, PersonId, SessionId, TurnId, UpdateId
from storage.messages import inbox

SEAL_CONTEXT = "turns.words"


class Speaker(StrEnum):
    """The author of a turn."""

    PERSON = "person"
    COMPANION = "companion"
    SCRIPT = "script"
    OPERATOR = "operator"
    # The person sent something other than text. The turn holds its kind
    # (`storage/messages/sent.py`).
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance."""

    turn_id: TurnId
    session_id: SessionId
    role: Speaker
    text: str
    level: int
    created_at: datetime
    off_record: bool = False
    preview_message_id: int | None = None
    operator_id: OperatorId | None = None


async def current_session(transaction: Transaction, person_id: PersonId) -> SessionId:
    """Return the person's open session, and begin one if there is none."""
    session_id = (
        await transaction.execute(_current_session(), {"person": person_id})
    ).scalar_one_or_none()
    if session_id is not None:
        return SessionId(session_id)
    inserted = await transaction.execute(
        insert(sessions)
        .values(person_id=person_id, started_at=transaction.now)
        .returning(sessions.c.session_id)
    )
    return SessionId(inserted.scalar_one())


@cache
def _current_session() -> Executable:
    return (
        select(sessions.c.session_id)
        .where(sessions.c.person_id == bindparam("person"), sessions.c.ended_at.is_(None))
        .order_by(sessions.c.session_id.desc())
        .limit(1)
    )


async def end_session(transaction: Transaction, person_id: PersonId) -> None:
    """End the open session, so that the next message begins a new one."""
    ended = await transaction.execute(
        update(sessions)
        .where(sessions.c.person_id == person_id, sessions.c.ended_at.is_(None))
        .values(ended_at=transaction.now)
        .returning(sessions.c.session_id)
    )
    transaction.record(SessionsEnded(tuple(ended.scalars())))


async def open_turn(
    transaction: Transaction,
    person_id: PersonId,
    update_ids: Collection[UpdateId],
    *,
    text: str,
    level: int,
    off_record: bool = False,
) -> Turn:
    """Store a person's text once, however often their turn is begun.

    After a crash, or if a newer message joins the question, the existing turn is updated.
    """
    linked = await inbox.linked_turn(transaction, update_ids)
    turn = await get_turn(transaction, linked) if linked is not None else None
    if turn is None:
        session_id = await current_session(transaction, person_id)
        turn = await append(
            transaction,
            person_id,
            session_id,
            Speaker.PERSON,
            text=text,
            level=level,
            off_record=off_record,
        )
    elif turn.text != text:
        words = await keys.seal(transaction, person_id, text, SEAL_CONTEXT)
        await transaction.execute(
            update(turns).where(turns.c.turn_id == turn.turn_id).values(words=words, level=level)
        )
        turn = replace(turn, text=text, level=level)
    await inbox.link_turn(transaction, update_ids, turn.turn_id)
    return turn


async def append(
    transaction: Transaction,
    person_id: PersonId,
    session_id: SessionId,
    role: Speaker,
    *,
    text: str,
    level: int = 0,
    off_record: bool = False,
    operator_id: OperatorId | None = None,
) -> Turn:
    """Append a turn to a session."""
    words = await keys.seal(transaction, person_id, text, SEAL_CONTEXT)
    values = {
        "session_id": session_id,
        "person_id": person_id,
        "role": role,
        "words": words,
        "level": level,
        "off_record": int(off_record),
        "operator_id": operator_id,
        "created_at": transaction.now,
    }
    turn_id = (await transaction.execute(_append(), values)).scalar_one()
    return Turn(
        TurnId(turn_id),
        session_id,
        role,
        text,
        level,
        transaction.now,
        off_record,
        operator_id=operator_id,
    )


@cache
def _append() -> Executable:
    return insert(turns).returning(turns.c.turn_id)


async def answer(
    transaction: Transaction, person_id: PersonId, question: Turn, *, text: str
) -> TurnId | None:
    """Store the companion's answer to a turn, and return None if it was answered before."""
    words = await keys.seal(transaction, person_id, text, SEAL_CONTEXT)
    values = {
        "session_id": question.session_id,
        "person_id": person_id,
        "role": Speaker.COMPANION,
        "words": words,
        "level": 0,
        "off_record": int(question.off_record),
        "answers_turn_id": question.turn_id,
        "created_at": transaction.now,
    }
    inserted = await transaction.execute(_answer(transaction.dialect), values)
    transaction.record(RoundsChanged(question.session_id))
    turn_id = inserted.scalar_one_or_none()
    return TurnId(turn_id) if turn_id is not None else None


@cache
def _answer(dialect: str) -> Executable:
    return insert_ignore(dialect, turns).returning(turns.c.turn_id)


async def get_turn(transaction: Transaction, turn_id: TurnId) -> Turn | None:
    """Return one turn, or None if it was erased."""
    query = select_turns().where(turns.c.turn_id == turn_id)
    row = (await transaction.execute(query)).one_or_none()
    return await read_turn(transaction, row) if row else None


async def answer_to(transaction: Transaction, turn_id: TurnId) -> Turn | None:
    """Return the companion's answer to a turn, or None."""
    query = select_turns().where(turns.c.answers_turn_id == turn_id)
    row = (await transaction.execute(query)).one_or_none()
    return await read_turn(transaction, row) if row else None


async def owner(transaction: Transaction, turn_id: TurnId) -> PersonId | None:
    """Return the person whose conversation a turn belongs to, or None."""
    query = select(turns.c.person_id).where(turns.c.turn_id == turn_id)
    person_id = (await transaction.execute(query)).scalar_one_or_none()
    return PersonId(person_id) if person_id is not None else None


async def is_answered(transaction: Transaction, turn_id: TurnId) -> bool:
    """Return whether the companion has answered this turn."""
    query = select(turns.c.turn_id).where(turns.c.answers_turn_id == turn_id)
    return (await transaction.execute(query)).first() is not None


async def set_preview(transaction: Transaction, turn_id: TurnId, message_id: int) -> None:
    """Store which message shows the reply to a turn while it is generated."""
    await transaction.execute(
        update(turns).where(turns.c.turn_id == turn_id).values(preview_message_id=message_id)
    )


async def end_off_record(transaction: Transaction, person_id: PersonId) -> int:
    """Delete a person's turns off the record, end the session, and return how many."""
    deleted = await transaction.execute(
        delete(turns).where(turns.c.person_id == person_id, turns.c.off_record == 1)
    )
    await end_session(transaction, person_id)
    await transaction.execute(
        update(people).where(people.c.person_id == person_id).values(off_record_until_at=None)
    )
    return deleted.rowcount


async def delete_unsent(transaction: Transaction, turn_id: TurnId) -> None:
    """Delete a turn of a script or an operator that never reached the person."""
    ours = turns.c.role.in_((Speaker.SCRIPT, Speaker.OPERATOR))
    await transaction.execute(delete(turns).where(turns.c.turn_id == turn_id, ours))


def select_turns() -> Select[Any]:
    """Build a query with the columns that `read_turn` needs."""
    return select(
        turns.c.turn_id,
        turns.c.person_id,
        turns.c.session_id,
        turns.c.role,
        turns.c.words,
        turns.c.level,
        turns.c.created_at,
        turns.c.off_record,
        turns.c.preview_message_id,
        turns.c.operator_id,
    )


async def read_turn(transaction: Transaction, row: Row[Any]) -> Turn:
    """Convert a row to a turn, and unseal its text."""
    return Turn(
        row.turn_id,
        row.session_id,
        Speaker(row.role),
        await keys.unseal(transaction, row.person_id, row.words, SEAL_CONTEXT),
        row.level,
        row.created_at,
        bool(row.off_record),
        row.preview_message_id,
        row.operator_id,
    )
