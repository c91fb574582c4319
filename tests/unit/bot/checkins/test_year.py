"""A year of a thousand people, with jumping clocks and two processes, against a plain count."""

import random
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from bot.checkins.deciding import State, outcome
from bot.checkins.restraint import Restraint
from bot.checkins.schedule import (
    EVERY_DAY,
    LATEST,
    WEEKDAYS,
    WEEKEND,
    Appointment,
    Occurrence,
    next_occurrence,
)

PEOPLE, DAYS = 1000, 366
START = datetime(2027, 6, 1, 0, 7, tzinfo=UTC)  # up to and over a leap day
END = START + timedelta(days=DAYS)
QUARTER = timedelta(minutes=15)
ZONES = ("Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe",
         "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia", "America/Sao_Paulo",
         "Africa/Cairo", "America/St_Johns", "Pacific/Chatham", "America/Havana")  # fmt: skip
Wall = dict[tuple[date, int], datetime]


@cache
def wall(name: str) -> Wall:
    """What the clock on a wall shows, read every quarter of an hour; the first of two counts."""
    zone, found = ZoneInfo(name), {}
    at = START.replace(minute=0) - timedelta(days=2)
    while at < END + timedelta(days=3):
        local = at.astimezone(zone)
        found.setdefault((local.date(), local.hour * 60 + local.minute), at)
        at += QUARTER
    return found


def counted(name: str, appointment: Appointment) -> list[tuple[date, datetime]]:
    """Every time that comes up, by the wall; one in a gap is as late as the gap is long."""
    found = []
    day = START.astimezone(ZoneInfo(name)).date() - timedelta(days=1)
    for number in range(DAYS + 3):
        each = day + timedelta(days=number)
        shown = wall(name)
        at = shown.get((each, appointment.minute))
        if at is None and (each, 720) in shown:  # the date exists, this time of it does not
            local = datetime(each.year, each.month, each.day) + timedelta(  # noqa: DTZ001
                minutes=appointment.minute
            )
            gone = timedelta(0)
            while at is None:
                gone += QUARTER
                earlier = local - gone
                at = shown.get((earlier.date(), earlier.hour * 60 + earlier.minute))
            at += gone
        if at is not None and at > START and each.weekday() in appointment.days:
            found.append((each, at))
    return found


def ticks(chance: random.Random) -> list[datetime]:
    """When the loop looks: two processes whose clocks differ, jump and go back."""
    now, found = START, []
    while now < END:
        now += timedelta(minutes=chance.choice((20, 45, 60, 60, 90, 118, -30, -200, 300, 1500)))
        found += [now, now + timedelta(seconds=chance.randrange(-90, 90))]
    return found


def test_a_year_of_a_thousand_people_is_exact() -> None:
    chance = random.Random(5)
    wanted = [
        (
            chance.choice(ZONES),
            Appointment(
                chance.choice((EVERY_DAY, EVERY_DAY, WEEKDAYS, WEEKEND, frozenset((2,)))),
                chance.randrange(0, 1440, 15),
            ),
        )
        for _ in range(PEOPLE)
    ]
    zones = [ZoneInfo(name) for name, _ in wanted]
    states = [State(zone, None, None, Restraint(), is_held=False) for zone in zones]
    due: list[Occurrence] = [
        next_occurrence(appointment, zone, START)
        for (_, appointment), zone in zip(wanted, zones, strict=True)
    ]
    expected = [counted(name, appointment) for name, appointment in wanted]
    place = [0] * PEOPLE
    ends: list[dict[date, str]] = [{} for _ in range(PEOPLE)]
    right: list[dict[date, str]] = [{} for _ in range(PEOPLE)]
    for now in ticks(chance):
        for person in range(PEOPLE):
            while place[person] < len(expected[person]):
                day, at = expected[person][place[person]]
                if at > now:
                    break
                right[person][day] = "late" if now - at > LATEST else "asked"
                place[person] += 1
            if due[person].at > now:
                continue
            found = outcome(wanted[person][1], due[person], states[person], now)
            due[person] = found.following
            done = [(each, str(why)) for each, why in found.skipped]
            for each, how in [*done, *([(found.asked, "asked")] if found.asked else [])]:
                assert each.local_date not in ends[person]
                ends[person][each.local_date] = how
    assert ends == right
    assert sum(map(len, ends)) > 200_000
    assert {how for each in ends for how in each.values()} == {"asked", "late"}
