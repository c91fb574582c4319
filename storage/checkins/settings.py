"""A person's check-in settings, one row that exists only with their consent.

Lock this row before changing appointments, so that two changes of one person do not overlap.
"""

from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from typing import TypedDict, Unpack

from sqlalchemy import delete, exists, func, or_, select, update

from storage.database.connection import Transaction, insert_ignore
from storage.database.schema_checkins import appointments, check_in_settings
from storage.database.schema_review import cases
from storage.ids import CaseId, PersonId

FLAGS = ("was_held", "asks_sleep", "asks_energy", "weekly_summary", "fell_untold")
DATES = ("asked_on", "summarised_on", "fell_on")


class StoppedBy(StrEnum):
    """The reason why check-ins ended."""

    PERSON = "person"
    GOODBYE = "goodbye"  # no answer, until a goodbye


@dataclass(frozen=True, slots=True)
class CheckInSettings:
    """A person's settings and how long they have been silent.

    Attributes:
        consent_at: when they asked for check-ins.
        zone: an IANA name.
        quiet_from: the first quiet local minute after midnight, or None.
        quiet_to: the first minute that is not quiet.
        paused_until_at: the end of a pause, or None.
        stopped_at: when check-ins ended, or None if they go on.
        unanswered: days on which they were asked since their last answer.
        asked_on: the local date of the last question since then.
        was_held: a case held check-ins, and nothing was asked since.
        summarised_on: the local date of the last weekly summary.
        fell_on: the local date on which falling moods were last noted for operators.
        fell_untold: the digest has not counted that note yet.
        fell_waits_at: when the note entered the operators' queue, or None.
    """

    person_id: PersonId
    consent_at: datetime
    zone: str
    quiet_from: int | None = None
    quiet_to: int | None = None
    paused_until_at: datetime | None = None
    stopped_at: datetime | None = None
    stopped_by: StoppedBy | None = None
    unanswered: int = 0
    asked_on: date | None = None
    was_held: bool = False
    asks_sleep: bool = False
    asks_energy: bool = False
    weekly_summary: bool = False
    summarised_on: date | None = None
    fell_on: date | None = None
    fell_untold: bool = False
    fell_waits_at: datetime | None = None


class SettingsChange(TypedDict, total=False):
    """The columns that `change` sets."""

    zone: str
    quiet_from: int | None
    quiet_to: int | None
    paused_until_at: datetime | None
    stopped_at: datetime | None
    stopped_by: StoppedBy | None
    unanswered: int
    asked_on: date | None
    was_held: bool
    asks_sleep: bool
    asks_energy: bool
    weekly_summary: bool
    summarised_on: date | None
    fell_on: date | None
    fell_untold: bool
    fell_waits_at: datetime | None


NAMES = tuple(field.name for field in fields(CheckInSettings))


async def get(
    transaction: Transaction, person_id: PersonId, *, lock: bool = False
) -> CheckInSettings | None:
    """Return a person's settings, or None if they never asked for check-ins.

    `lock` blocks other changes of this person's check-ins until the transaction ends.
    """
    query = select(*(check_in_settings.c[name] for name in NAMES)).where(
        check_in_settings.c.person_id == person_id
    )
    if lock:  # SQLite ignores it, and has one writer anyway
        query = query.with_for_update()
    row = (await transaction.execute(query)).one_or_none()
    if row is None:
        return None
    values = row._asdict()
    values.update({name: bool(values[name]) for name in FLAGS})
    values.update(
        {name: date.fromisoformat(values[name]) for name in DATES if values[name] is not None}
    )
    if values["stopped_by"] is not None:
        values["stopped_by"] = StoppedBy(values["stopped_by"])
    return CheckInSettings(**values)


async def create(transaction: Transaction, person_id: PersonId, *, zone: str) -> None:
    """Record that a person asked for check-ins, unless recorded before."""
    await transaction.execute(
        insert_ignore(transaction.dialect, check_in_settings).values(
            person_id=person_id, consent_at=transaction.now, zone=zone
        )
    )


async def change(
    transaction: Transaction, person_id: PersonId, **values: Unpack[SettingsChange]
) -> None:
    """Set some of a person's settings."""
    stored = {name: _stored(value) for name, value in values.items()}
    await transaction.execute(
        update(check_in_settings).where(check_in_settings.c.person_id == person_id).values(**stored)
    )


def _stored(value: object) -> object:
    """Convert a value for its column: flags are numbers and dates are text."""
    if isinstance(value, bool):
        return int(value)
    return value.isoformat() if type(value) is date else value


async def withdraw(transaction: Transaction, person_id: PersonId) -> None:
    """Delete a person's settings, consent and appointments, but not their answers."""
    for table in (appointments, check_in_settings):
        await transaction.execute(delete(table).where(table.c.person_id == person_id))


async def count_fallen(transaction: Transaction) -> int:
    """Count the people with falling moods that the digest has not counted."""
    query = (
        select(func.count())
        .select_from(check_in_settings)
        .where(check_in_settings.c.fell_untold == 1)
    )
    return int((await transaction.execute(query)).scalar_one())


async def mark_fallen_told(transaction: Transaction) -> int:
    """Mark all falling moods as counted by the digest, and return of how many people."""
    marked = await transaction.execute(
        update(check_in_settings).where(check_in_settings.c.fell_untold == 1).values(fell_untold=0)
    )
    return marked.rowcount


@dataclass(frozen=True, slots=True)
class Fallen:
    """A person with falling moods and without an open case.

    Attributes:
        noted_at: when the falling moods were noted.
        last_case_id: their last resolved case, or None.
    """

    person_id: PersonId
    noted_at: datetime
    last_case_id: CaseId | None


async def waiting_fallen(transaction: Transaction, *, limit: int = 50) -> list[Fallen]:
    """Return the notes that operators have not seen, oldest first.

    A person with a newer case has no note, because the case shows the moods.
    """
    of_person = cases.c.person_id == check_in_settings.c.person_id
    later = or_(
        cases.c.resolved_at.is_(None), cases.c.resolved_at > check_in_settings.c.fell_waits_at
    )
    last = select(func.max(cases.c.case_id)).where(of_person).scalar_subquery()
    query = (
        select(check_in_settings.c.person_id, check_in_settings.c.fell_waits_at, last)
        .where(check_in_settings.c.fell_waits_at.is_not(None), ~exists().where(of_person, later))
        .order_by(check_in_settings.c.fell_waits_at, check_in_settings.c.person_id)
        .limit(limit)
    )
    return [
        Fallen(PersonId(person_id), at, CaseId(case_id) if case_id is not None else None)
        for person_id, at, case_id in await transaction.execute(query)
    ]


async def end_fallen(transaction: Transaction, person_id: PersonId) -> bool:
    """Remove a note from the queue, and return False if it was not there."""
    ended = await transaction.execute(
        update(check_in_settings)
        .where(
            check_in_settings.c.person_id == person_id,
            check_in_settings.c.fell_waits_at.is_not(None),
        )
        .values(fell_waits_at=None)
    )
    return bool(ended.rowcount)
