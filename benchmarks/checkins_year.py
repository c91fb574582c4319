"""A year of check-ins through the real loop and a real database, against a plain count.

Two services with clocks of their own, which jump and go back, work on one database and are
restarted. People answer always, sometimes or never; they pause, stop, go on, skip a day, travel,
set quiet hours, and fall into cases. `python -m benchmarks.checkins --year 1000` runs it; words
and sending are not a part of it.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.checkins_count import DAY, Count
from bot.checkins.outgoing.scheduler import CheckInScheduler, Claimed
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import EVERY_DAY, WEEKDAYS, WEEKEND, Appointment
from bot.checkins.settings import service
from storage import Database, Transaction, Vault
from storage.checkins import occurrences
from storage.checkins.occurrences import CheckInState, MoodAnswer
from storage.companion import people
from storage.ids import PersonId
from storage.messages import outbox
from storage.messages.body import MessageBody
from storage.messages.outbox import MessageKind, OutboxState
from storage.review import cases
from storage.review.cases import Resolution

START = datetime(2027, 6, 1, 0, 7, tzinfo=UTC)  # up to and over a leap day
STEPS = (*(30, 60, 90, 105, 120, 120) * 8, -30, -210, 300, 480, 1500)
RESTARTS = (300, 1500)
ZONES = (
    "Asia/Shanghai",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "America/St_Johns",
    "Pacific/Chatham",
    "America/Havana",
)
DAYS_WANTED = (EVERY_DAY, WEEKEND, frozenset((2,)), WEEKDAYS, frozenset((0, 4)))
RACE, IDLE = 0.3, 0.1
"""How often both services look at once, and how often where nothing is due."""
ACT = 0.005


class Year:
    """The year.

    Attributes:
        counts: of everybody.
        asked: what was really asked, by person and date, with its words.
        acts: how often people did what.
    """

    def __init__(
        self,
        url: str,
        vault: Vault,
        *,
        people_count: int,
        start: datetime = START,
        days: int = 366,
        seed: int = 1,
    ) -> None:
        self._url, self._vault = url, vault
        self._number, self._start, self._days = people_count, start, days
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._now = start
        self.database = Database(url, vault, clock=lambda: self._now)
        self._services: list[tuple[Database, CheckInScheduler]] = []
        self._fresh: list[Claimed] = []
        self.counts: dict[PersonId, Count] = {}
        self.asked: list[tuple[PersonId, date, bool]] = []
        self.expected: list[tuple[PersonId, date, bool]] = []
        self.acts: Counter[str] = Counter()

    async def live(self, tell: Callable[[date], None] = lambda _day: None) -> None:
        """Let it pass; the database has the newest schema.

        Args:
            tell: hears of every month that begins.
        """
        await self._settle()
        await self._restart()
        while self._now < self._start + self._days * DAY:
            step = self._chance.choice(STEPS)
            before, self._now = self._now, self._now + timedelta(minutes=step)
            if before.month != self._now.month:
                tell(self._now.date())
            if step in RESTARTS:
                await self._restart()
            due = False
            for person_id, count in self.counts.items():
                due = due or count.is_due(self._now)
                for day, after_hold in count.tick(self._now):
                    self.expected.append((person_id, day, after_hold))
            if due or self._chance.random() < IDLE:
                await self._look()
            await self._act()
        for database, _ in self._services:
            await database.aclose()

    async def wrong(self) -> list[str]:
        """What does not agree with the count."""
        found = [] if sorted(self.asked) == sorted(self.expected) else ["what was asked"]
        async with self.database.read() as tx:
            for person_id, count in self.counts.items():
                rows = await occurrences.of_person(tx, person_id)
                ends = {row.local_date: row.reason or row.state.value for row in rows}
                found += [
                    f"person {person_id}, {day}: {ends.get(day)}, not {count.ends.get(day)}"
                    for day in sorted(ends.keys() | count.ends.keys())
                    if ends.get(day) != count.ends.get(day)
                ]
        return found

    def summary(self) -> Counter[str]:
        """How many occurrences ended how."""
        return Counter(end for count in self.counts.values() for end in count.ends.values())

    async def _settle(self) -> None:
        async with self.database.begin() as tx:
            start = self._start
            for number in range(self._number):
                person = await people.get_or_create(tx, 1000 + number, language="zh")
                wanted = Appointment(DAYS_WANTED[number % 5], self._chance.randrange(0, 1440, 15))
                zone = self._chance.choice(ZONES)
                count = Count(zone, wanted, (0.0, 0.3, 1.0)[number % 3], start, self._days, start)
                self.counts[person.person_id] = count
                await service.begin(tx, person.person_id, zone=zone, wanted=[wanted])

    async def _restart(self) -> None:
        for database, _ in self._services:
            await database.aclose()
        self._services = []
        for late_s in (0, self._chance.randrange(-90, 90)):
            late = timedelta(seconds=late_s)
            database = Database(
                self._url,
                self._vault,
                clock=lambda late=late: self._now + late,  # type: ignore[misc]
            )
            database.events.subscribe(Claimed, self._fresh.append)
            still = _Still()
            self._services.append(
                (
                    database,
                    CheckInScheduler(
                        database=database,
                        monotonic_s=still.monotonic_s,
                        sleep=still.sleep,
                    ),
                )
            )

    async def _look(self) -> None:
        looking = [rounds for _, rounds in self._services]
        if self._chance.random() >= RACE:
            looking = [self._chance.choice(looking)]
        await asyncio.gather(*(each.send_due(self._ask) for each in looking))
        await self._answer()

    async def _ask(self, transaction: Transaction, claimed: Claimed) -> None:
        await outbox.put(  # sent at once
            transaction,
            MessageKind.CHECK_IN,
            MessageBody("?"),
            person_id=claimed.question.person.person_id,
            check_in_id=claimed.check_in_id,
            ended_as=OutboxState.SENT,
        )
        transaction.record(claimed)

    async def _answer(self) -> None:
        fresh = [*self._fresh]
        self._fresh.clear()
        for claimed in sorted(fresh, key=lambda each: each.check_in_id):
            question = claimed.question
            person_id, day = question.person.person_id, question.occurrence.local_date
            self.asked.append((person_id, day, question.is_after_hold))
            count = self.counts[person_id]
            if question.is_goodbye or self._chance.random() >= count.answers:
                continue
            async with self.database.begin() as tx:
                said = MoodAnswer(mood=3)
                await service.answer(tx, person_id, claimed.check_in_id, said)
            count.heard()
            count.ends[day] = CheckInState.ANSWERED.value

    async def _act(self) -> None:
        """Now and then somebody changes something."""
        for person_id, count in self.counts.items():
            if self._chance.random() < ACT:
                name = self._chance.choice(sorted(ACTS))
                async with self.database.begin() as tx:
                    await ACTS[name](tx, person_id, count, self._chance)
                self.acts[name] += 1


class _Still:
    """A clock for the pace alone: waiting takes no time of the year."""

    def __init__(self) -> None:
        self._s = 0.0

    def monotonic_s(self) -> float:
        return self._s

    async def sleep(self, seconds: float) -> None:
        self._s += seconds + 1e-6


async def _pause(tx: Transaction, who: PersonId, count: Count, chance: Any) -> None:
    until = tx.now + chance.randrange(1, 20) * DAY
    await service.pause(tx, who, until_at=until)
    count.paused_until = count.after = until


async def _stop(tx: Transaction, who: PersonId, count: Count, chance: Any) -> None:
    await service.stop(tx, who)
    count.stopped = True


async def _resume(tx: Transaction, who: PersonId, count: Count, chance: Any) -> None:
    await service.resume(tx, who)
    count.go_on(tx.now)


async def _skip(tx: Transaction, who: PersonId, count: Count, chance: Any) -> None:
    await service.skip_today(tx, who)
    count.skip(tx.now.astimezone(ZoneInfo(count.zone)).date())


async def _regret(tx: Transaction, who: PersonId, count: Count, chance: Any) -> None:
    await _skip(tx, who, count, chance)
    await _resume(tx, who, count, chance)


async def _travel(tx: Transaction, who: PersonId, count: Count, chance: Any) -> None:
    count.zone = chance.choice(ZONES)
    await service.set_zone(tx, who, count.zone)
    count.after = max(tx.now, count.paused_until or tx.now)


async def _quiet(tx: Transaction, who: PersonId, count: Count, chance: Any) -> None:
    starts = (count.wanted.minute - chance.randrange(0, 240, 15)) % 1440
    ends = (starts + chance.randrange(60, 720, 15)) % 1440
    count.quiet = None if count.quiet else (starts, ends)
    await service.set_quiet(tx, who, QuietHours(starts, ends) if count.quiet else None)


async def _case(tx: Transaction, who: PersonId, count: Count, chance: Any) -> None:
    if count.case is None:
        count.case = await cases.create(
            tx, who, level=3, categories=(), script="suicide", lexicon="1"
        )


async def _case_over(tx: Transaction, who: PersonId, count: Count, _: Any) -> None:
    if count.case is not None:
        await cases.resolve(tx, count.case, Resolution.HELPED, operator_id=None)
        count.case = None


Act = Callable[[Transaction, PersonId, Count, Any], Awaitable[None]]
ACTS: dict[str, Act] = {
    "pause": _pause,
    "stop": _stop,
    "resume": _resume,
    "skip": _skip,
    "travel": _travel,
    "quiet": _quiet,
    "case": _case,
    "case over": _case_over,
    "back": _resume,
    "regret": _regret,
}
