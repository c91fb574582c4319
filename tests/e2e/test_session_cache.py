"""Nothing of a talk that is over stays in the model's cache, however it ended."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.conversation.model_memory import KEPT_FOR_S, SessionCacheEviction
from bot.service.lifecycle import Service
from bot.texts import Texts
from inference import InferenceWorker
from sandbox import Sandbox, SandboxUser
from storage.companion import conversations
from storage.ids import SessionId
from tests.e2e.conftest import answer_to, newcomer_agrees, opening, person_of
from tests.support.clock import ManualClock
from tests.support.waiting import until

Start = Callable[..., Awaitable[Service]]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def session_of(service: Service, user: SandboxUser) -> str:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.begin() as transaction:
        session = await conversations.current_session(transaction, person.person_id)
    return str(session)


async def until_kept(worker: InferenceWorker, session: str, *, is_kept: bool) -> None:
    await until(lambda: worker.is_cached(session) is is_kept, within_s=10)


async def model_has_listened(worker: InferenceWorker) -> None:
    """Wait until the model has done what it was told so far: one step hears of everything."""
    steps = worker.health().steps
    worker.forget("nobody")
    await until(lambda: worker.health().steps > steps)


async def talked(service: Service, user: SandboxUser, worker: InferenceWorker) -> str:
    """Have a round; the session, whose words the model now keeps for the next."""
    worker.forget("1")  # of a test before, with another database
    await until_kept(worker, "1", is_kept=False)
    await answer_to(user, "今天去公园走了走")
    session = await session_of(service, user)
    await until_kept(worker, session, is_kept=True)
    return session


@pytest.mark.parametrize("command", ["/new", "/stop", "退出"])
async def test_an_ended_session_is_forgotten(
    service: Service, user: SandboxUser, worker: InferenceWorker, command: str
) -> None:
    session = await talked(service, user, worker)
    await answer_to(user, command)
    await until_kept(worker, session, is_kept=False)


async def test_the_end_of_off_the_record_ends_the_session_before_it_too(
    service: Service, user: SandboxUser, worker: InferenceWorker, texts: Texts
) -> None:
    session = await talked(service, user, worker)
    for data, answer in (("offrecord:1", "offrecord_begun"), ("offrecord:end", "offrecord_ended")):
        sent = await user.say("/offrecord")
        await user.wait_for(None, after=sent, timeout_s=20)
        before = user.last.message_id if user.last else 0
        await user.press(data)
        await user.wait_for(opening(texts, answer)[:4], after=before, timeout_s=20)
    await until_kept(worker, session, is_kept=False)


async def test_silence_is_an_end(
    service: Service, user: SandboxUser, worker: InferenceWorker
) -> None:
    session = await talked(service, user, worker)
    await service.parts.jobs["session_cache"].once()
    await model_has_listened(worker)
    assert worker.is_cached(session)
    clock = ManualClock(0.0)
    eviction = SessionCacheEviction(worker, clock=clock)
    eviction.note(SessionId(int(session)))
    clock.now += KEPT_FOR_S
    await eviction.evict_old()
    await until_kept(worker, session, is_kept=False)


async def test_words_that_are_swept_are_forgotten(
    start: Start, sandbox: Sandbox, worker: InferenceWorker
) -> None:
    now = [NOON]
    service = await start(clock=lambda: now[0])
    user = sandbox.add_user()
    await newcomer_agrees(user)
    session = await talked(service, user, worker)
    await service.parts.upkeep.sweep.run()
    await model_has_listened(worker)
    assert worker.is_cached(session)
    now[0] += timedelta(days=181)
    await service.parts.upkeep.sweep.run()
    await until_kept(worker, session, is_kept=False)
