"""Occurrences of check-ins, asked or skipped, and their answers.

The key `(person, local_date, minute)` prevents a second question for one date and time. An answer
(mood, sleep, energy and a note) is sealed as a whole with the person's key.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Row, and_, func, select, update

from storage.database import keys
from storage.database.connection import Transaction, insert_ignore
from storage.database.schema_checkins import check_ins
from storage.ids import CheckInId, PersonId

SEAL_CONTEXT = "check_ins.answer"
SCALE = range(1, 6)


class CheckInState(StrEnum):
    """What became of an occurrence."""

    ASKED = "asked"
    ANSWERED = "answered"
    GOODBYE = "goodbye"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Occasion:
    """The key and instant of an occurrence."""

    person_id: PersonId
    local_date: date
    minute: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class MoodAnswer:
    """A person's answer to a check-in, with any part optional.

    Attributes:
        mood: 1 (worst) to 5 (best).
        sleep: 1 to 5.
        energy: 1 to 5.
        note: their text.
    """

    mood: int | None = None
    sleep: int | None = None
    energy: int | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        for number in (self.mood, self.sleep, self.energy):
            if number is not None and number not in SCALE:
                raise ValueError("mood, sleep and energy must be from 1 to 5")


@dataclass(frozen=True, slots=True)
class CheckIn:
    """One occurrence as it is stored.

    Attributes:
        reason: why it was skipped, or None.
        answer: None if there is no answer yet.
    """

    check_in_id: CheckInId
    local_date: date
    minute: int
    due_at: datetime
    state: CheckInState
    reason: str | None
    asked_at: datetime | None
    answered_at: datetime | None
    answer: MoodAnswer | None


async def note_asked(
    transaction: Transaction, occasion: Occasion, *, state: CheckInState = CheckInState.ASKED
) -> CheckInId | None:
    """Record that an occurrence is asked, and return None if it was recorded before."""
    return await _note(transaction, occasion, state, None, transaction.now)


async def note_skipped(transaction: Transaction, occasion: Occasion, reason: str) -> None:
    """Record that an occurrence is skipped, unless it was recorded before."""
    await _note(transaction, occasion, CheckInState.SKIPPED, reason, None)


async def _note(
    transaction: Transaction,
    occasion: Occasion,
    state: CheckInState,
    reason: str | None,
    asked_at: datetime | None,
) -> CheckInId | None:
    inserted = await transaction.execute(
        insert_ignore(transaction.dialect, check_ins)
        .values(
            person_id=occasion.person_id,
            local_date=occasion.local_date.isoformat(),
            minute=occasion.minute,
            due_at=occasion.due_at,
            state=state,
            reason=reason,
            asked_at=asked_at,
        )
        .returning(check_ins.c.check_in_id)
    )
    check_in_id = inserted.scalar_one_or_none()
    return None if check_in_id is None else CheckInId(check_in_id)


async def served(
    transaction: Transaction, person_id: PersonId, minute: int, *, before: datetime
) -> date | None:
    """Return the latest local date that was asked or skipped at a time of day, or None.

    Occurrences due after `before` do not count, because a wrong clock recorded them.
    """
    query = select(func.max(check_ins.c.local_date)).where(
        check_ins.c.person_id == person_id,
        check_ins.c.minute == minute,
        check_ins.c.due_at < before,
    )
    latest = (await transaction.execute(query)).scalar_one()
    return None if latest is None else date.fromisoformat(latest)


async def withdraw(
    transaction: Transaction, person_id: PersonId, check_in_id: CheckInId, reason: str
) -> None:
    """Record an unseen question as skipped."""
    await transaction.execute(
        update(check_ins)
        .where(check_ins.c.check_in_id == check_in_id, check_ins.c.person_id == person_id)
        .values(
            state=CheckInState.SKIPPED, reason=reason, asked_at=None, answered_at=None, answer=None
        )
    )


async def last_unanswered(transaction: Transaction, person_id: PersonId) -> date | None:
    """Return the latest local date of an unanswered question, or None."""
    query = select(func.max(check_ins.c.local_date)).where(
        check_ins.c.person_id == person_id,
        check_ins.c.state.in_((CheckInState.ASKED, CheckInState.GOODBYE)),
    )
    latest = (await transaction.execute(query)).scalar_one()
    return None if latest is None else date.fromisoformat(latest)


async def answer(
    transaction: Transaction, person_id: PersonId, check_in_id: CheckInId, said: MoodAnswer
) -> MoodAnswer | None:
    """Add to an answer, keeping the parts that are None in `said`.

    Returns:
        The whole answer, or None if this person was not asked this question.
    """
    theirs = and_(
        check_ins.c.check_in_id == check_in_id,
        check_ins.c.person_id == person_id,
        check_ins.c.state != CheckInState.SKIPPED,
    )
    query = select(check_ins.c.answer).where(theirs).with_for_update()
    row = (await transaction.execute(query)).one_or_none()
    if row is None:
        return None
    before = await _open(transaction, person_id, row.answer) or MoodAnswer()
    parts = {name: part for name, part in asdict(said).items() if part is not None}
    whole = replace(before, **parts)
    text = json.dumps(asdict(whole), ensure_ascii=False)
    await transaction.execute(
        update(check_ins)
        .where(theirs)
        .values(
            answer=await keys.seal(transaction, person_id, text, SEAL_CONTEXT),
            state=CheckInState.ANSWERED,
            answered_at=transaction.now,
        )
    )
    return whole


async def _open(
    transaction: Transaction, person_id: PersonId, sealed: bytes | None
) -> MoodAnswer | None:
    if sealed is None:
        return None
    return MoodAnswer(**json.loads(await keys.unseal(transaction, person_id, sealed, SEAL_CONTEXT)))


async def get(
    transaction: Transaction, person_id: PersonId, check_in_id: CheckInId
) -> CheckIn | None:
    """Return one check-in of this person, or None."""
    matching = await _several(transaction, person_id, check_ins.c.check_in_id == check_in_id)
    return matching[0] if matching else None


async def of_person(transaction: Transaction, person_id: PersonId) -> list[CheckIn]:
    """Return every occurrence of a person, oldest first."""
    return await _several(transaction, person_id)


async def moods(
    transaction: Transaction, person_id: PersonId, *, since: date | None = None
) -> list[CheckIn]:
    """Return a person's answered check-ins, oldest first, all or since a local date."""
    first_date = "" if since is None else since.isoformat()
    answered = (check_ins.c.local_date >= first_date, check_ins.c.answer.is_not(None))
    return await _several(transaction, person_id, *answered)


