"""What a person wants of check-ins: one row, which exists only with their consent.

Knows nothing of time zones, of what restraint does, or of when anything is due
(`appointments.py`). Whoever changes appointments locks this row first, so that two changes of
one person never cross.
"""

from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from typing import TypedDict, Unpack

from sqlalchemy import delete, exists, func, or_, select, update

from storage.database import Transaction, insert_ignore
from storage.ids import CaseId, PersonId
from storage.schema_checkins import appointments, check_in_settings
from storage.schema_review import cases

FLAGS = ("was_held", "asks_sleep", "asks_energy", "weekly_summary", "fell_untold")
DATES = ("asked_on", "summarised_on", "fell_on")


class StoppedBy(StrEnum):
    """Who ended the check-ins."""

    PERSON = "person"
    GOODBYE = "goodbye"  # silence did, after a goodbye


@dataclass(frozen=True, slots=True)
class CheckInSettings:
    """A person's wishes, and where restraint stands.

    Attributes:
        consent_at: when they asked for check-ins.
        zone: an IANA name.
        quiet_from: first quiet local minute after midnight; None: no quiet hours.
        quiet_to: first minute that is not quiet any more.
        paused_until_at: until when nothing is asked; None: not paused.
        stopped_at: since when there are none; None: they go on.
        unanswered: days on which they were asked since their last answer.
        asked_on: local date of the last question since then.
        was_held: check-ins were left out because of a case, and none was asked since.
        summarised_on: local date of the last weekly summary.
        fell_on: local date on which falling moods were last noted for operators.
        fell_untold: the digest has not told of it yet.
        fell_waits_at: since when the note of it stands in the operators' queue; None: it does not.
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
    """The columns that may be set after the consent."""

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
    """A person's settings, or None where they never asked for check-ins.

    Args:
        transaction: of `Database.begin()` where `lock` is given.
        person_id: whose.
        lock: nobody else changes this person's check-ins until the transaction ends.
    """
    query = select(*(check_in_settings.c[name] for name in NAMES)).where(
        check_in_settings.c.person_id == person_id
    )
    if lock:  # SQLite has one writer anyway, and leaves the words out
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


async def create(
    transaction: Transaction, person_id: PersonId, *, zone: str, now: datetime
) -> None:
    """Record that a person asked for check-ins; nothing where they did so before."""
    await transaction.execute(
        insert_ignore(transaction.dialect, check_in_settings).values(
            person_id=person_id, consent_at=now, zone=zone
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
    """A value as its column takes it: flags are numbers, dates are text."""
    if isinstance(value, bool):
        return int(value)
    return value.isoformat() if type(value) is date else value


async def withdraw(transaction: Transaction, person_id: PersonId) -> None:
    """Delete settings and appointments, and with them the consent; answers stay."""
    for table in (appointments, check_in_settings):
        await transaction.execute(delete(table).where(table.c.person_id == person_id))


async def count_fallen(transaction: Transaction) -> int:
    """Of how many people the digest has still to tell that their moods fall."""
    query = (
        select(func.count())
        .select_from(check_in_settings)
        .where(check_in_settings.c.fell_untold == 1)
    )
    return int((await transaction.execute(query)).scalar_one())


async def mark_fallen_told(transaction: Transaction) -> int:
    """The digest tells of all falling moods so far; of how many people."""
    marked = await transaction.execute(
        update(check_in_settings).where(check_in_settings.c.fell_untold == 1).values(fell_untold=0)
    )
    return marked.rowcount


@dataclass(frozen=True, slots=True)
class Fallen:
    """A person without a case whose moods fall.

    Attributes:
        noted_at: when that was noted.
        last_case_id: their last case, which is resolved; None: they never had one.
    """

    person_id: PersonId
    noted_at: datetime
    last_case_id: CaseId | None


async def waiting_fallen(transaction: Transaction, *, limit: int = 50) -> list[Fallen]:
    """Notes that operators have not seen, the oldest first.

    A case takes a note's place: beside it the moods themselves are shown.
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
    """Take a note out of the queue; False where it was not there."""
    ended = await transaction.execute(
        update(check_in_settings)
        .where(
            check_in_settings.c.person_id == person_id,
            check_in_settings.c.fell_waits_at.is_not(None),
        )
        .values(fell_waits_at=None)
    )
    return bool(ended.rowcount)
