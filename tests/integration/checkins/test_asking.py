"""When check-ins are asked: once, late, with a clock that goes back, with failures."""

from collections import Counter
from datetime import date, timedelta

import pytest

from bot.checkins.outgoing.evaluation import CheckInCounted
from bot.checkins.outgoing.scheduler import CheckInScheduler, Claimed
from bot.checkins.rules.schedule import LATEST
from bot.checkins.settings import service
from storage import Database, Transaction
from storage.checkins import appointments, occurrences
from storage.checkins import settings as check_in_settings
from storage.checkins.occurrences import CheckInState, MoodAnswer
from tests.integration.cast import SECRET, mei
from tests.integration.checkins.cast import (
    AT_NINE,
    DAY,
    MINUTE,
    NINE,
    START,
    Asked,
    Clock,
    ends,
    wants,
)


async def test_nothing_is_asked_of_who_did_not_ask_for_it(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        assert await check_in_settings.get(tx, person.person_id) is None
        assert await service.pause(tx, person.person_id, until_at=START + DAY) is None
        assert await service.skip_today(tx, person.person_id) == []
    clock.at += 2 * DAY
    assert await rounds.send_due(asked) == 0


async def test_it_is_asked_at_its_time_once_and_answered(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
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
        said = await service.answer(tx, person_id, claimed.check_in_id, MoodAnswer(mood=4))
        assert said == MoodAnswer(mood=4)
        whole = await service.answer(
            tx, person_id, claimed.check_in_id, MoodAnswer(note=SECRET, sleep=2)
        )
        assert whole == MoodAnswer(mood=4, sleep=2, note=SECRET)
        other = await mei(tx, 43)
        assert (
            await service.answer(tx, other.person_id, claimed.check_in_id, MoodAnswer(mood=1))
            is None
        )
        settings = await check_in_settings.get(tx, person_id)
        assert settings is not None
        assert (settings.unanswered, settings.asked_on) == (0, None)
        (mood,) = await occurrences.moods(tx, person_id, since=date(2026, 1, 5))
        assert (mood.local_date, mood.answer, mood.state) == (
            date(2026, 1, 5),
            whole,
            CheckInState.ANSWERED,
        )
        assert await occurrences.moods(tx, person_id, since=date(2026, 1, 6)) == []
        ((_, following),) = await service.upcoming(tx, person_id)
        assert following is not None
        assert following.at == AT_NINE + DAY
        assert not await service.comes_around(tx, following)


@pytest.mark.parametrize("late", [timedelta(0), LATEST, LATEST + MINUTE, 3 * DAY + MINUTE])
async def test_what_is_late_is_caught_up_or_noted(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock, late: timedelta
) -> None:
    person_id = await wants(database, NINE)
    clock.at = AT_NINE + late
    is_asked = late % DAY <= LATEST
    assert await rounds.send_due(asked) == is_asked
    missed = late.days + (0 if is_asked else 1)
    expected = Counter(
        {(CheckInState.ASKED, ""): int(is_asked), (CheckInState.SKIPPED, "late"): missed}
    )
    assert await ends(database, person_id) == +expected


async def test_a_clock_that_goes_back_asks_nothing_twice(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
) -> None:
    await wants(database, NINE)
    for at in (AT_NINE, AT_NINE - DAY, AT_NINE - MINUTE, AT_NINE, AT_NINE + DAY, AT_NINE):
        clock.at = at
        await rounds.send_due(asked)
    assert asked.dates == ["2026-01-05", "2026-01-06"]


async def test_a_failure_leaves_no_trace_and_stops_nobody_else(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
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
    assert await ends(database, unlucky) == {(CheckInState.SKIPPED, "failed"): 1}
    fails = False
    clock.at = AT_NINE + DAY
    assert await rounds.send_due(ask) == 2


async def test_who_is_not_admitted_is_left_alone_until_they_are(
    database: Database, clock: Clock, asked: Asked
) -> None:
    counts: Counter[str] = Counter()
    admitted: set[int] = set()
    rounds = CheckInScheduler(
        database=database,
        monotonic_s=clock.monotonic_s,
        sleep=clock.sleep,
        admits=lambda person: person.person_id in admitted,
    )
    database.events.subscribe(CheckInCounted, lambda counted: counts.update([counted.outcome]))
    person_id = await wants(database, NINE)
    clock.at = AT_NINE + 3 * MINUTE
    async with database.read() as tx:
        assert await appointments.count_due(tx, before=AT_NINE, limit=9) == 0
        assert await appointments.count_due(tx, before=clock.at, limit=9) == 1
    assert await rounds.send_due(asked) == 0
    assert await ends(database, person_id) == {(CheckInState.SKIPPED, "not_admitted"): 1}
    async with database.read() as tx:
        assert await appointments.count_due(tx, before=clock.at, limit=9) == 0
    admitted.add(person_id)
    clock.at += DAY
    assert await rounds.send_due(asked) == 1
    assert asked.dates == ["2026-01-06"]
    assert counts == {"not_admitted": 1, "asked": 1}
