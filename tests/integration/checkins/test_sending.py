"""Check-ins on their way out, with the real delivery against the sandbox: late, unwanted, unsent.

Between the moment at which one is queued and the one at which it is sent everything may change.
"""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from telegram import Bot

from bot.checkins.rules.pace import MOST_UNSENT
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import EVERY_DAY, LATEST, Appointment
from bot.checkins.settings import service
from bot.delivery.relay import CHECK_INS_AT_ONCE
from sandbox import Limits, Sandbox, SandboxUser
from storage import Database, Transaction
from storage.checkins import occurrences, queued_questions
from storage.checkins import settings as check_in_settings
from storage.checkins.occurrences import MoodAnswer
from storage.checkins.settings import StoppedBy
from storage.companion import people, transcripts
from storage.database.schema import outbox as outbox_table
from storage.database.schema_checkins import appointments as appointments_table
from storage.database.schema_checkins import check_in_settings as settings_table
from storage.ids import PersonId
from storage.messages import outbox
from storage.messages.body import MessageBody
from storage.messages.outbox import MessageKind
from storage.review import cases
from tests.integration.checkins.cast import AT_NINE, DAY, MINUTE, NINE, START, Clock, wants
from tests.integration.checkins.line import Line, bot_of
from tests.support.waiting import until

EVER = 10**6
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@dataclass
class Served:
    """A service of check-ins alone, and the person who wants one at nine."""

    database: Database
    sandbox: Sandbox
    line: Line
    clock: Clock
    counts: Counter[str]
    user: SandboxUser
    person_id: PersonId

    async def settings(self) -> check_in_settings.CheckInSettings:
        async with self.database.read() as tx:
            found = await check_in_settings.get(tx, self.person_id)
        assert found is not None
        return found

    async def ends(self) -> list[str]:
        """What became of each occurrence."""
        async with self.database.read() as tx:
            rows = await occurrences.of_person(tx, self.person_id)
        return [each.reason or each.state for each in rows]

    async def messages(self) -> list[tuple[str, str | None]]:
        """What became of each message."""
        query = select(outbox_table).order_by(outbox_table.c.outbox_id)
        async with self.database.read() as tx:
            return [(row.state, row.reason) for row in await tx.execute(query)]

    async def turns(self) -> list[str]:
        async with self.database.read() as tx:
            return [turn.text for turn in await transcripts.history(tx, self.person_id)]

    @contextlib.asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        running = asyncio.create_task(self.line.delivery.run())
        yield
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def deliver(self) -> None:
        """Deliver until nothing is left."""
        async with self.delivering():
            await until(self.is_empty)

    async def is_empty(self) -> bool:
        async with self.database.read() as tx:
            return not await outbox.count_open(tx)

    def seen(self) -> list[str]:
        return [message.text for message in self.user.messages if message.from_bot]


@pytest.fixture
async def bot() -> AsyncIterator[tuple[Sandbox, Bot]]:
    async with Sandbox(limits=Limits.off()) as sandbox:
        made = bot_of(sandbox.token, sandbox.api_url)
        async with made:
            yield sandbox, made


@pytest.fixture
async def served(database: Database, clock: Clock, bot: tuple[Sandbox, Bot]) -> Served:
    sandbox, client = bot
    counts = Counter[str]()
    line = Line(
        database,
        client,
        count=lambda outcome: counts.update([outcome]),
        monotonic_s=clock.monotonic_s,
        sleep=clock.sleep,
    )
    user = sandbox.add_user()
    await user.say("/start")
    person_id = await wants(database, NINE, telegram_id=user.id)
    clock.at = AT_NINE
    return Served(database, sandbox, line, clock, counts, user, person_id)


@pytest.mark.parametrize("away", [timedelta(minutes=119), LATEST + MINUTE, 9 * LATEST])
async def test_an_outage_ends_in_time_or_it_is_left_out(served: Served, away: timedelta) -> None:
    served.sandbox.faults.add("sendMessage", "502", times=EVER)
    assert await served.line.asking.run() == 1

    async def tried() -> bool:
        query = select(outbox_table.c.reason)
        async with served.database.read() as tx:
            return (await tx.execute(query)).scalar_one() is not None

    async with served.delivering():
        await until(tried)
        served.sandbox.faults.clear()
        served.clock.at += away
        await until(served.is_empty)
    in_time = away <= LATEST
    assert len(served.seen()) == in_time
    assert await served.ends() == (["asked"] if in_time else ["late"])
    assert await served.messages() == [("sent", None) if in_time else ("expired", "late")]
    assert len(await served.turns()) == in_time  # nobody is said to have heard what was not sent
    assert (await served.settings()).unanswered == in_time  # nor to have left it unanswered
    assert served.counts == Counter(["asked"] if in_time else ["asked", "unsent"])
    served.clock.at = AT_NINE + DAY
    assert await served.line.asking.run() == 1
    await served.deliver()
    assert len(served.seen()) == 1 + in_time


