"""What silence comes to, what ends it, and what does not follow on a hold."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Unpack

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.checkins import settings as check_in_settings
from storage.checkins.occurrences import CheckInState
from tests.e2e.checkins.cast import (
    DAY,
    FIRST,
    GRAVE,
    agree,
    asked,
    is_resolved,
    pressed,
    rows,
    settings_of,
)
from tests.e2e.conftest import answer_to, close_case, person_of
from tests.support.clock import ManualClock
from tests.support.waiting import at_rest, until


async def silent(service: Service, sandbox: Sandbox, clock: ManualClock, days: int) -> None:
    """Let days pass on which nothing is answered."""
    for _ in range(days):
        await service.parts.check_ins.job.run()
        await at_rest(service, sandbox)  # one that nobody saw would be no silence
        clock.now += DAY


async def test_after_a_crisis_there_is_never_a_goodbye_first(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await agree(someone)
    clock.now = FIRST
    await silent(served, sandbox, clock, 31)
    settings = await settings_of(served, someone)
    assert settings is not None
    assert settings.unanswered == 8
    await answer_to(someone, GRAVE)
    settings = await settings_of(served, someone)
    assert settings is not None
    assert settings.unanswered == 0
    await silent(served, sandbox, clock, 4)
    await served.parts.check_ins.job.run()  # the fifth that is held
    await close_case(sandbox, 1)
    await until(lambda: is_resolved(served, someone))
    clock.now += DAY  # not before: the loop would hold that one too
    question = await asked(someone, served)
    assert question.text in texts("zh", "checkin_after_hold").splitlines()
    kept = await rows(served, someone)
    assert kept[-1].state is CheckInState.ASKED
    assert {row.reason for row in kept[-6:-1]} == {"held"}


async def test_after_a_hold_without_a_word_of_theirs_there_is_no_goodbye_either(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    """An operator took the conversation over, and the person never answered."""
    await agree(someone)
    clock.now = FIRST
    await silent(served, sandbox, clock, 31)
    person = await person_of(served, someone)
    assert person is not None
    async with served.parts.database.begin() as transaction:
        settings = await check_in_settings.get(transaction, person.person_id)
        await check_in_settings.change(transaction, person.person_id, was_held=True)
    assert settings is not None
    assert settings.unanswered == 8
    clock.now += DAY
    question = await asked(someone, served)
    assert question.text in texts("zh", "checkin_after_hold").splitlines()


Sign = Callable[[SandboxUser, ManualClock], Awaitable[object]]


async def later(user: SandboxUser, clock: ManualClock) -> None:
    clock.now += timedelta(hours=25)
    await user.say("今天下雨了")


SIGNS: dict[str, Sign] = {
    "sticker": lambda user, _: user.send_sticker(),
    "voice": lambda user, _: user.send_voice(),
    "mood": lambda user, _: user.say("/mood"),
    "settings": lambda user, _: user.say("/checkin"),
    "button": lambda user, _: user.press("ci:flag:asks_sleep"),
    "words a day later": later,
    "words at risk": lambda user, _: user.say(GRAVE),
    "words in a hold": lambda user, _: user.say("嗯"),
}


async def test_whatever_a_person_sends_is_a_sign_of_life(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock
) -> None:
    await agree(someone)
    person = await person_of(served, someone)
    assert person is not None

    async def is_back() -> bool:
        settings = await settings_of(served, someone)
        assert settings is not None
        return (settings.unanswered, settings.asked_on) == (0, None)

    for sign, send in SIGNS.items():
        async with served.parts.database.begin() as transaction:
            await check_in_settings.change(
                transaction, person.person_id, unanswered=5, asked_on=FIRST.date()
            )
        assert not await is_back(), sign
        await send(someone, clock)
        await until(is_back)
        await at_rest(served, sandbox)


async def test_no_summary_without_a_mood_in_silence_or_after_a_hold(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await agree(someone)
    await pressed(someone, "ci:flag:weekly_summary")
    person = await person_of(served, someone)
    assert person is not None

    async def is_offered(day: int, **values: Unpack[check_in_settings.SettingsChange]) -> bool:
        clock.now = FIRST + day * DAY
        if values:
            async with served.parts.database.begin() as transaction:
                await check_in_settings.change(transaction, person.person_id, **values)
        question = await asked(someone, served)
        await at_rest(served, sandbox)
        summary = texts("zh", "checkin_summary")
        return any(
            m.text == summary and m.message_id > question.message_id for m in someone.messages
        )

    assert not await is_offered(7)  # no mood was noted
    last = someone.last
    assert last is not None
    await someone.press("😐")
    await someone.wait_for(None, after=last.message_id, timeout_s=60)
    await at_rest(served, sandbox)
    assert not await is_offered(10, unanswered=3, asked_on=(FIRST + 7 * DAY).date())
    assert not await is_offered(11, unanswered=0, asked_on=None, was_held=True)
    assert await is_offered(12, unanswered=0, asked_on=None)
    assert not await is_offered(13)
