"""Sessions and turns: what was said, by whom, in order; the words sealed.

A round is a person's turn with the companion's answer to it; scripted replies and operators' words
are turns, but never part of a round, so that the model is never shown them as its own.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    Executable,
    Row,
    Select,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from storage.database import keys
from storage.database.connection import Transaction, insert_ignore
from storage.database.events import RoundsChanged, SessionsEnded
from storage.database.schema import people, sessions, turns
from storage.ids import OperatorId, PersonId, SessionId, TurnId, UpdateId
from storage.messages import inbox

SEAL_CONTEXT = "turns.words"


class Speaker(StrEnum):
    """Whose words a turn holds."""

    PERSON = "person"
    COMPANION = "companion"
    SCRIPT = "script"
    OPERATOR = "operator"
    # The kind of what the person sent that is not text (`storage/messages/sent.py`).
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


async def current_session(
    transaction: Transaction, person_id: PersonId, *, now: datetime
) -> SessionId:
    """The person's open session, begun now where there is none."""
    found = (
        await transaction.execute(_current_session(), {"person": person_id})
    ).scalar_one_or_none()
    if found is not None:
        return SessionId(found)
    made = await transaction.execute(
        insert(sessions)
        .values(person_id=person_id, started_at=now)
        .returning(sessions.c.session_id)
    )
    return SessionId(made.scalar_one())


@cache
def _current_session() -> Executable:
    return (
        select(sessions.c.session_id)
        .where(sessions.c.person_id == bindparam("person"), sessions.c.ended_at.is_(None))
        .order_by(sessions.c.session_id.desc())
        .limit(1)
    )


async def end_session(transaction: Transaction, person_id: PersonId, *, now: datetime) -> None:
    """End the open session; the next word begins a new one."""
    ended = await transaction.execute(
        update(sessions)
        .where(sessions.c.person_id == person_id, sessions.c.ended_at.is_(None))
        .values(ended_at=now)
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
    now: datetime,
    off_record: bool = False,
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
            transaction,
            person_id,
            session_id,
            Speaker.PERSON,
            text=text,
            level=level,
            now=now,
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
    now: datetime,
    level: int = 0,
    off_record: bool = False,
    operator_id: OperatorId | None = None,
) -> Turn:
    """Add a turn at the end of a session; an operator's words with who said them."""
    words = await keys.seal(transaction, person_id, text, SEAL_CONTEXT)
    values = {
        "session_id": session_id,
        "person_id": person_id,
        "role": role,
        "words": words,
        "level": level,
        "off_record": int(off_record),
        "operator_id": operator_id,
        "created_at": now,
    }
    turn_id = (await transaction.execute(_append(), values)).scalar_one()
    return Turn(
        TurnId(turn_id), session_id, role, text, level, now, off_record, operator_id=operator_id
    )


@cache
def _append() -> Executable:
    return insert(turns).returning(turns.c.turn_id)


async def answer(
    transaction: Transaction, person_id: PersonId, question: Turn, *, text: str, now: datetime
) -> TurnId | None:
    """Store the companion's answer to a turn; None where it was answered before."""
    words = await keys.seal(transaction, person_id, text, SEAL_CONTEXT)
    values = {
        "session_id": question.session_id,
        "person_id": person_id,
        "role": Speaker.COMPANION,
        "words": words,
        "level": 0,
        "off_record": int(question.off_record),
        "answers_turn_id": question.turn_id,
        "created_at": now,
    }
    made = await transaction.execute(_answer(transaction.dialect), values)
    transaction.record(RoundsChanged(question.session_id))
    found = made.scalar_one_or_none()
    return TurnId(found) if found is not None else None


@cache
def _answer(dialect: str) -> Executable:
    return insert_ignore(dialect, turns).returning(turns.c.turn_id)


async def get_turn(transaction: Transaction, turn_id: TurnId) -> Turn | None:
    """One turn, or None where it was erased."""
    query = select_turns().where(turns.c.turn_id == turn_id)
    row = (await transaction.execute(query)).one_or_none()
    return await read_turn(transaction, row) if row else None


async def owner(transaction: Transaction, turn_id: TurnId) -> PersonId | None:
    """Whose conversation a turn belongs to."""
    query = select(turns.c.person_id).where(turns.c.turn_id == turn_id)
    found = (await transaction.execute(query)).scalar_one_or_none()
    return PersonId(found) if found is not None else None


async def is_answered(transaction: Transaction, turn_id: TurnId) -> bool:
    """Whether the companion has answered this turn."""
    query = select(turns.c.turn_id).where(turns.c.answers_turn_id == turn_id)
    return (await transaction.execute(query)).first() is not None


async def set_preview(transaction: Transaction, turn_id: TurnId, message_id: int) -> None:
    """Remember which message shows the reply to a turn while it is written."""
    await transaction.execute(
        update(turns).where(turns.c.turn_id == turn_id).values(preview_message_id=message_id)
    )


async def end_off_record(transaction: Transaction, person_id: PersonId, *, now: datetime) -> int:
    """Delete what was said off the record and begin a new session; return how many turns."""
    deleted = await transaction.execute(
        delete(turns).where(turns.c.person_id == person_id, turns.c.off_record == 1)
    )
    await end_session(transaction, person_id, now=now)
    await transaction.execute(
        update(people).where(people.c.person_id == person_id).values(off_record_until_at=None)
    )
    return deleted.rowcount


async def delete_unsent(transaction: Transaction, turn_id: TurnId) -> None:
    """Delete a scripted turn that never reached the person."""
    await transaction.execute(
        delete(turns).where(turns.c.turn_id == turn_id, turns.c.role == Speaker.SCRIPT)
    )


def select_turns() -> Select[Any]:
    """The columns that `read_turn` reads."""
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
    """A stored row with its words unsealed."""
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