async def test_a_day_of_downtime_brings_one_and_not_several(served: Served) -> None:
    """Queued, and then the service was off for days."""
    assert await served.line.asking.run() == 1
    served.clock.at += 3 * DAY + MINUTE
    assert await served.line.asking.run() == 1
    await served.deliver()
    assert await served.ends() == ["late", "late", "late", "asked"]
    assert len(served.seen()) == 1


Act = Callable[[Transaction, PersonId, Clock], Awaitable[object]]


async def stop(tx: Transaction, person_id: PersonId, clock: Clock) -> None:
    await service.stop(tx, person_id)


async def pause(tx: Transaction, person_id: PersonId, clock: Clock) -> None:
    await service.pause(tx, person_id, until_at=clock.at + DAY)


async def skip(tx: Transaction, person_id: PersonId, clock: Clock) -> None:
    assert await service.skip_today(tx, person_id) == [NINE]


async def quiet(tx: Transaction, person_id: PersonId, clock: Clock) -> None:
    await service.set_quiet(tx, person_id, QuietHours(22 * 60, 10 * 60))


async def quiet_by_now(tx: Transaction, person_id: PersonId, clock: Clock) -> None:
    await service.set_quiet(tx, person_id, QuietHours(10 * 60, 12 * 60))
    clock.at += timedelta(minutes=61)


async def withdraw(tx: Transaction, person_id: PersonId, clock: Clock) -> None:
    await check_in_settings.withdraw(tx, person_id)


async def fall_into_a_case(tx: Transaction, person_id: PersonId, clock: Clock) -> None:
    await cases.create(tx, person_id, level=3, categories=(), script="suicide", lexicon="1")


async def be_fenced_off(tx: Transaction, person_id: PersonId, clock: Clock) -> None:
    """A crisis whose case is resolved already when its turn to be sent comes."""
    await people.raise_epoch(tx, person_id)


@pytest.mark.parametrize(
    ("act", "reason", "message"),
    [
        (stop, "stopped", "stopped"),
        (pause, "paused", "paused"),
        (skip, "asked_for", "asked_for"),
        (quiet, "quiet", "quiet"),
        (quiet_by_now, "quiet", "quiet"),
        (withdraw, "stopped", "stopped"),
        (fall_into_a_case, "held", "held"),
        (be_fenced_off, "held", "epoch"),
    ],
)
async def test_what_is_queued_and_not_wanted_any_more_is_not_sent(
    served: Served, act: Act, reason: str, message: str
) -> None:
    assert await served.line.asking.run() == 1
    async with served.database.begin() as tx:
        await act(tx, served.person_id, served.clock)
    await served.deliver()
    assert served.seen() == []
    assert await served.ends() == [reason]
    assert await served.messages() == [("cancelled", message)]
    assert await served.turns() == []
    if act is not withdraw:
        settings = await served.settings()
        assert (settings.unanswered, settings.asked_on) == (0, None)
        assert settings.was_held == (reason == "held")  # the next one has words for that


async def test_a_new_topic_is_no_wish_to_be_left_alone(served: Served) -> None:
    assert await served.line.asking.run() == 1
    async with served.database.begin() as tx:
        for _ in range(2):  # twice is once
            epoch = await people.raise_epoch(tx, served.person_id)
            await queued_questions.carry_over(tx, served.person_id, epoch)
    await served.deliver()
    assert len(served.seen()) == 1
    assert await served.ends() == ["asked"]


async def test_a_new_topic_gives_nothing_free_that_a_crisis_fenced_off(served: Served) -> None:
    assert await served.line.asking.run() == 1
    async with served.database.begin() as tx:
        await people.raise_epoch(tx, served.person_id)  # the crisis
        epoch = await people.raise_epoch(tx, served.person_id)  # `/new`
        await queued_questions.carry_over(tx, served.person_id, epoch)
    await served.deliver()
    assert served.seen() == []
    assert await served.ends() == ["held"]


