"""Reads stored turns: rounds for the model, a person's messages and pages of a transcript."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Executable, Integer, bindparam, func, select

from storage.checkins import occurrences
from storage.companion.conversations import SEAL_CONTEXT, Speaker, Turn, read_turn, select_turns
from storage.database import keys
from storage.database.connection import Transaction
from storage.database.schema import turns
from storage.database.schema_checkins import check_ins
from storage.ids import PersonId, SessionId, TurnId


async def recent_rounds(
    transaction: Transaction, person_id: PersonId, session_id: SessionId, *, limit: int
) -> list[tuple[str, str]]:
    """Return up to `limit` last rounds (question, answer) of a session, oldest first.

    A round that answers a check-in follows a round with an empty question and the check-in's
    text. Rounds are paired here and not in SQL, because a planner may join a table with itself
    at any cost.
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
    scripted = [row.created_at for row in ahead.values() if row.role == Speaker.SCRIPT]
    asked = await occurrences.asked_at(transaction, person_id, scripted)
    rounds = []
    for row in answers:
        before = ahead[row.turn_id]
        if before.role == Speaker.SCRIPT and before.created_at in asked:
            rounds.append(
                ("", await keys.unseal(transaction, person_id, before.words, SEAL_CONTEXT))
            )
        question = rows[place[row.answers_turn_id]]
        rounds.append(
            (
                await keys.unseal(transaction, person_id, question.words, SEAL_CONTEXT),
                await keys.unseal(transaction, person_id, row.words, SEAL_CONTEXT),
            )
        )
    return rounds[-limit:]


async def check_in_before(
    transaction: Transaction, person_id: PersonId, question: Turn
) -> str | None:
    """Return the text of the check-in that this turn answers, or None.

    The turn answers a check-in if the check-in comes just before it.
    """
    query = (
        select(turns.c.words, turns.c.role, turns.c.created_at)
        .where(turns.c.session_id == question.session_id, turns.c.turn_id < question.turn_id)
        .order_by(turns.c.turn_id.desc())
        .limit(1)
    )
    row = (await transaction.execute(query)).one_or_none()
    if row is None or row.role != Speaker.SCRIPT:
        return None
    if not await occurrences.asked_at(transaction, person_id, [row.created_at]):
        return None
    return await keys.unseal(transaction, person_id, row.words, SEAL_CONTEXT)


async def recent_words(
    transaction: Transaction, person_id: PersonId, *, since: datetime, limit: int
) -> list[Turn]:
    """Return the person's own last turns after an instant, oldest first."""
    values = {"person": person_id, "since": since, "most": limit}
    rows = (await transaction.execute(_recent_words(), values)).all()
    return [await read_turn(transaction, row) for row in reversed(rows)]


@cache
def _recent_words() -> Executable:
    return (
        select_turns()
        .where(
            turns.c.person_id == bindparam("person"),
            turns.c.role == Speaker.PERSON,
            turns.c.created_at > bindparam("since", type_=turns.c.created_at.type),
        )
        .order_by(turns.c.turn_id.desc())
        .limit(bindparam("most", type_=Integer))
    )


async def since(transaction: Transaction, person_id: PersonId, began_at: datetime) -> list[Turn]:
    """Return all turns with a person since an instant, oldest first."""
    query = (
        select_turns()
        .where(turns.c.person_id == person_id, turns.c.created_at >= began_at)
        .order_by(turns.c.turn_id)
    )
    rows = (await transaction.execute(query)).all()
    return [await read_turn(transaction, row) for row in rows]


async def latest(
    transaction: Transaction, person_id: PersonId, *, limit: int, before: TurnId | None = None
) -> list[Turn]:
    """Return the last turns with a person, oldest first, without those off the record."""
    query = (
        select_turns()
        .where(turns.c.person_id == person_id, turns.c.off_record == 0)
        .order_by(turns.c.turn_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(turns.c.turn_id < before)
    rows = (await transaction.execute(query)).all()
    return [await read_turn(transaction, row) for row in reversed(rows)]


async def history(
    transaction: Transaction,
    person_id: PersonId,
    *,
    after: TurnId | None = None,
    limit: int | None = None,
    off_record: bool = True,
) -> list[Turn]:
    """Return turns with a person, oldest first, up to `limit` if given."""
    query = (
        select_turns().where(turns.c.person_id == person_id).order_by(turns.c.turn_id).limit(limit)
    )
    if after is not None:
        query = query.where(turns.c.turn_id > after)
    if not off_record:
        query = query.where(turns.c.off_record == 0)
    rows = (await transaction.execute(query)).all()
    return [await read_turn(transaction, row) for row in rows]


@dataclass(frozen=True, slots=True)
class Extent:
    """How many turns are stored for a person, with those off the record counted apart."""

    turns: int
    off_record: int
    first_at: datetime | None


async def extent(transaction: Transaction, person_id: PersonId) -> Extent:
    """Count a person's stored turns."""
    query = select(
        func.count(), func.coalesce(func.sum(turns.c.off_record), 0), func.min(turns.c.created_at)
    ).where(turns.c.person_id == person_id)
    total, hidden, first_at = (await transaction.execute(query)).one()
    return Extent(int(total) - int(hidden), int(hidden), first_at)


async def last_words(
    transaction: Transaction, person_id: PersonId, *, before: datetime
) -> str | None:
    """Return the text of a person's last check-in, or None if it is not stored.

    The turn that holds it has the instant at which it was asked.
    """
    asked_at = (
        select(func.max(check_ins.c.asked_at))
        .where(check_ins.c.person_id == person_id, check_ins.c.asked_at < before)
        .scalar_subquery()
    )
    query = select(turns.c.words).where(
        turns.c.person_id == person_id,
        turns.c.role == Speaker.SCRIPT,
        turns.c.created_at == asked_at,
    )
    words = (await transaction.execute(query.limit(1))).scalar_one_or_none()
    return None if words is None else await keys.unseal(transaction, person_id, words, SEAL_CONTEXT)
