"""A person with check-ins, and a clock that tests set on."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import SandboxUser
from storage.checkins import occurrences, settings
from storage.companion import script_positions, transcripts
from storage.companion.conversations import Turn
from storage.review import cases
from tests.e2e.conftest import answer_to, person_of
from tests.support.clock import ManualClock

Start = Callable[..., Awaitable[Service]]
BEGIN = datetime(2026, 11, 24, 2, tzinfo=UTC)  # 10:00 in Shanghai, a Tuesday
DAY = timedelta(days=1)
FIRST = datetime(2026, 11, 25, 0, 0, 1, tzinfo=UTC)  # eight in the morning in Shanghai
GRAVE = "我想自杀"
PASSIVE = "活着好没意思，有时候希望自己消失"


async def pressed(user: SandboxUser, button: str) -> str:
    """Press a button and read what comes back, be it a new message or a change of this one.

    That the buttons go is no answer yet.
    """
    before = user.last
    assert before is not None
    await user.press(button)
    message = await user.wait_for(
        lambda m: (
            m.message_id > before.message_id
            or (
                m.message_id == before.message_id
                and (m.text != before.text or (m.buttons and m.buttons != before.buttons))
            )
        ),
        timeout_s=20,
    )
    return message.text


async def agree(user: SandboxUser, times: str = "每天早上八点", zone: str = "上海") -> str:
    """Arrange check-ins in plain words."""
    await answer_to(user, "/checkin")
    await answer_to(user, times)
    await answer_to(user, zone)
    return await pressed(user, "好，开始")


async def asked(user: SandboxUser, service: Service, after: int | None = None) -> Any:
    """What the loop asks now."""
    last = user.last.message_id if after is None and user.last else after or 0
    await service.parts.check_ins.job.run()
    return await user.wait_for(lambda m: "mood:" in str(m.buttons), after=last, timeout_s=20)


async def rows(service: Service, user: SandboxUser) -> list[occurrences.CheckIn]:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        return await occurrences.of_person(transaction, person.person_id)


async def settings_of(service: Service, user: SandboxUser) -> settings.CheckInSettings | None:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        return await settings.get(transaction, person.person_id)


async def turns_of(service: Service, user: SandboxUser) -> list[Turn]:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        return await transcripts.history(transaction, person.person_id)


async def pressed_twice(user: SandboxUser, first: str, second: str) -> str:
    await pressed(user, first)
    return await pressed(user, second)


async def is_resolved(service: Service, user: SandboxUser) -> bool:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        return await cases.open_case(transaction, person.person_id) is None


async def place(service: Service, user: SandboxUser) -> Any:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        return await script_positions.get(transaction, person.person_id)


async def mood_of(service: Service, user: SandboxUser) -> int | None:
    answer = (await rows(service, user))[-1].answer
    return answer.mood if answer else None


async def note_of(service: Service, user: SandboxUser) -> str | None:
    answer = (await rows(service, user))[-1].answer
    return answer.note if answer else None


async def note_asked(user: SandboxUser, service: Service, clock: ManualClock, texts: Texts) -> None:
    """Agree, be asked, answer with a face, and ask for the note."""
    await agree(user)
    clock.now = FIRST
    question = await asked(user, service)
    await user.press("😐")
    await user.wait_for(None, after=question.message_id, timeout_s=60)
    before = user.last
    assert before is not None
    await user.press("mood:1:note")
    await user.wait_for(texts(language(user), "checkin_note_ask"), timeout_s=20)


def language(user: SandboxUser) -> str:
    return "zh" if user.language_code.startswith("zh") else "en"