async def test_what_may_have_arrived_is_never_taken_back(served: Served) -> None:
    served.sandbox.faults.add("sendMessage", "lost_answer")
    assert await served.line.asking.run() == 1
    await served.deliver()
    assert await served.messages() == [("unknown", None)]
    assert len(served.seen()) == 1
    async with served.database.begin() as tx:
        assert await service.skip_today(tx, served.person_id) == []
    assert await served.ends() == ["asked"]
    assert (await served.settings()).unanswered == 1


async def test_who_blocked_the_bot_was_not_asked(served: Served) -> None:
    await served.user.block()
    assert await served.line.asking.run() == 1
    await served.deliver()
    assert await served.messages() == [("failed", "blocked")]
    assert await served.ends() == ["failed"]
    assert (await served.settings()).unanswered == 0


async def test_a_second_one_of_the_day_keeps_the_silence_of_the_first(served: Served) -> None:
    async with served.database.begin() as tx:
        tx.now = START
        nine = await service.set_appointments(
            tx, served.person_id, [NINE, type(NINE)(NINE.days, 600)]
        )
        assert nine is not None
    assert await served.line.asking.run() == 1
    await served.deliver()
    served.clock.at = AT_NINE + timedelta(hours=1)
    assert await served.line.asking.run() == 1
    async with served.database.begin() as tx:
        await service.skip_today(tx, served.person_id)
    await served.deliver()
    assert await served.ends() == ["asked", "asked_for"]
    settings = await served.settings()
    assert (settings.unanswered, settings.asked_on) == (1, AT_NINE.date())


async def silent(served: Served) -> None:
    """Eight days without an answer, the last of them a week ago: the next one is a goodbye."""
    before = AT_NINE - 7 * DAY
    async with served.database.begin() as tx:
        occasion = occurrences.Occasion(served.person_id, before.date(), 540, before)
        tx.now = before
        assert await occurrences.note_asked(tx, occasion)
        await check_in_settings.change(tx, served.person_id, unanswered=8, asked_on=before.date())
    assert await served.line.asking.run() == 1
    assert (await served.settings()).stopped_by is StoppedBy.GOODBYE


async def test_a_goodbye_that_nobody_saw_is_said_again(served: Served) -> None:
    await silent(served)
    served.clock.at += LATEST + MINUTE
    await served.deliver()
    assert (await served.ends())[-1] == "late"
    settings = await served.settings()
    assert (settings.stopped_at, settings.unanswered) == (None, 8)
    await served.line.asking.run()  # reckons anew
    served.clock.at = AT_NINE + DAY
    assert await served.line.asking.run() == 1
    await served.deliver()
    assert "ci:resume" in str(served.user.messages[-1].buttons)
    assert (await served.settings()).stopped_by is StoppedBy.GOODBYE


async def test_whoever_goes_on_before_the_goodbye_is_sent_gets_none(served: Served) -> None:
    await silent(served)
    async with served.database.begin() as tx:
        await service.resume(tx, served.person_id)
    await served.deliver()
    assert served.seen() == []
    settings = await served.settings()
    assert (settings.stopped_at, settings.unanswered) == (None, 0)


async def test_a_summary_goes_with_its_check_in(served: Served) -> None:
    async with served.database.begin() as tx:
        await check_in_settings.change(tx, served.person_id, weekly_summary=True)
        tx.now = AT_NINE - DAY
        skipped = await occurrences.note_asked(  # a mood in the week
            tx, occurrences.Occasion(served.person_id, (AT_NINE - DAY).date(), 540, AT_NINE - DAY)
        )
        assert skipped is not None
        await occurrences.answer(tx, served.person_id, skipped, MoodAnswer(mood=3))
    await served.line.asking.run()
    served.clock.at += LATEST + MINUTE
    await served.deliver()
    assert served.seen() == []
    assert await served.messages() == [("expired", "late"), ("expired", "late")]
    served.clock.at = AT_NINE + DAY
    await served.line.asking.run()
    await served.deliver()
    assert len(served.seen()) == 2  # the question, and the offer that was not made yesterday


async def with_a_crowd(served: Served, number: int) -> list[SandboxUser]:
    users = [served.sandbox.add_user() for _ in range(number)]
    served.clock.at = START  # they agree before nine, as the person did
    for user in users:
        await user.say("/start")
        await wants(served.database, NINE, telegram_id=user.id)
    served.clock.at = AT_NINE
    return users


