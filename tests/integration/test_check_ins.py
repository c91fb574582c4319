"""Check-ins on real databases: claiming, races, jumps of the clock, blocking, erasure."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, text

from bot.checkins import diary
from bot.checkins.diary import QuietError
from bot.checkins.quiet import Quiet
from bot.checkins.rounds import Claimed, Question, Rounds
from bot.checkins.schedule import EVERY_DAY, LATEST, WEEKDAYS, Appointment
from storage import (
    Database,
    Transaction,
    Vault,
    appointments,
    archive,
    cases,
    check_in_settings,
    check_ins,
    outbox,
    people,
    restoring,
    retention,
)
from storage.body import Body
from storage.check_in_settings import StoppedBy
from storage.check_ins import Answer, State
from storage.ids import PersonId
from storage.outbox import Kind
from tests.integration.cast import SECRET, mei

START = datetime(2026, 1, 5, 0, 30, tzinfo=UTC)  # Monday, 8:30 in Shanghai
NINE, EVENING = Appointment(EVERY_DAY, 540), Appointment(EVERY_DAY, 21 * 60)
AT_NINE = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


class Clock:
    """A clock that only the test moves; sleeping moves it too."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds + 0.001)


class Asked:
    """What was asked: kept only where the transaction was committed."""

    def __init__(self) -> None:
        self.claimed: list[Claimed] = []

    async def __call__(self, transaction: Transaction, claimed: Claimed) -> None:
        await outbox.put(  # sent at once
            transaction, Kind.CHECK_IN, Body("?"), person_id=claimed.question.person.person_id,
            check_in_id=claimed.check_in_id, now=claimed.question.occurrence.at, ended_as="sent",
        )  # fmt: skip
        transaction.on_commit(lambda: self.claimed.append(claimed))

    @property
    def dates(self) -> list[str]:
        return [each.question.occurrence.local_date.isoformat() for each in self.claimed]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asked() -> Asked:
    return Asked()


def rounds_of(database: Database, clock: Clock) -> Rounds:
    return Rounds(
        database=database, now=clock.now, monotonic_s=clock.monotonic_s, sleep=clock.sleep
    )


@pytest.fixture
async def rounds(database: Database, clock: Clock) -> AsyncIterator[Rounds]:
    yield rounds_of(database, clock)


async def wants(
    database: Database,
    *wanted: Appointment,
    telegram_id: int = 42,
    zone: str = "Asia/Shanghai",
    now: datetime = START,
) -> PersonId:
    async with database.begin() as tx:
        person = await mei(tx, telegram_id)
        await diary.begin(tx, person.person_id, zone=zone, wanted=wanted, now=now)
    return person.person_id


async def ends(database: Database, person_id: PersonId) -> Counter[tuple[State, str]]:
    """How many occurrences ended how, by state and reason."""
    async with database.read() as tx:
        rows = await check_ins.of_person(tx, person_id)
    return Counter((row.state, row.reason or "") for row in rows)


