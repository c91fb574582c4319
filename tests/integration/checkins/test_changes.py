"""What people change, and what keeps check-ins back."""

import pytest

from bot.checkins.outgoing.scheduler import CheckInScheduler
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.settings import service
from bot.checkins.settings.service import QuietHoursError
from storage import Database
from storage.checkins import appointments
from storage.checkins import settings as check_in_settings
from storage.checkins.occurrences import CheckInState, MoodAnswer
from storage.checkins.settings import StoppedBy
from storage.companion import people
from storage.review import cases
from tests.integration.checkins.cast import (
    AT_NINE,
    DAY,
    EVENING,
    MINUTE,
    NINE,
    START,
    Asked,
    Clock,
    ends,
    wants,
)


async def test_pause_skip_stop_and_resume(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE, EVENING)
    async with database.begin() as tx:
        assert await service.skip_today(tx, person_id) == [NINE, EVENING]
        assert await service.skip_today(tx, person_id) == []
    clock.at = AT_NINE + DAY
    await rounds.send_due(asked)
    assert asked.dates == ["2026-01-06"]
    async with database.begin() as tx:
        await service.pause(tx, person_id, until_at=clock.at + 3 * DAY)
        tx.now = clock.at + 2 * DAY
        assert await appointments.due(tx, limit=9) == []
    clock.at += 3 * DAY + 12 * 60 * MINUTE
    await rounds.send_due(asked)
    assert asked.dates == ["2026-01-06", "2026-01-09"]
    async with database.begin() as tx:
        await service.stop(tx, person_id)
    clock.at += 7 * DAY
    assert await rounds.send_due(asked) == 0
    async with database.begin() as tx:
        resumed = await service.resume(tx, person_id)
        assert resumed is not None
        assert (resumed.stopped_at, resumed.unanswered) == (None, 0)
    clock.at += DAY
    assert await rounds.send_due(asked) == 1
    assert (CheckInState.SKIPPED, "asked_for") in await ends(database, person_id)


async def test_what_was_skipped_by_mistake_is_asked_after_all(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE, EVENING)
    clock.at = AT_NINE
    async with database.begin() as tx:  # the first in the very minute in which it is due
        assert await service.skip_today(tx, person_id) == [NINE, EVENING]
    clock.at += 60 * MINUTE
    async with database.begin() as tx:
        await service.resume(tx, person_id)
        to_come = {each.minute: found for each, found in await service.upcoming(tx, person_id)}
    assert [to_come[each.minute].local_date.day for each in (NINE, EVENING)] == [6, 5]
    clock.at += 12 * 60 * MINUTE
    assert await rounds.send_due(asked) == 1
    # What had its time already stays left out; the other one is asked, once.
    assert asked.dates == ["2026-01-05"]
    assert (CheckInState.SKIPPED, "asked_for") in await ends(database, person_id)


async def test_a_change_of_times_keeps_what_is_due_and_doubles_nothing(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    clock.at = AT_NINE
    async with database.begin() as tx:  # in the very second between due and asked
        await service.set_appointments(tx, person_id, [NINE, EVENING])
        await service.set_zone(tx, person_id, "Asia/Tokyo")
    assert await rounds.send_due(asked) == 1
    async with database.begin() as tx:
        await service.set_appointments(tx, person_id, [EVENING])
        await service.set_appointments(tx, person_id, [NINE])
        await service.set_zone(tx, person_id, "America/New_York")  # Sunday evening
    clock.at += 14 * 60 * MINUTE  # nine on Monday in New York: served already
    assert await rounds.send_due(asked) == 0
    clock.at += DAY
    assert await rounds.send_due(asked) == 1
    assert asked.dates == ["2026-01-05", "2026-01-06"]


async def test_quiet_hours_refuse_and_skip(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    async with database.begin() as tx:
        assert await service.set_quiet(tx, person_id, QuietHours(22 * 60, 10 * 60)) == (NINE,)
        with pytest.raises(QuietHoursError) as refused:
            await service.set_appointments(tx, person_id, [NINE, EVENING])
        assert refused.value.refused == (NINE,)
    clock.at = AT_NINE
    assert await rounds.send_due(asked) == 0
    assert await ends(database, person_id) == {(CheckInState.SKIPPED, "quiet"): 1}


async def test_a_case_of_level_three_holds_and_afterwards_it_says_so(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    async with database.begin() as tx:
        tx.now = START
        case_id = await cases.create(
            tx, person_id, level=3, categories=(), script="suicide", lexicon="1"
        )
    clock.at = AT_NINE
    assert await rounds.send_due(asked) == 0
    async with database.begin() as tx:
        await cases.resolve(tx, case_id, cases.Resolution.HELPED, operator_id=None)
        tx.now = START
        await cases.create(tx, person_id, level=2, categories=(), script="passive", lexicon="1")
    for _ in range(2):
        clock.at += DAY
        assert await rounds.send_due(asked) == 1
    assert [each.question.is_after_hold for each in asked.claimed] == [True, False]
    assert (await ends(database, person_id))[(CheckInState.SKIPPED, "held")] == 1


async def test_silence_leads_to_a_goodbye_and_back(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
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
        said = await service.answer(
            tx, person_id, asked.claimed[-1].check_in_id, MoodAnswer(mood=2)
        )
        assert said is not None
        await service.resume(tx, person_id)
    clock.at += DAY
    assert await rounds.send_due(asked) == 1


async def test_whoever_blocks_costs_nothing_and_goes_on_afterwards(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    async with database.begin() as tx:
        await people.set_blocked(tx, 42, START)
        tx.now = AT_NINE + 9 * DAY
        assert await appointments.due(tx, limit=9) == []
    clock.at = AT_NINE + 3 * DAY + MINUTE
    assert await rounds.send_due(asked) == 0
    async with database.begin() as tx:
        await people.set_blocked(tx, 42, None)
    assert await rounds.send_due(asked) == 0
    clock.at = AT_NINE + 4 * DAY
    assert await rounds.send_due(asked) == 1
    assert await ends(database, person_id) == {(CheckInState.ASKED, ""): 1}
