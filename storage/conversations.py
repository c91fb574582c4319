"""Sessions and turns: what was said, by whom, in order; the words sealed.

Knows nothing of the model's template. A round is a person's turn with the
companion's answer to it; scripted replies and operators' words are turns, but never part of
a round, so that the model is never shown them as its own.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    Executable,
    Integer,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from storage import check_ins, inbox, keys
from storage.database import Transaction, insert_ignore
from storage.ids import OperatorId, PersonId, SessionId, TurnId, UpdateId
from storage.schema import people, sessions, turns

PLACE = "turns.words"


class Role(StrEnum):
    """Whose words a turn holds."""

    PERSON = "person"
    COMPANION = "companion"
    SCRIPT = "script"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance."""

    turn_id: TurnId
    session_id: SessionId
    role: Role
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
    transaction.ended_sessions += ended.scalars()


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
            Role.PERSON,
            text=text,
            level=level,
            now=now,
            off_record=off_record,
        )
    elif turn.text != text:
        words = await keys.seal(transaction, person_id, text, PLACE)
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
    role: Role,
    *,
    text: str,
    now: datetime,
    level: int = 0,
    off_record: bool = False,
    operator_id: OperatorId | None = None,
) -> Turn:
    """Add a turn at the end of a session; an operator's words with who said them."""
    words = await keys.seal(transaction, person_id, text, PLACE)
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
    words = await keys.seal(transaction, person_id, text, PLACE)
    values = {
        "session_id": question.session_id,
        "person_id": person_id,
        "role": Role.COMPANION,
        "words": words,
        "level": 0,
        "off_record": int(question.off_record),
        "answers_turn_id": question.turn_id,
        "created_at": now,
    }
    made = await transaction.execute(_answer(transaction.dialect), values)
    found = made.scalar_one_or_none()
    return TurnId(found) if found is not None else None


@cache
def _answer(dialect: str) -> Executable:
    return insert_ignore(dialect, turns).returning(turns.c.turn_id)


async def get_turn(transaction: Transaction, turn_id: TurnId) -> Turn | None:
    """One turn, or None where it was erased."""
    query = _turns().where(turns.c.turn_id == turn_id)
    row = (await transaction.execute(query)).one_or_none()
    return await _turn(transaction, row) if row else None


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


async def recent_rounds(
    transaction: Transaction, person_id: PersonId, session_id: SessionId, *, limit: int
) -> list[tuple[str, str]]:
    """The last rounds (question, answer) of a session, oldest first; at most `limit`.

    Where a round answers a check-in, one with an empty question and the check-in's words stands
    before it. Questions and answers are paired here and not in SQL, so that the cost does not
    hang on how a planner joins a table with itself.
    """
    query = (
        select(
            turns.c.turn_id,
            turns.c.answers_turn_id,
            turns.c.words,
            turns.c.role,
            turns.c.created_at,
        )
        .where(turns.c.session_id == session_id)
        .order_by(turns.c.turn_id.desc())
        .limit(2 * limit)
    )
    rows = list(reversed((await transaction.execute(query)).all()))
    place = {row.turn_id: number for number, row in enumerate(rows)}
    answers = [row for row in rows if row.answers_turn_id in place]
    ahead = {row.turn_id: rows[max(place[row.answers_turn_id] - 1, 0)] for row in answers}
    scripted = [row.created_at for row in ahead.values() if row.role == Role.SCRIPT]
    asked = await check_ins.asked_at(transaction, person_id, scripted)
    rounds = []
    for row in answers:
        before = ahead[row.turn_id]
        if before.role == Role.SCRIPT and before.created_at in asked:
            rounds.append(("", await keys.unseal(transaction, person_id, before.words, PLACE)))
        question = rows[place[row.answers_turn_id]]
        rounds.append(
            (
                await keys.unseal(transaction, person_id, question.words, PLACE),
                await keys.unseal(transaction, person_id, row.words, PLACE),
            )
        )
    return rounds[-limit:]