@on_sqlite
async def test_nobody_is_asked_while_too_many_wait_to_be_sent(served: Served) -> None:
    users = [served.user, *await with_a_crowd(served, MOST_UNSENT + 15)]
    assert await served.line.asking.run() == MOST_UNSENT
    assert await served.line.asking.run() == 0
    async with served.database.read() as tx:
        assert await outbox.count_open(tx) == MOST_UNSENT
    await served.deliver()
    assert await served.line.asking.run() == 16
    await served.deliver()
    assert [sum(m.from_bot for m in user.messages) for user in users] == [1] * len(users)


@on_sqlite
async def test_a_reply_does_not_wait_for_queued_check_ins(served: Served) -> None:
    """It is the first to be begun; ahead of it are those alone that are being sent already."""
    users = [served.user, *await with_a_crowd(served, MOST_UNSENT - 1)]
    assert await served.line.asking.run() == MOST_UNSENT
    served.sandbox.faults.add("sendMessage", "slow", times=EVER, delay_s=0.1)
    talker = served.sandbox.add_user()
    await talker.say("/start")
    async with served.database.begin() as tx:
        tx.now = START
        person = await people.get_or_create(tx, talker.id, language="zh")

    def arrived() -> int:
        return sum(message.from_bot for user in users for message in user.messages)

    async def some_arrived() -> bool:
        return arrived() > 0

    async with served.delivering():
        await until(some_arrived)
        before = arrived()
        async with served.database.begin() as tx:
            await outbox.put(
                tx, MessageKind.REPLY, MessageBody("我在听"), person_id=person.person_id
            )
        served.line.delivery.wake()
        await talker.wait_for("我在听", timeout_s=10)
        assert arrived() - before <= 2 * CHECK_INS_AT_ONCE < MOST_UNSENT - before
        await until(served.is_empty)
    assert arrived() == MOST_UNSENT


@on_sqlite
async def test_no_two_check_ins_running_say_the_same(served: Served) -> None:
    both = [NINE, Appointment(EVERY_DAY, 550)]
    async with served.database.begin() as tx:
        tx.now = START
        await service.set_appointments(tx, served.person_id, both)
    for day in range(3):
        for minute in (0, 10):
            served.clock.at = AT_NINE + day * DAY + minute * MINUTE
            assert await served.line.asking.run() == 1
            await served.deliver()
            async with served.database.begin() as tx:
                await service.heard_from(tx, served.person_id)
    said = served.seen()
    assert len(said) == 6
    assert all(one != other for one, other in itertools.pairwise(said))


async def test_a_reply_and_a_check_in_of_one_person_keep_that_order(served: Served) -> None:
    await served.line.asking.run()
    async with served.database.begin() as tx:
        await outbox.put(tx, MessageKind.REPLY, MessageBody("我在听"), person_id=served.person_id)
    await served.deliver()
    assert served.seen()[0] == "我在听"
    assert len(served.seen()) == 2


@pytest.mark.parametrize("ahead", [4, 31, 400])
async def test_a_clock_that_was_far_ahead_costs_nobody_their_check_ins(
    served: Served, ahead: int
) -> None:
    served.clock.at = AT_NINE + ahead * DAY + MINUTE
    assert await served.line.asking.run() == 1  # one, for the wrong date
    await served.deliver()
    served.clock.at = AT_NINE - 5 * MINUTE  # put right again
    assert await served.line.asking.run() == 0
    for day in (0, 1, 2, 3):
        served.clock.at = AT_NINE + day * DAY
        async with served.database.begin() as tx:
            await service.heard_from(tx, served.person_id)  # restraint is counted elsewhere
        assert await served.line.asking.run() == 1
        await served.deliver()
    assert len(served.seen()) == 1 + 4
    async with served.database.read() as tx:
        rows = await occurrences.of_person(tx, served.person_id)
    assert [each.local_date.day for each in rows if each.local_date < AT_NINE.date() + 4 * DAY] == [
        5,
        6,
        7,
        8,
    ]


async def test_a_far_time_that_is_right_stays(served: Served) -> None:
    until_at = AT_NINE + 80 * DAY
    async with served.database.begin() as tx:
        tx.now = START
        await service.pause(tx, served.person_id, until_at=until_at)
    query = select(appointments_table.c.next_at)
    async with served.database.read() as tx:
        before = (await tx.execute(query)).scalar_one()
    assert before > AT_NINE + 79 * DAY
    await served.line.asking.run()
    async with served.database.begin() as tx:
        assert (await tx.execute(query)).scalar_one() == before
        await tx.execute(update(settings_table).values(paused_until_at=None))
    served.clock.at += timedelta(hours=2)
    await served.line.asking.run()
    async with served.database.read() as tx:
        assert (await tx.execute(query)).scalar_one() == AT_NINE + DAY
