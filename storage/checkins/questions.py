"""The open question about check-ins that a person may answer by message, one at a time."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, select

from storage.database.connection import Transaction, upsert
from storage.database.schema_checkins import check_in_questions
from storage.ids import PersonId


class QuestionTopic(StrEnum):
    """The topic of a question."""

    STATE = "state"  # anything on the page that shows the settings
    TIMES = "times"
    ZONE = "zone"
    QUIET = "quiet"
    PAUSE = "pause"
    NOTE = "note"  # a note on a mood


@dataclass(slots=True)
class TimesDraft:
    """The times and zone chosen so far.

    Attributes:
        times: local minutes after midnight, each with its days as bits, Monday the lowest.
        days: the days that the next time gets.
        zone: an IANA name, or None if not chosen yet.
        check_in_id: the check-in that a note belongs to.
    """

    times: list[tuple[int, int]] = field(default_factory=list)
    days: int = 0b1111111
    zone: str | None = None
    check_in_id: int | None = None


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that waits for an answer."""

    topic: QuestionTopic
    draft: TimesDraft


async def get(
    transaction: Transaction, person_id: PersonId, *, since: datetime | None = None
) -> OpenQuestion | None:
    """Return the open question, or None.

    A question asked before `since` does not count. Messages have such a limit, buttons do not.
    """
    query = select(check_in_questions.c.asks, check_in_questions.c.draft).where(
        check_in_questions.c.person_id == person_id
    )
    if since is not None:
        query = query.where(check_in_questions.c.asked_at > since)
    row = (await transaction.execute(query)).one_or_none()
    if row is None:
        return None
    values = json.loads(row.draft)
    values["times"] = [(minute, days) for minute, days in values["times"]]
    return OpenQuestion(QuestionTopic(row.asks), TimesDraft(**values))


async def put(
    transaction: Transaction, person_id: PersonId, topic: QuestionTopic, draft: TimesDraft
) -> None:
    """Store a question in place of an older one."""
    values = {"asks": topic, "draft": json.dumps(asdict(draft)), "asked_at": transaction.now}
    await transaction.execute(
        upsert(transaction.dialect, check_in_questions, {"person_id": person_id}, values)
    )


async def close(transaction: Transaction, person_id: PersonId) -> None:
    """Close the open question."""
    await transaction.execute(
        delete(check_in_questions).where(check_in_questions.c.person_id == person_id)
    )


async def close_note(transaction: Transaction, person_id: PersonId) -> None:
    """Close the open question if it asks for a note."""
    await transaction.execute(
        delete(check_in_questions).where(
            check_in_questions.c.person_id == person_id,
            check_in_questions.c.asks == QuestionTopic.NOTE,
        )
    )
