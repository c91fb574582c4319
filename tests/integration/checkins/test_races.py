"""Several services, jumping clocks, restarts."""

import asyncio
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.checkins.rules.schedule import EVERY_DAY, LATEST, WEEKDAYS, Appointment
from bot.checkins.settings import service
from storage import Database, Vault
from storage.checkins import occurrences
from storage.ids import PersonId
from tests.integration.checkins.cast import (
    AT_NINE,
    DAY,
    MINUTE,
    NINE,
    Asked,
    Clock,
    rounds_of,
    wants,
)


async def test_two_processes_race_and_each_date_is_asked_once(
    url: str, database: Database, clock: Clock, vault: Vault
) -> None:
    """Two services on one database, restarted and with clocks of their own."""
    number, days = 12, 4
    for each in range(number):
        await wants(database, NINE, telegram_id=100 + each)
    asked = Asked()
    asked.watch(database)
    chance = random.Random(7)
    for day in range(days):
        clocks = [
            Clock(AT_NINE + day * DAY + timedelta(seconds=chance.randrange(3600))) for _ in range(2)
        ]
        others = [asked.watch(Database(url, vault, clock=own)) for own in clocks]
        sent = await asyncio.gather(
            *(
                rounds_of(each, own).send_due(asked)
                for each, own in zip(others, clocks, strict=True)
            )
        )
        assert sum(sent) == (number if day < 3 else 0)  # then three were not answered
        for each in others:
            await each.aclose()
    per_person = Counter(
        (each.question.person.person_id, each.question.occurrence.local_date)
        for each in asked.claimed
    )
    assert set(per_person.values()) == {1}
    assert len(per_person) == number * 3


ZONES = (
    "Asia/Shanghai",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/Sao_Paulo",
)


def walls(
    zone: ZoneInfo, appointment: Appointment, start: datetime, days: int
) -> dict[date, datetime]:
    """Independent of the schedule: for each date, the first instant at which a clock shows it.

    None of these minutes lies in a gap, so that reading the wall clock is enough.
    """
    found: dict[date, datetime] = {}
    first = start.astimezone(zone).date()
    for number in range(days + 2):
        day = first + number * DAY
        if day.weekday() not in appointment.days:
            continue
        middle = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for quarter in range(-16 * 4, 42 * 4):
            at = middle + quarter * 15 * MINUTE
            local = at.astimezone(zone)
            if local.date() == day and local.hour * 60 + local.minute == appointment.minute:
                found.setdefault(day, at)
                break
    return {day: at for day, at in found.items() if at > start}


async def test_days_with_jumping_clocks_and_restarts_are_exact(
    url: str, database: Database, clock: Clock, vault: Vault
) -> None:
    """Against a count made from the order of ticks alone, on both databases."""
    chance, days = random.Random(11), 12
    start = datetime(2026, 3, 27, tzinfo=UTC)  # over the changes of London and Lord Howe
    clock.at, wanted = start, {}
    for each in range(10):
        name = ZONES[each % len(ZONES)]
        days_of_week = (EVERY_DAY, WEEKDAYS)[each % 2]
        appointment = Appointment(days_of_week, chance.choice((450, 540, 735, 1290)))
        person_id = await wants(database, appointment, telegram_id=200 + each, zone=name)
        wanted[person_id] = walls(ZoneInfo(name), appointment, start, days + 3)
    expected: dict[PersonId, dict[date, str]] = {person_id: {} for person_id in wanted}
    asked = Asked()
    opened = asked.watch(database)
    rounds = rounds_of(opened, clock)
    while clock.at < start + days * DAY:
        step = chance.choice((7, 20, 45, 45, 60, 90, -30, -120, 300, 1500))
        clock.at += timedelta(minutes=step)
        if step in (300, -30):  # a restart
            if opened is not database:
                await opened.aclose()
            opened = asked.watch(Database(url, vault, clock=clock))
            rounds = rounds_of(opened, clock)
        for person_id, dates in wanted.items():
            for day, at in dates.items():
                if at <= clock.at and day not in expected[person_id]:
                    late = clock.at - at > LATEST
                    expected[person_id][day] = "late" if late else "asked"
        await rounds.send_due(asked)
        async with opened.begin() as tx:
            for person_id in wanted:
                await service.heard_from(tx, person_id)  # restraint is counted elsewhere
    if opened is not database:
        await opened.aclose()
    async with database.read() as tx:
        for person_id, dates in expected.items():
            rows = await occurrences.of_person(tx, person_id)
            assert {each.local_date: each.reason or each.state for each in rows} == dates
    assert len(asked.claimed) == sum(
        end == "asked" for dates in expected.values() for end in dates.values()
    )
