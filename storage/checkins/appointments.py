"""Appointments: when a person wants to be asked, and when that is next.

A due appointment is moved on by one conditional UPDATE that compares what was seen, so that of two
who see it one wins. Finding the due ones reads the index of `next_at` and stops at now; who is
paused, stopped or blocked has no `next_at` and costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, or_, select, update

from storage.database.connection import Transaction
from storage.database.schema_checkins import RECKON_AT, appointments, check_in_settings
from storage.ids import PersonId

FAR, FAR_DAILY = timedelta(days=9), timedelta(days=3)
"""Nothing comes up so late by itself, once a week or daily: travel and clock changes included."""
DAILY = 0b1111111


@dataclass(frozen=True, slots=True)
class Next:
    """When an appointment is due next.

    Attributes:
        at: the instant.
        local_date: the local date that it serves.
    """

    at: datetime
    local_date: date


@dataclass(frozen=True, slots=True)
class Stored:
    """An appointment as it is kept.

    Attributes:
        minute: local minutes after midnight; with the person it is the key.
        days: bits, Monday the lowest.
        place: its order within a crowded minute.
        next: None where nothing is due, or where it has to be reckoned anew.
    """

    minute: int
    days: int
    place: int
    next: Next | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """An appointment whose time has come, as it was seen.

    Attributes:
        next: None: nothing is to be asked, its next time has to be reckoned anew.
    """

    person_id: PersonId
    minute: int
    days: int
    next: Next | None


async def of_person(transaction: Transaction, person_id: PersonId) -> list[Stored]:
    """A person's appointments, earliest first."""
    query = (
        select(appointments)
        .where(appointments.c.person_id == person_id)
        .order_by(appointments.c.minute)
    )
    return [
        Stored(row.minute, row.days, row.place, _next(row))
        for row in await transaction.execute(query)
    ]


async def put(transaction: Transaction, person_id: PersonId, wanted: Sequence[Stored]) -> None:
    """Keep these appointments in the place of all that the person had."""
    await transaction.execute(delete(appointments).where(appointments.c.person_id == person_id))
    if wanted:
        rows = [
            {
                "person_id": person_id,
                "minute": each.minute,
                "days": each.days,
                "place": each.place,
                **_columns(each.next),
            }
            for each in wanted
        ]
        await transaction.execute(insert(appointments), rows)


async def set_next(
    transaction: Transaction, person_id: PersonId, minute: int, following: Next | None
) -> None:
    """Set when an appointment is due; None: not at all for now. The settings are locked."""
    await transaction.execute(
        update(appointments).where(_is(person_id, minute)).values(**_columns(following))
    )


async def due(transaction: Transaction, *, now: datetime, limit: int) -> list[Due]:
    """Those whose time has come, the longest due first, then by their place."""
    query = (
        select(
            appointments.c.person_id,
            appointments.c.minute,
            appointments.c.days,
            appointments.c.next_at,
            appointments.c.next_date,
        )
        .where(appointments.c.next_at <= now)
        .order_by(appointments.c.next_at, appointments.c.place)
        .limit(limit)
    )
    return [
        Due(PersonId(row.person_id), row.minute, row.days, _next(row))
        for row in await transaction.execute(query)
    ]


async def move(transaction: Transaction, seen: Due, following: Next | None) -> bool:
    """Claim what was seen by moving it on; False where somebody else was quicker.

    Args:
        transaction: in which what is asked, or noted, stands or falls together with this.
        seen: as `due` gave it.
        following: when it is due next; None: not at all for now.
    """
    seen_at = RECKON_AT if seen.next is None else seen.next.at
    moved = await transaction.execute(
        update(appointments)
        .where(_is(seen.person_id, seen.minute), appointments.c.next_at == seen_at)
        .values(**_columns(following))
    )
    return moved.rowcount == 1


async def count_at(transaction: Transaction, at: datetime, *, limit: int) -> int:
    """How many appointments are due at an instant; counting ends at `limit`."""
    some = select(appointments.c.minute).where(appointments.c.next_at == at).limit(limit)
    return await _count(transaction, some)


async def count_due(transaction: Transaction, *, before: datetime, limit: int) -> int:
    """How many were due before an instant and still wait; counting ends at `limit`."""
    some = select(appointments.c.minute).where(
        appointments.c.next_at > RECKON_AT, appointments.c.next_at < before
    )
    return await _count(transaction, some.limit(limit))


async def implausibly_late(transaction: Transaction, *, now: datetime) -> set[PersonId]:
    """Whose next time lies so far ahead that only a wrong clock can have put it there."""
    c = appointments.c
    query = (
        select(c.person_id, c.days, c.next_at, check_in_settings.c.paused_until_at)
        .join_from(appointments, check_in_settings, check_in_settings.c.person_id == c.person_id)
        .where(
            c.next_at > now + FAR_DAILY,
            or_(c.next_at > now + FAR, c.days == DAILY),
        )
    )
    return {
        PersonId(row.person_id)
        for row in await transaction.execute(query)
        if row.next_at
        > max(now, row.paused_until_at or now) + (FAR_DAILY if row.days == DAILY else FAR)
    }


async def suspend(transaction: Transaction, person_id: PersonId) -> None:
    """Let nothing of a person be due, until `reckon_anew` or a change by the person."""
    await transaction.execute(
        update(appointments)
        .where(appointments.c.person_id == person_id)
        .values(next_at=None, next_date=None)
    )


async def reschedule(transaction: Transaction, person_id: PersonId) -> None:
    """Let the next times of what was parked be reckoned in the next round."""
    await transaction.execute(
        update(appointments)
        .where(appointments.c.person_id == person_id, appointments.c.next_at.is_(None))
        .values(next_at=RECKON_AT, next_date=None)
    )


async def _count(transaction: Transaction, some: Select[tuple[int]]) -> int:
    counted = await transaction.execute(select(func.count()).select_from(some.subquery()))
    return int(counted.scalar_one())


def _is(person_id: PersonId, minute: int) -> ColumnElement[bool]:
    return and_(appointments.c.person_id == person_id, appointments.c.minute == minute)


def _next(row: Row[*tuple[object, ...]]) -> Next | None:
    if row.next_at is None or row.next_date is None:
        return None
    return Next(row.next_at, date.fromisoformat(row.next_date))


def _columns(following: Next | None) -> dict[str, object]:
    if following is None:
        return {"next_at": None, "next_date": None}
    return {"next_at": following.at, "next_date": following.local_date.isoformat()}
