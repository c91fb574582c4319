"""The rules over a year of a thousand people, with jumping clocks, against a plain count.

Without storage: `tests/integration/checkins/test_year.py` and the benchmark have that.
"""

import heapq
import random
from bisect import bisect_left
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from benchmarks.checkins_count import DAY, comes_up
from benchmarks.checkins_year import START, ZONES
from bot.checkins.rules.backoff import Backoff
from bot.checkins.rules.decision import DecisionContext, decide_due
from bot.checkins.rules.schedule import (
    EVERY_DAY,
    LATEST,
    WEEKDAYS,
    WEEKEND,
    Appointment,
    next_occurrence,
)

PEOPLE, DAYS = 250, 366


def ticks(chance: random.Random) -> list[datetime]:
    """When the loop looks: by a clock that jumps and goes back."""
    now, found = START, []
    while now < START + DAYS * DAY:
        now += timedelta(minutes=chance.choice((20, 45, 60, 60, 90, 118, -30, -200, 300, 1500)))
        found.append(now + timedelta(seconds=chance.randrange(-90, 90)))
    return found


def counted(zone: str, wanted: Appointment, looks: list[datetime]) -> dict[date, str]:
    """What must become of each date: it is asked at the first look after it, if that is in time."""
    found = {}
    for day, at in comes_up(zone, wanted, START, DAYS):
        if START < at <= looks[-1]:
            late = looks[bisect_left(looks, at)] - at > LATEST
            found[day] = "late" if late else "asked"
    return found


def test_a_year_of_many_people_is_exact() -> None:
    chance = random.Random(5)
    every = ticks(chance)
    looks = [at for number, at in enumerate(every) if at > max(every[:number], default=START)]
    days = (EVERY_DAY, WEEKDAYS, WEEKEND, frozenset((2,)), frozenset((0, 3, 5)))
    ends: list[dict[date, str]] = [{} for _ in range(PEOPLE)]
    right, wanted, states, due = [], [], [], []
    for person in range(PEOPLE):
        name = chance.choice(ZONES)
        appointment = Appointment(chance.choice(days), chance.randrange(0, 1440, 15))
        right.append(counted(name, appointment, looks))
        wanted.append(appointment)
        states.append(DecisionContext(ZoneInfo(name), None, None, Backoff(), is_held=False))
        first = next_occurrence(appointment, states[person].zone, START)
        due.append((first.at, person, first))
    heapq.heapify(due)
    for now in every:
        while due[0][0] <= now:
            _, person, first = due[0]
            found = decide_due(wanted[person], first, states[person], now)
            heapq.heapreplace(due, (found.following.at, person, found.following))
            done = [(each, str(why)) for each, why in found.skipped]
            for each, how in [*done, *([(found.asked, "asked")] if found.asked else [])]:
                assert each.local_date not in ends[person]
                ends[person][each.local_date] = how
    assert ends == right
    assert sum(map(len, ends)) > 150 * PEOPLE
    assert {how for each in ends for how in each.values()} == {"asked", "late"}
