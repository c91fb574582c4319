"""More people than the model can answer at once: an honest place, and whose turn comes first."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from bot.conversation.drafts import TYPING_AFTER_S
from bot.service.lifecycle import Service
from bot.texts import Texts
from bot.transport.rate_limit import RateLimiter
from inference import GenerationError, GenerationRequest, InferenceWorker, ModelSource, Sampling
from sandbox import Sandbox, SandboxUser
from tests.e2e.conftest import Unpaced, newcomer_agrees
from tests.support.planned_runner import PlannedRunner
from tests.support.waiting import until

Start = Callable[..., Awaitable[Service]]
ENDLESS = Sampling(min_new_tokens=1500)
WORDS = "今天有点累，不知道该怎么办"


class Quick(Unpaced):
    """Nobody has to wait long to be told that they wait."""

    TYPING_EVERY_S = 0.3


class Crowd:
    """Others who talk with a model that answers one at a time."""

    def __init__(self, worker: InferenceWorker) -> None:
        self._worker = worker
        self._tasks: list[asyncio.Task[None]] = []

    async def comes(self, people: int) -> None:
        ids = tuple(self._worker.tokenizer.encode_chat("你好", []))
        for number in range(people):
            asked = GenerationRequest(f"crowd-{number}", ids, max_new_tokens=1500, sampling=ENDLESS)
            self._tasks.append(asyncio.create_task(self.listen(asked)))
            if number == 0:
                await until(lambda: self._worker.health().running == 1)
        await until(lambda: self._worker.health().waiting == people - 1)

    async def listen(self, asked: GenerationRequest) -> None:
        async for _ in self._worker.stream(asked):
            pass

    async def goes(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture(scope="module")
def loaded(runner: PlannedRunner) -> Iterator[InferenceWorker]:
    """A model with one slot; it takes its time."""
    source = ModelSource(max_running=1)
    worker = asyncio.run(InferenceWorker.start(source, wrap_runner=runner.wrap))
    yield worker
    asyncio.run(worker.aclose(grace_s=0))


@pytest.fixture(scope="module")
def runner() -> PlannedRunner:
    return PlannedRunner()


@pytest.fixture
async def crowd(worker: InferenceWorker, slow: asyncio.Event) -> AsyncIterator[Crowd]:
    """Others before you."""
    made = Crowd(worker)
    yield made
    await made.goes()


async def begin(start: Start, sandbox: Sandbox, mode: str) -> tuple[Service, SandboxUser]:
    service = await start(streaming=mode, limiter=Quick())
    user = sandbox.add_user()
    await newcomer_agrees(user)
    return service, user


async def drafts_of(user: SandboxUser, text: str) -> None:
    await until(lambda: text in user.draft_history)


async def test_whoever_waits_is_told_their_place_and_then_answered(
    start: Start, sandbox: Sandbox, crowd: Crowd, texts: Texts
) -> None:
    _, user = await begin(start, sandbox, "draft")
    await crowd.comes(4)
    sent = await user.say(WORDS)
    await drafts_of(user, texts("zh", "wait_place", before=3))
    await crowd.goes()
    reply_ = await user.wait_for(None, after=sent, timeout_s=60)
    assert reply_.text not in user.draft_history[:1]
    assert [m.text for m in user.messages if m.from_bot and m.message_id > sent] == [reply_.text]


async def test_words_while_waiting_join_the_question_and_keep_the_place(
    start: Start, sandbox: Sandbox, crowd: Crowd, texts: Texts, worker: InferenceWorker
) -> None:
    _, user = await begin(start, sandbox, "draft")
    await crowd.comes(2)
    await user.say(WORDS)
    await drafts_of(user, texts("zh", "wait_place", before=1))
    ids = tuple(worker.tokenizer.encode_chat("你好", []))
    later = asyncio.create_task(crowd.listen(GenerationRequest("later", ids, sampling=ENDLESS)))
    await until(lambda: worker.health().waiting == 3)
    seen = len(user.draft_history)
    sent = await user.say("还睡不着")
    # The question with the new words waits now.
    await until(lambda: len(user.draft_history) > seen)
    assert user.draft_history[-1] == texts("zh", "wait_place", before=1)
    later.cancel()
    await crowd.goes()
    await user.wait_for(None, after=sent, timeout_s=60)


async def test_without_drafts_it_is_said_once(
    start: Start, sandbox: Sandbox, crowd: Crowd, texts: Texts
) -> None:
    _, user = await begin(start, sandbox, "off")
    await crowd.comes(3)
    sent = await user.say(WORDS)
    told = await user.wait_for(texts("zh", "wait_place", before=2), after=sent, timeout_s=20)
    typing = len(sandbox.method_calls("sendChatAction"))
    await until(lambda: len(sandbox.method_calls("sendChatAction")) >= typing + 2)
    await crowd.goes()
    await user.wait_for(None, after=told.message_id, timeout_s=60)
    said = [m.text for m in user.messages if m.from_bot and m.message_id > sent]
    assert len(said) == 2  # the word about the wait, and the reply


async def test_whoever_is_at_risk_is_next(
    start: Start, sandbox: Sandbox, crowd: Crowd, texts: Texts
) -> None:
    _, user = await begin(start, sandbox, "draft")
    await crowd.comes(12)
    await user.say("有时候觉得活着没意思")
    await drafts_of(user, texts("zh", "wait_next"))


async def test_who_finds_the_room_full_is_told_how_many_wait_and_may_try_again(
    start: Start,
    sandbox: Sandbox,
    texts: Texts,
    worker: InferenceWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, user = await begin(start, sandbox, "draft")
    stream = worker.stream

    def full(_request: Any) -> AsyncIterator[str]:
        raise GenerationError("queue_full", place=225)

    monkeypatch.setattr(worker, "stream", full)
    sent = await user.say(WORDS)
    told = await user.wait_for(texts("zh", "model_busy", before=224), after=sent, timeout_s=20)
    monkeypatch.setattr(worker, "stream", stream)
    await user.press(texts("zh", "retry"), message_id=told.message_id)
    await user.wait_for(None, after=told.message_id, timeout_s=60)


async def test_who_is_at_risk_gets_numbers_also_where_the_model_fails(
    service: Service, user: SandboxUser, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_request: Any) -> AsyncIterator[str]:
        raise GenerationError("engine_failed")

    monkeypatch.setattr(service.parts.worker, "stream", fails)
    sent = await user.say("有时候觉得活着没意思")
    told = await user.wait_for(texts("zh", "model_failed"), after=sent, timeout_s=20)
    assert "112" in told.text


def test_the_wait_is_spoken_of_after_some_seconds() -> None:
    assert 3 < TYPING_AFTER_S + RateLimiter.TYPING_EVERY_S < 6