async def unanswered(
    transaction: Transaction, person_id: PersonId, *, since: datetime
) -> CheckInId | None:
    """Return the latest question after an instant if it is unanswered, else None."""
    query = (
        select(check_ins.c.check_in_id, check_ins.c.state)
        .where(check_ins.c.person_id == person_id, check_ins.c.asked_at > since)
        .order_by(check_ins.c.asked_at.desc())
        .limit(1)
    )
    row = (await transaction.execute(query)).one_or_none()
    return CheckInId(row.check_in_id) if row and row.state == CheckInState.ASKED else None


async def asked_at(
    transaction: Transaction, person_id: PersonId, instants: Collection[datetime]
) -> set[datetime]:
    """Return the instants among these at which the person was asked.

    A goodbye is not a question. The turn that holds a check-in's text has the same instant.
    """
    if not instants:
        return set()
    query = select(check_ins.c.asked_at).where(
        check_ins.c.person_id == person_id,
        check_ins.c.asked_at.in_(list(instants)),
        check_ins.c.state != CheckInState.GOODBYE,
    )
    return set((await transaction.execute(query)).scalars())


async def _several(
    transaction: Transaction, person_id: PersonId, *conditions: ColumnElement[bool]
) -> list[CheckIn]:
    query = (
        select(check_ins)
        .where(check_ins.c.person_id == person_id, *conditions)
        .order_by(check_ins.c.local_date, check_ins.c.minute)
    )
    return [await _as_check_in(transaction, row) for row in await transaction.execute(query)]


async def _as_check_in(transaction: Transaction, row: Row[*tuple[object, ...]]) -> CheckIn:
    return CheckIn(
        CheckInId(row.check_in_id),
        date.fromisoformat(row.local_date),
        row.minute,
        row.due_at,
        CheckInState(row.state),
        row.reason,
        row.asked_at,
        row.answered_at,
        await _open(transaction, PersonId(row.person_id), row.answer),
    )
