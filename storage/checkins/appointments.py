"""Appointments: the times at which a person wants a check-in, and when each is due next.

One conditional UPDATE moves a due appointment on, so that only one of two processes claims it.
Finding due appointments reads the index of `next_at` up to the present. A paused, stopped or
blocked person has no `next_at` and costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, or_, select, update

from storage.database.connection import Transaction
from storage.database.schema_checkins import RECKON_AT, appointments, check_in_settings
from storage.ids import PersonId

# No weekly or daily appointment is due so late, even with travel and clock changes.
FAR, FAR_DAILY = timedelta(days=9), timedelta(days=3)
DAILY = 0b1111111


@dataclass(frozen=True, slots=True)
class Next:
    """When an appointment is due next.

    Attributes:
        at: the instant.
        local_date: its local date.
    """

    at: datetime
    local_date: date


@dataclass(frozen=True, slots=True)
class Stored:
    """An appointment as it is stored.

    Attributes:
        minute: local minutes after midnight, which with the person is the key.
        days: bits, Monday the lowest.
        place: its order within a crowded minute.
        next: None if nothing is due or the next time must be computed again.
    """

    minute: int
    days: int
    place: int
    next: Next | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A due appointment as it was read.

    Attributes:
        next: None if nothing is asked and the next time must be computed again.
    """

    person_id: PersonId
    minute: int
    days: int
    next: Next | None


async def of_person(transaction: Transaction, person_id: PersonId) -> list[Stored]:
    """Return a person's appointments, earliest first."""
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
    """Replace all of a person's appointments."""
    await transaction.execute(delete(appointments).where(appointments.c.person_id == person_id))
    if wanted:
        rows = [
            {
                "person_id": person_id,
                "minute": appointment.minute,
                "days": appointment.days,
                "place": appointment.place,
                **_columns(appointment.next),
            }
            for appointment in wanted
        ]
        await transaction.execute(insert(appointments), rows)


async def set_next(
    transaction: Transaction, person_id: PersonId, minute: int, following: Next | None
) -> None:
    """Set when an appointment is due, or with None that it is not due for now.

    The caller has locked the settings.
    """
    await transaction.execute(
        update(appointments).where(_is(person_id, minute)).values(**_columns(following))
    )


async def due(transaction: Transaction, *, limit: int) -> list[Due]:
    """Return due appointments, the longest due first, then by place."""
    query = (
        select(
            appointments.c.person_id,
            appointments.c.minute,
            appointments.c.days,
            appointments.c.next_at,
            appointments.c.next_date,
        )
        .where(appointments.c.next_at <= transaction.now)
        .order_by(appointments.c.next_at, appointments.c.place)
        .limit(limit)
    )
    return [
        Due(PersonId(row.person_id), row.minute, row.days, _next(row))
        for row in await transaction.execute(query)
    ]


async def move(transaction: Transaction, seen: Due, following: Next | None) -> bool:
    """Claim a due appointment, and return False if another process was faster.

    The same transaction records the question or the skip. `following` is when the appointment is
    due next, or None if it is not due for now.
    """
    seen_at = RECKON_AT if seen.next is None else seen.next.at
    moved = await transaction.execute(
        update(appointments)
        .where(_is(seen.person_id, seen.minute), appointments.c.next_at == seen_at)
        .values(**_columns(following))
    )
    return moved.rowcount == 1


async def count_at(transaction: Transaction, at: datetime, *, limit: int) -> int:
    """Count the appointments due at an instant, up to `limit`."""
    some = select(appointments.c.minute).where(appointments.c.next_at == at).limit(limit)
    return await _count(transaction, some)


async def count_due(transaction: Transaction, *, before: datetime, limit: int) -> int:
    """Count the waiting appointments that were due before an instant, up to `limit`."""
    some = select(appointments.c.minute).where(
        appointments.c.next_at > RECKON_AT, appointments.c.next_at < before
    )
    return await _count(transaction, some.limit(limit))


async def implausibly_late(transaction: Transaction) -> set[PersonId]:
    """Return people with a next time so far ahead that only a wrong clock explains it."""
    c, now = appointments.c, transaction.now
    query = (
        select(c.person_id, c.days, c.next_at, check_in_settings.c.paused_until_at)
        .join_from(appointments, check_in_settings, check_in_settings.c.person_id == c.person_id)
        .where(c.next_at > now + FAR_DAILY, or_(c.next_at > now + FAR, c.days == DAILY))
    )
    return {
        PersonId(row.person_id)
        for row in await transaction.execute(query)
        if row.next_at
        > max(now, row.paused_until_at or now) + (FAR_DAILY if row.days == DAILY else FAR)
    }


async def suspend(transaction: Transaction, person_id: PersonId) -> None:
    """Make none of a person's appointments due until `reschedule` or a change by the person."""
    await transaction.execute(
        update(appointments)
        .where(appointments.c.person_id == person_id)
        .values(next_at=None, next_date=None)
    )


async def reschedule(transaction: Transaction, person_id: PersonId) -> None:
    """Have the scheduler compute the next times of a person's suspended appointments."""
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
