"""Told that this is a program, and to rest: by the clock, through the whole service."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.texts import Texts
from sandbox import Sandbox
from storage.database import schema
from tests.duties.people import EXACT, PROGRAM, REST, Start, agrees, told_in_hours
from tests.e2e.conftest import answer_to
from tests.support.clock import ManualClock


async def test_eu_told_at_first_interaction(
    sandbox: Sandbox, start: Start, clock: ManualClock, texts: Texts
) -> None:
    await start(clock=clock)
    for words, language in (("/start", "zh"), ("你好", "zh"), ("hello", "en")):
        user = sandbox.add_user(language_code=language)
        first = await answer_to(user, words)
        assert first.startswith(texts(language, "start").split("{", 1)[0])
        assert "AI" in first
        assert EXACT in first


async def test_california_says_it_is_an_ai(
    sandbox: Sandbox, start: Start, clock: ManualClock
) -> None:
    await start(clock=clock)
    user = await agrees(sandbox, region="US")
    assert PROGRAM not in await answer_to(user, "你好")  # the page of consent has just said it
    clock.forward(days=1)
    assert PROGRAM in await answer_to(user, "早上好")
    clock.forward(minutes=5)
    assert PROGRAM not in await answer_to(user, "今天有点累")


async def test_california_minors_get_a_break_notice_every_three_hours(
    sandbox: Sandbox, start: Start, clock: ManualClock
) -> None:
    await start(clock=clock)
    minor = await agrees(sandbox, age="14_17", region="US")
    told = await told_in_hours(minor, clock, 6)
    assert list(told) == [3, 6]
    assert all(REST in reply and PROGRAM in reply for reply in told.values())


async def test_new_york_exact_text_at_start_and_every_three_hours(
    sandbox: Sandbox, start: Start, clock: ManualClock
) -> None:
    await start(clock=clock)
    adult = await agrees(sandbox, region="US")
    assert adult.messages[1].from_bot
    assert EXACT in adult.messages[1].text
    told = await told_in_hours(adult, clock, 6)
    assert list(told) == [3, 6]
    assert all(EXACT in reply and REST not in reply for reply in told.values())
    clock.forward(days=1)
    assert EXACT in await answer_to(adult, "早上好")


async def test_china_two_hour_reminder(sandbox: Sandbox, start: Start, clock: ManualClock) -> None:
    await start(clock=clock)
    adult = await agrees(sandbox, region="CN")
    told = await told_in_hours(adult, clock, 4)
    assert list(told) == [2, 4]
    assert all(REST in reply and EXACT not in reply for reply in told.values())
    clock.forward(minutes=45)  # a pause: the two hours begin anew
    assert await told_in_hours(adult, clock, 1) == {}


async def test_who_says_no_region_gets_the_strictest(
    sandbox: Sandbox, start: Start, clock: ManualClock
) -> None:
    await start(clock=clock)
    told = await told_in_hours(await agrees(sandbox), clock, 4)
    assert [(hour, EXACT in reply, REST in reply) for hour, reply in told.items()] == [
        (2, False, True),
        (3, True, False),
        (4, False, True),
    ]


async def test_a_notice_is_no_part_of_the_talk_that_is_kept(
    sandbox: Sandbox, start: Start, clock: ManualClock
) -> None:
    service = await start(clock=clock)
    user = await agrees(sandbox)
    clock.forward(days=1)
    assert (await answer_to(user, "早上好")).endswith(EXACT)
    async with service.parts.database.read() as transaction:
        kept = (await transaction.execute(select(schema.talk_clocks))).one()
    assert kept.disclosed_at == kept.began_at == clock.now


async def test_what_was_not_said_is_said_later(
    sandbox: Sandbox, start: Start, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start(clock=clock)
    user = await agrees(sandbox)
    clock.forward(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(service.parts.worker, "stream", _fails)
        assert PROGRAM not in await answer_to(user, "早上好")
    clock.forward(minutes=1)
    assert PROGRAM in await answer_to(user, "还在吗")


async def test_a_quiet_minute_writes_nothing(
    sandbox: Sandbox, start: Start, clock: ManualClock
) -> None:
    service = await start(clock=clock)
    user = await agrees(sandbox)
    spoke = []
    for seconds in (0, 30, 90):
        clock.forward(seconds=seconds)
        await answer_to(user, "你好")
        async with service.parts.database.read() as transaction:
            query = select(schema.talk_clocks.c.spoke_at)
            spoke.append((await transaction.execute(query)).scalar_one() - clock.now)
    assert spoke == [timedelta(), -timedelta(seconds=30), timedelta()]


async def _fails(_request: object) -> object:
    from inference import GenerationError

    raise GenerationError("engine_failed", "on purpose")
    yield