async def check_in_before(
    transaction: Transaction, person_id: PersonId, question: Turn
) -> str | None:
    """The words of the check-in that this turn answers: the last that was said before it."""
    query = (
        select(turns.c.words, turns.c.role, turns.c.created_at)
        .where(turns.c.session_id == question.session_id, turns.c.turn_id < question.turn_id)
        .order_by(turns.c.turn_id.desc())
        .limit(1)
    )
    row = (await transaction.execute(query)).one_or_none()
    if row is None or row.role != Role.SCRIPT:
        return None
    if not await check_ins.asked_at(transaction, person_id, [row.created_at]):
        return None
    return await keys.unseal(transaction, person_id, row.words, PLACE)


async def recent_words(
    transaction: Transaction, person_id: PersonId, *, since: datetime, limit: int
) -> list[Turn]:
    """The person's own last turns since an instant, oldest first."""
    values = {"person": person_id, "since": since, "most": limit}
    rows = (await transaction.execute(_recent_words(), values)).all()
    return [await _turn(transaction, row) for row in reversed(rows)]


@cache
def _recent_words() -> Executable:
    return (
        _turns()
        .where(
            turns.c.person_id == bindparam("person"),
            turns.c.role == Role.PERSON,
            turns.c.created_at > bindparam("since", type_=turns.c.created_at.type),
        )
        .order_by(turns.c.turn_id.desc())
        .limit(bindparam("most", type_=Integer))
    )


async def since(transaction: Transaction, person_id: PersonId, began_at: datetime) -> list[Turn]:
    """A person's turns since an instant, whoever said them, oldest first."""
    query = (
        _turns()
        .where(turns.c.person_id == person_id, turns.c.created_at >= began_at)
        .order_by(turns.c.turn_id)
    )
    rows = (await transaction.execute(query)).all()
    return [await _turn(transaction, row) for row in rows]


async def latest(
    transaction: Transaction,
    person_id: PersonId,
    *,
    limit: int,
    before: TurnId | None = None,
) -> list[Turn]:
    """The last turns of a person, whoever said them, oldest first; off the record apart."""
    query = (
        _turns()
        .where(turns.c.person_id == person_id, turns.c.off_record == 0)
        .order_by(turns.c.turn_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(turns.c.turn_id < before)
    rows = (await transaction.execute(query)).all()
    return [await _turn(transaction, row) for row in reversed(rows)]


async def unsay(transaction: Transaction, turn_id: TurnId) -> None:
    """Delete a scripted turn that never reached the person."""
    await transaction.execute(
        delete(turns).where(turns.c.turn_id == turn_id, turns.c.role == Role.SCRIPT)
    )


async def last_script(transaction: Transaction, person_id: PersonId) -> Turn | None:
    """The last scripted words to a person."""
    query = (
        _turns()
        .where(turns.c.person_id == person_id, turns.c.role == Role.SCRIPT)
        .order_by(turns.c.turn_id.desc())
        .limit(1)
    )
    row = (await transaction.execute(query)).one_or_none()
    return await _turn(transaction, row) if row else None


async def history(
    transaction: Transaction,
    person_id: PersonId,
    *,
    after: TurnId | None = None,
    limit: int | None = None,
    off_record: bool = True,
) -> list[Turn]:
    """Turns of a person, oldest first; a page of them where a limit is given."""
    query = _turns().where(turns.c.person_id == person_id).order_by(turns.c.turn_id).limit(limit)
    if after is not None:
        query = query.where(turns.c.turn_id > after)
    if not off_record:
        query = query.where(turns.c.off_record == 0)
    rows = (await transaction.execute(query)).all()
    return [await _turn(transaction, row) for row in rows]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a person's talk is kept, off the record apart."""

    turns: int
    off_record: int
    first_at: datetime | None


async def extent(transaction: Transaction, person_id: PersonId) -> Extent:
    """Count what is kept of a person's talk."""
    query = select(
        func.count(),
        func.coalesce(func.sum(turns.c.off_record), 0),
        func.min(turns.c.created_at),
    ).where(turns.c.person_id == person_id)
    total, hidden, first_at = (await transaction.execute(query)).one()
    return Extent(int(total) - int(hidden), int(hidden), first_at)


def _turns() -> Select[Any]:
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


async def _turn(transaction: Transaction, row: Row[Any]) -> Turn:
    return Turn(
        row.turn_id,
        row.session_id,
        Role(row.role),
        await keys.unseal(transaction, row.person_id, row.words, PLACE),
        row.level,
        row.created_at,
        bool(row.off_record),
        row.preview_message_id,
        row.operator_id,
    )
