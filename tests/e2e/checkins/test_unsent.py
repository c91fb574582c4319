"""A check-in that waits to be sent, and what people do meanwhile: `/new`, `/stop`."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.checkins.rules.schedule import EVERY_DAY, Appointment
from bot.checkins.settings import service as diary
from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox
from storage.checkins import occurrences, queued_questions
from storage.checkins import settings as check_in_settings
from storage.ids import PersonId
from tests.e2e.conftest import newcomer_agrees, person_of
from tests.support.waiting import at_rest, until

BEGIN = datetime(2026, 11, 24, 2, tzinfo=UTC)
DUE = datetime(2026, 11, 25, 0, 0, 1, tzinfo=UTC)  # 8:00 in Shanghai


async def waits(service: Service, person_id: PersonId) -> bool:
    async with service.parts.database.read() as tx:
        return len(await queued_questions.waiting(tx, person_id)) == 1


@pytest.mark.parametrize(("said", "is_asked"), [("/new", True), ("/stop", False)])
async def test_what_is_queued_is_stopped_by_stop_and_not_by_new(
    start: Callable[..., Awaitable[Service]],
    sandbox: Sandbox,
    texts: Texts,
    said: str,
    *,
    is_asked: bool,
) -> None:
    at = BEGIN
    service = await start(clock=lambda: at)
    someone = sandbox.add_user()
    await newcomer_agrees(someone)
    person = await person_of(service, someone)
    assert person is not None
    database = service.parts.database
    async with database.begin() as tx:
        await diary.begin(
            tx, person.person_id, zone="Asia/Shanghai", wanted=[Appointment(EVERY_DAY, 480)]
        )
    # Refused for certain: what may have arrived would not be sent again.
    sandbox.faults.add("sendMessage", "429", times=10**6, chat_id=someone.id)
    at = DUE
    assert await service.parts.check_ins.job.run() == 1
    await until(lambda: waits(service, person.person_id))
    sent = await someone.say(said)

    async def is_over() -> bool:
        found = await person_of(service, someone)
        return found is not None and found.epoch > person.epoch

    await until(is_over)
    sandbox.faults.clear()
    answer = texts("zh", "new" if said == "/new" else "stopped")

    async def is_answered() -> bool:
        nonlocal at
        at += timedelta(seconds=5)  # an attempt under way may still put off the next one
        service.parts.delivery.wake()
        texts_after = [m.text for m in someone.messages if m.from_bot and m.message_id > sent]
        return any(text.startswith(answer) for text in texts_after)

    await until(is_answered)
    await at_rest(service, sandbox)
    async with database.read() as tx:
        assert not await queued_questions.count_unsent(tx, limit=1)
    questions = [each for each in someone.messages if "mood:" in str(each.buttons)]
    assert len(questions) == is_asked
    async with database.read() as tx:
        (row,) = await occurrences.of_person(tx, person.person_id)
        settings = await check_in_settings.get(tx, person.person_id)
    assert (row.reason or row.state) == ("asked" if is_asked else "stopped")
    assert settings is not None
    assert (settings.stopped_at is None) == is_asked