async def test_nothing_is_asked_of_who_did_not_ask_for_it(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        assert await check_in_settings.get(tx, person.person_id) is None
        assert await diary.pause(tx, person.person_id, until_at=START + DAY, now=START) is None
        assert await diary.skip_today(tx, person.person_id, now=START) == []
    clock.at += 2 * DAY
    assert await rounds.send_due(asked) == 0


async def test_it_is_asked_at_its_time_once_and_answered(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    clock.at = AT_NINE - MINUTE
    assert await rounds.send_due(asked) == 0
    clock.at = AT_NINE
    assert [await rounds.send_due(asked) for _ in range(3)] == [1, 0, 0]
    (claimed,) = asked.claimed
    async with database.begin() as tx:
        settings = await check_in_settings.get(tx, person_id)
        assert settings is not None
        assert (settings.consent_at, settings.unanswered) == (START, 1)
        said = await diary.answer(tx, person_id, claimed.check_in_id, Answer(mood=4), now=clock.at)
        assert said == Answer(mood=4)
        whole = await diary.answer(
            tx, person_id, claimed.check_in_id, Answer(note=SECRET, sleep=2), now=clock.at
        )
        assert whole == Answer(mood=4, sleep=2, note=SECRET)
        other = await mei(tx, 43)
        assert await diary.answer(
            tx, other.person_id, claimed.check_in_id, Answer(mood=1), now=clock.at
        ) is None  # fmt: skip
        settings = await check_in_settings.get(tx, person_id)
        assert settings is not None
        assert (settings.unanswered, settings.asked_on) == (0, None)
        (mood,) = await check_ins.moods(tx, person_id, since=date(2026, 1, 5))
        assert (mood.local_date, mood.answer, mood.state) == (
            date(2026, 1, 5), whole, State.ANSWERED)  # fmt: skip
        assert await check_ins.moods(tx, person_id, since=date(2026, 1, 6)) == []
        ((_, following),) = await diary.upcoming(tx, person_id)
        assert following is not None
        assert following.at == AT_NINE + DAY
        assert not await diary.comes_around(tx, following)


@pytest.mark.parametrize("late", [timedelta(0), LATEST, LATEST + MINUTE, 3 * DAY + MINUTE])
async def test_what_is_late_is_caught_up_or_noted(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock, late: timedelta
) -> None:
    person_id = await wants(database, NINE)
    clock.at = AT_NINE + late
    is_asked = late % DAY <= LATEST
    assert await rounds.send_due(asked) == is_asked
    missed = late.days + (0 if is_asked else 1)
    expected = Counter({(State.ASKED, ""): int(is_asked), (State.SKIPPED, "late"): missed})
    assert await ends(database, person_id) == +expected


async def test_a_clock_that_goes_back_asks_nothing_twice(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    await wants(database, NINE)
    for at in (AT_NINE, AT_NINE - DAY, AT_NINE - MINUTE, AT_NINE, AT_NINE + DAY, AT_NINE):
        clock.at = at
        await rounds.send_due(asked)
    assert asked.dates == ["2026-01-05", "2026-01-06"]


async def test_a_failure_leaves_no_trace_and_stops_nobody_else(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    unlucky = await wants(database, NINE)
    await wants(database, NINE, telegram_id=43)
    fails = True

    async def ask(transaction: Transaction, claimed: Claimed) -> None:
        await asked(transaction, claimed)
        if fails and claimed.question.person.person_id == unlucky:
            raise RuntimeError(SECRET)

    clock.at = AT_NINE
    assert await rounds.send_due(ask) == 1
    assert await ends(database, unlucky) == {}
    assert await rounds.send_due(ask) == 0  # not again at once
    clock.at += 2 * MINUTE
    assert await rounds.send_due(ask) == 0
    clock.at = AT_NINE + LATEST + MINUTE
    assert await rounds.send_due(ask) == 0
    assert await ends(database, unlucky) == {(State.SKIPPED, "failed"): 1}
    fails = False
    clock.at = AT_NINE + DAY
    assert await rounds.send_due(ask) == 2


async def test_who_is_not_admitted_is_left_alone_until_they_are(
    database: Database, clock: Clock, asked: Asked
) -> None:
    counts: Counter[str] = Counter()
    admitted: set[int] = set()
    rounds = Rounds(
        database=database, now=clock.now, monotonic_s=clock.monotonic_s, sleep=clock.sleep,
        admits=lambda person: person.person_id in admitted,
        count=lambda outcome: counts.update([outcome]),
    )  # fmt: skip
    person_id = await wants(database, NINE)
    clock.at = AT_NINE + 3 * MINUTE
    async with database.read() as tx:
        assert await appointments.count_due(tx, before=AT_NINE, limit=9) == 0
        assert await appointments.count_due(tx, before=clock.at, limit=9) == 1
    assert await rounds.send_due(asked) == 0
    assert await ends(database, person_id) == {(State.SKIPPED, "not_admitted"): 1}
    async with database.read() as tx:
        assert await appointments.count_due(tx, before=clock.at, limit=9) == 0
    admitted.add(person_id)
    clock.at += DAY
    assert await rounds.send_due(asked) == 1
    assert asked.dates == ["2026-01-06"]
    assert counts == {"not_admitted": 1, "asked": 1}


async def test_words_are_prepared_while_no_transaction_is_open(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)

    async def prepare(questions: list[Question]) -> dict[PersonId, object]:
        async with asyncio.timeout(2), database.begin():  # it would wait for a writer
            return {each.person.person_id: "words" for each in questions}

    clock.at = AT_NINE
    assert await rounds.send_due(asked, prepare) == 1
    assert asked.claimed[0].prepared == "words"
    assert asked.claimed[0].question.person.person_id == person_id

    async def fails(_questions: list[Question]) -> dict[PersonId, object]:
        raise RuntimeError(SECRET)

    clock.at += DAY
    assert await rounds.send_due(asked, fails) == 1
    assert asked.claimed[1].prepared is None


async def test_pause_skip_stop_and_resume(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE, EVENING)
    async with database.begin() as tx:
        assert await diary.skip_today(tx, person_id, now=START) == [NINE, EVENING]
        assert await diary.skip_today(tx, person_id, now=START) == []
    clock.at = AT_NINE + DAY
    await rounds.send_due(asked)
    assert asked.dates == ["2026-01-06"]
    async with database.begin() as tx:
        await diary.pause(tx, person_id, until_at=clock.at + 3 * DAY, now=clock.at)
        assert await appointments.due(tx, now=clock.at + 2 * DAY, limit=9) == []
    clock.at += 3 * DAY + 12 * 60 * MINUTE
    await rounds.send_due(asked)
    assert asked.dates == ["2026-01-06", "2026-01-09"]
    async with database.begin() as tx:
        await diary.stop(tx, person_id, now=clock.at)
    clock.at += 7 * DAY
    assert await rounds.send_due(asked) == 0
    async with database.begin() as tx:
        resumed = await diary.resume(tx, person_id, now=clock.at)
        assert resumed is not None
        assert (resumed.stopped_at, resumed.unanswered) == (None, 0)
    clock.at += DAY
    assert await rounds.send_due(asked) == 1
    assert (State.SKIPPED, "asked_for") in await ends(database, person_id)


async def test_what_was_skipped_by_mistake_is_asked_after_all(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE, EVENING)
    clock.at = AT_NINE
    async with database.begin() as tx:  # the first in the very minute in which it is due
        assert await diary.skip_today(tx, person_id, now=clock.at) == [NINE, EVENING]
    clock.at += 60 * MINUTE
    async with database.begin() as tx:
        await diary.resume(tx, person_id, now=clock.at)
        to_come = {each.minute: found for each, found in await diary.upcoming(tx, person_id)}
    assert [to_come[each.minute].local_date.day for each in (NINE, EVENING)] == [6, 5]
    clock.at += 12 * 60 * MINUTE
    assert await rounds.send_due(asked) == 1
    # What had its time already stays left out; the other one is asked, once.
    assert asked.dates == ["2026-01-05"]
    assert (State.SKIPPED, "asked_for") in await ends(database, person_id)


async def test_a_change_of_times_keeps_what_is_due_and_doubles_nothing(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    clock.at = AT_NINE
    async with database.begin() as tx:  # in the very second between due and asked
        await diary.set_appointments(tx, person_id, [NINE, EVENING], now=clock.at)
        await diary.set_zone(tx, person_id, "Asia/Tokyo", now=clock.at)
    assert await rounds.send_due(asked) == 1
    async with database.begin() as tx:
        await diary.set_appointments(tx, person_id, [EVENING], now=clock.at)
        await diary.set_appointments(tx, person_id, [NINE], now=clock.at)
        await diary.set_zone(tx, person_id, "America/New_York", now=clock.at)  # Sunday evening
    clock.at += 14 * 60 * MINUTE  # nine on Monday in New York: served already
    assert await rounds.send_due(asked) == 0
    clock.at += DAY
    assert await rounds.send_due(asked) == 1
    assert asked.dates == ["2026-01-05", "2026-01-06"]


async def test_quiet_hours_refuse_and_skip(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    async with database.begin() as tx:
        assert await diary.set_quiet(tx, person_id, Quiet(22 * 60, 10 * 60)) == (NINE,)
        with pytest.raises(QuietError) as refused:
            await diary.set_appointments(tx, person_id, [NINE, EVENING], now=START)
        assert refused.value.refused == (NINE,)
    clock.at = AT_NINE
    assert await rounds.send_due(asked) == 0
    assert await ends(database, person_id) == {(State.SKIPPED, "quiet"): 1}


async def test_a_case_of_level_three_holds_and_afterwards_it_says_so(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    async with database.begin() as tx:
        case_id = await cases.create(
            tx, person_id, level=3, categories=(), script="suicide", lexicon="1", now=START
        )
    clock.at = AT_NINE
    assert await rounds.send_due(asked) == 0
    async with database.begin() as tx:
        await cases.resolve(tx, case_id, cases.Resolution.HELPED, operator_id=None, now=clock.at)
        await cases.create(
            tx, person_id, level=2, categories=(), script="passive", lexicon="1", now=START
        )
    for _ in range(2):
        clock.at += DAY
        assert await rounds.send_due(asked) == 1
    assert [each.question.is_after_hold for each in asked.claimed] == [True, False]
    assert (await ends(database, person_id))[(State.SKIPPED, "held")] == 1


async def test_silence_leads_to_a_goodbye_and_back(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    for number in range(60):
        clock.at = AT_NINE + number * DAY
        await rounds.send_due(asked)
    days = [(each.question.occurrence.at - AT_NINE).days + 1 for each in asked.claimed]
    assert days == [1, 2, 3, 6, 9, 12, 19, 26, 33]
    assert [each.question.is_goodbye for each in asked.claimed] == [False] * 8 + [True]
    async with database.begin() as tx:
        settings = await check_in_settings.get(tx, person_id)
        assert settings is not None
        assert settings.stopped_by is StoppedBy.GOODBYE
        said = await diary.answer(
            tx, person_id, asked.claimed[-1].check_in_id, Answer(mood=2), now=clock.at
        )
        assert said is not None
        await diary.resume(tx, person_id, now=clock.at)
    clock.at += DAY
    assert await rounds.send_due(asked) == 1


async def test_whoever_blocks_costs_nothing_and_goes_on_afterwards(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    async with database.begin() as tx:
        await people.set_blocked(tx, 42, START)
        assert await appointments.due(tx, now=AT_NINE + 9 * DAY, limit=9) == []
    clock.at = AT_NINE + 3 * DAY + MINUTE
    assert await rounds.send_due(asked) == 0
    async with database.begin() as tx:
        await people.set_blocked(tx, 42, None)
    assert await rounds.send_due(asked) == 0
    clock.at = AT_NINE + 4 * DAY
    assert await rounds.send_due(asked) == 1
    assert await ends(database, person_id) == {(State.ASKED, ""): 1}


async def test_erasure_takes_everything_and_retention_the_old(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    other = await wants(database, NINE, telegram_id=43)
    clock.at = AT_NINE
    await rounds.send_due(asked)
    async with database.begin() as tx:
        await people.erase(tx, person_id, now=clock.at)
        assert await appointments.of_person(tx, person_id) == []
        assert await check_ins.of_person(tx, person_id) == []
        assert await check_in_settings.get(tx, person_id) is None
        early = await retention.sweep(tx, turns_days=180, now=AT_NINE + 179 * DAY)
        late = await retention.sweep(tx, turns_days=180, now=AT_NINE + 181 * DAY)
        assert (early["moods"], late["moods"]) == (0, 1)
        assert len(await appointments.of_person(tx, other)) == 1
        await check_in_settings.withdraw(tx, other)
        assert await check_in_settings.get(tx, other) is None


async def test_a_restored_backup_asks_nothing_again_and_of_nobody_erased(
    database: Database, rounds: Rounds, asked: Asked, clock: Clock, tmp_path: Path, vault: Vault
) -> None:
    erased = await wants(database, NINE)
    kept = await wants(database, NINE, telegram_id=43)
    await archive.write_backup(database, tmp_path / "backup", now=START)
    async with database.begin() as tx:
        await people.erase(tx, erased, now=START)
    await archive.write_keys(database, tmp_path / "keys", now=START)
    clock.at = AT_NINE
    assert await rounds.send_due(asked) == 1
    restored = Database(f"sqlite:///{tmp_path / 'restored.db'}", vault)
    await restoring.restore(restored, tmp_path / "backup", tmp_path / "keys")
    clock.at = AT_NINE + MINUTE
    again = rounds_of(restored, clock)
    assert await again.send_due(asked) == 0
    async with restored.read() as tx:
        assert await appointments.of_person(tx, erased) == []
        ((_, following),) = await diary.upcoming(tx, kept)
        assert following is not None
        assert following.at == AT_NINE + DAY
    await restored.aclose()


async def test_a_check_in_that_waited_at_the_backup_is_not_sent_after_the_restore(
    database: Database, tmp_path: Path, vault: Vault
) -> None:
    """It may have been sent since: once too few is better than twice."""
    person_id = await wants(database, NINE)
    async with database.begin() as tx:
        await outbox.put(tx, Kind.CHECK_IN, Body("?"), person_id=person_id, now=AT_NINE)
    await archive.write_backup(database, tmp_path / "backup", now=AT_NINE)
    await archive.write_keys(database, tmp_path / "keys", now=AT_NINE)
    restored = Database(f"sqlite:///{tmp_path / 'restored.db'}", vault)
    await restoring.restore(restored, tmp_path / "backup", tmp_path / "keys")
    async with restored.read() as tx:
        assert await outbox.count_open(tx) == 0
    await restored.aclose()


async def test_finding_the_due_ones_reads_the_index_alone(database: Database) -> None:
    await wants(database, NINE)
    seen: list[tuple[str, object]] = []

    def keep(_c: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        seen.append((statement, values))

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    async with database.read() as tx:
        await appointments.due(tx, now=AT_NINE, limit=20)
        await appointments.count_at(tx, AT_NINE, limit=20)
    event.remove(engine, "before_cursor_execute", keep)
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    async with database.read() as tx:
        if database.dialect == "postgresql":  # a table of one page would be read whole
            await tx.execute(text("SET LOCAL enable_seqscan = off"))
        for statement, values in seen:
            rows = await tx.run_sync(
                lambda c, s=statement, v=values: c.exec_driver_sql(explain + s, v).all()
            )
            plan = " ".join(str(row[-1]) for row in rows)
            assert "ix_appointments_next_at" in plan
            assert "SCAN appointments" not in plan
            assert "Sort" not in plan
            assert "TEMP B-TREE" not in plan


async def test_two_processes_race_and_each_date_is_asked_once(
    url: str, database: Database, clock: Clock, vault: Vault
) -> None:
    """Two services on one database, restarted and with clocks of their own."""
    number, days = 12, 4
    for each in range(number):
        await wants(database, NINE, telegram_id=100 + each)
    asked = Asked()
    chance = random.Random(7)
    for day in range(days):
        others = [Database(url, vault) for _ in range(2)]
        clocks = [
            Clock(AT_NINE + day * DAY + timedelta(seconds=chance.randrange(3600))) for _ in others
        ]
        sent = await asyncio.gather(*(
            rounds_of(each, own).send_due(asked) for each, own in zip(others, clocks, strict=True)
        ))  # fmt: skip
        assert sum(sent) == (number if day < 3 else 0)  # then three were not answered
        for each in others:
            await each.aclose()
    per_person = Counter(
        (each.question.person.person_id, each.question.occurrence.local_date)
        for each in asked.claimed
    )
    assert set(per_person.values()) == {1}
    assert len(per_person) == number * 3


ZONES = ("Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe",
         "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia", "America/Sao_Paulo")  # fmt: skip


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
    url: str, database: Database, vault: Vault
) -> None:
    """Against a count made from the order of ticks alone, on both databases."""
    chance, days = random.Random(11), 21
    start = datetime(2026, 3, 20, tzinfo=UTC)  # over the changes of London and Lord Howe
    wanted = {}
    for each in range(10):
        name = ZONES[each % len(ZONES)]
        days_of_week = (EVERY_DAY, WEEKDAYS)[each % 2]
        appointment = Appointment(days_of_week, chance.choice((450, 540, 735, 1290)))
        person_id = await wants(database, appointment, telegram_id=200 + each, zone=name, now=start)
        wanted[person_id] = walls(ZoneInfo(name), appointment, start, days + 3)
    expected: dict[PersonId, dict[date, str]] = {person_id: {} for person_id in wanted}
    clock, asked = Clock(start), Asked()
    opened = database
    rounds = rounds_of(opened, clock)
    while clock.at < start + days * DAY:
        step = chance.choice((7, 20, 45, 45, 60, 90, -30, -120, 300, 1500))
        clock.at += timedelta(minutes=step)
        if step in (300, -30):  # a restart
            if opened is not database:
                await opened.aclose()
            opened = Database(url, vault)
            rounds = rounds_of(opened, clock)
        for person_id, dates in wanted.items():
            for day, at in dates.items():
                if at <= clock.at and day not in expected[person_id]:
                    late = clock.at - at > LATEST
                    expected[person_id][day] = "late" if late else "asked"
        await rounds.send_due(asked)
        async with opened.begin() as tx:
            for person_id in wanted:
                await diary.heard_from(tx, person_id)  # restraint is counted elsewhere
    if opened is not database:
        await opened.aclose()
    async with database.read() as tx:
        for person_id, dates in expected.items():
            rows = await check_ins.of_person(tx, person_id)
            assert {each.local_date: each.reason or each.state for each in rows} == dates
    assert len(asked.claimed) == sum(
        end == "asked" for dates in expected.values() for end in dates.values()
    )
