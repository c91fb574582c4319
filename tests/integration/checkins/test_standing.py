"""What the page says of the next check-in is what the clock then does; notes of falling moods."""

from datetime import datetime, timedelta

import pytest

from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import WEEKEND, Appointment
from bot.checkins.settings import service, status
from bot.checkins.settings.status import CheckInStatus
from storage import Database, Transaction
from storage.checkins import settings
from storage.checkins.settings import Fallen, StoppedBy
from storage.companion import people
from storage.companion.people import Person
from storage.ids import CaseId, PersonId
from storage.review import cases
from storage.review.cases import Resolution
from tests.integration.checkins.cast import (
    AT_NINE,
    DAY,
    EVENING,
    MINUTE,
    NINE,
    START,
    Asked,
    Clock,
    rounds_of,
    wants,
)

SATURDAYS = Appointment(WEEKEND, 10 * 60)


async def seen(
    database: Database, person_id: PersonId, now: datetime, *, is_admitted: bool = True
) -> CheckInStatus:
    def admits(_person: Person) -> bool:
        return is_admitted

    async with database.read() as tx:
        person = await people.by_id(tx, person_id)
        assert person is not None
        tx.now = now
        found = await status.status_of(tx, person, admits)
    assert found is not None
    return found


async def goes_to(database: Database, clock: Clock, asked: Asked, at: datetime) -> None:
    """Let the clock run to an instant, in steps."""
    rounds = rounds_of(database, clock)
    while clock.at < at:
        clock.at = min(at, clock.at + timedelta(hours=11))
        await rounds.send_due(asked)


@pytest.mark.parametrize("wanted", [(NINE, EVENING), (SATURDAYS,)])
async def test_through_all_silence_the_page_names_the_one_that_comes(
    wanted: tuple[Appointment, ...], database: Database, clock: Clock, asked: Asked
) -> None:
    person_id = await wants(database, *wanted)
    slow = []
    while (found := await seen(database, person_id, clock.at)).coming is not None:
        before = len(asked.claimed)
        _appointment, occurrence = found.coming
        slow.append(found.every_days)
        await goes_to(database, clock, asked, occurrence.at - MINUTE)
        assert len(asked.claimed) == before  # nothing earlier
        await goes_to(database, clock, asked, occurrence.at)
        assert [each.question.occurrence for each in asked.claimed[before:]] == [occurrence]
    assert set(slow) == {0, 3, 7}
    assert found.settings.stopped_by is StoppedBy.GOODBYE


async def test_quiet_hours_a_pause_a_case_and_a_closed_pilot(
    database: Database, clock: Clock, asked: Asked
) -> None:
    person_id = await wants(database, NINE, EVENING)
    async with database.begin() as tx:
        await service.set_quiet(tx, person_id, QuietHours(20 * 60, 8 * 60))
        await service.pause(tx, person_id, until_at=START + 2 * DAY)
    found = await seen(database, person_id, START)
    assert found.silent == {EVENING.minute}
    assert found.coming is not None
    assert found.coming[1].at == AT_NINE + 2 * DAY
    assert (await seen(database, person_id, START, is_admitted=False)).coming is None
    await goes_to(database, clock, asked, AT_NINE + 2 * DAY)
    assert [each.question.occurrence for each in asked.claimed] == [found.coming[1]]
    async with database.begin() as tx:
        case = await a_case(person_id, tx, clock.at)
    held = await seen(database, person_id, clock.at)
    assert (held.is_held, held.coming) == (True, None)
    await goes_to(database, clock, asked, AT_NINE + 4 * DAY)
    assert len(asked.claimed) == 1
    async with database.begin() as tx:
        await cases.resolve(tx, case, Resolution.HELPED, operator_id=None)
    after = await seen(database, person_id, clock.at)
    assert not after.is_held
    assert after.coming is not None
    await goes_to(database, clock, asked, AT_NINE + 5 * DAY)
    assert [each.question.occurrence for each in asked.claimed[1:]] == [after.coming[1]]
    async with database.begin() as tx:
        await service.set_quiet(tx, person_id, QuietHours(20 * 60, 10 * 60))
    silent = await seen(database, person_id, clock.at)
    assert (silent.coming, silent.silent) == (None, {NINE.minute, EVENING.minute})


async def test_what_is_late_already_is_not_promised(database: Database) -> None:
    person_id = await wants(database, NINE)
    late = AT_NINE + timedelta(hours=3)  # the service was down
    found = await seen(database, person_id, late)
    assert found.coming is not None
    assert found.coming[1].at == AT_NINE + DAY
    due = await seen(database, person_id, AT_NINE + MINUTE)
    assert due.coming is not None
    assert due.coming[1].at == AT_NINE  # it comes within seconds


async def test_after_a_restore_the_next_one_is_known_at_once(database: Database) -> None:
    person_id = await wants(database, NINE)
    async with database.begin() as tx:
        await people.set_blocked(tx, person_id, START)
        await people.set_blocked(tx, person_id, None)  # to be reckoned anew
    found = await seen(database, person_id, START)
    assert found.coming is not None
    assert found.coming[1].at == AT_NINE


async def a_case(person_id: PersonId, tx: Transaction, now: datetime, level: int = 3) -> CaseId:
    tx.now = now
    return await cases.create(
        tx, person_id, level=level, categories=(), script="suicide", lexicon="test"
    )


async def test_a_note_waits_until_it_is_seen_or_a_case_takes_its_place(database: Database) -> None:
    first = await wants(database, NINE)
    second = await wants(database, NINE, telegram_id=43)
    third = await wants(database, NINE, telegram_id=44)
    async with database.begin() as tx:
        old = await a_case(first, tx, START)
        tx.now = START
        await cases.resolve(tx, old, Resolution.HELPED, operator_id=None)
        for person_id, at in ((second, START + 2 * MINUTE), (first, START + MINUTE)):
            await settings.change(tx, person_id, fell_waits_at=at)
    waiting = [Fallen(first, START + MINUTE, old), Fallen(second, START + 2 * MINUTE, None)]
    async with database.begin() as tx:
        assert await settings.waiting_fallen(tx) == waiting
        assert await settings.waiting_fallen(tx, limit=1) == waiting[:1]
        case = await a_case(second, tx, START + DAY, level=2)
        assert await settings.waiting_fallen(tx) == waiting[:1]
    async with database.begin() as tx:  # whoever saw to the case saw the moods
        tx.now = START + 2 * DAY
        await cases.resolve(tx, case, Resolution.HELPED, operator_id=None)
        assert await settings.waiting_fallen(tx) == waiting[:1]
        assert await settings.end_fallen(tx, first)
        assert not await settings.end_fallen(tx, first)
        assert not await settings.end_fallen(tx, third)
        assert await settings.waiting_fallen(tx) == []
        await settings.change(tx, second, fell_waits_at=START + 3 * DAY)
        assert len(await settings.waiting_fallen(tx)) == 1
        await settings.withdraw(tx, second)
        assert await settings.waiting_fallen(tx) == []
    assert (await seen(database, third, START)).settings.fell_waits_at is None
