"""The model fails, is stopped by the guard or cannot be sent: people are told, nothing doubles."""

from collections.abc import AsyncIterator

import pytest
import torch

from bot.cli.trace import trace
from bot.service.lifecycle import Service
from bot.texts import Texts
from inference import InferenceWorker
from sandbox import Sandbox, SandboxUser
from storage.companion import transcripts
from storage.companion.conversations import Turn
from storage.companion.recent_rounds import RecentRounds
from tests.e2e.conftest import person_of
from tests.support.planned_runner import PlannedRunner
from tests.support.waiting import at_rest, until

ERRORS = [torch.OutOfMemoryError("out of memory"), RuntimeError("a kernel failed")]


@pytest.fixture(params=ERRORS, ids=["memory", "kernel"])
def broken(
    worker: InferenceWorker, runner: PlannedRunner, request: pytest.FixtureRequest
) -> PlannedRunner:
    """The model's forward pass fails until it is mended."""
    runner.break_down(request.param)
    return runner


async def turns_of(service: Service, user: SandboxUser) -> list[Turn]:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        return await transcripts.history(transaction, person.person_id)


async def is_told(user: SandboxUser, texts: Texts, words: str = "今天有点累") -> int:
    """Say something while the model is broken; the id of the message with the button."""
    sent = await user.say(words)
    told = await user.wait_for(texts("zh", "model_failed")[:8], after=sent, timeout_s=60)
    assert told.buttons
    return told.message_id


async def test_a_failure_is_said_and_tried_again(
    service: Service, user: SandboxUser, texts: Texts, broken: PlannedRunner
) -> None:
    told = await is_told(user, texts)
    broken.mend()
    await user.press(texts("zh", "retry"), message_id=told)
    reply = await user.wait_for(None, after=told, timeout_s=60)
    turns = await turns_of(service, user)
    assert [(turn.role, turn.text) for turn in turns] == [
        ("person", "今天有点累"),
        ("companion", reply.text),
    ]
    await user.press(texts("zh", "retry"), message_id=told)
    await user.wait_for(texts("zh", "retry_gone")[:6], after=reply.message_id, timeout_s=20)


async def test_a_failing_model_still_leaves_fixed_replies(
    user: SandboxUser, texts: Texts, broken: PlannedRunner
) -> None:
    await is_told(user, texts)
    sent = await user.say("我想死")
    await user.wait_for(texts("zh", "crisis_suicide")[:8], after=sent, timeout_s=20)


@pytest.fixture
def broken_once(worker: InferenceWorker, runner: PlannedRunner) -> PlannedRunner:
    runner.break_down(ERRORS[1])
    return runner


async def test_two_presses_give_one_reply(
    service: Service, user: SandboxUser, texts: Texts, broken_once: PlannedRunner
) -> None:
    told = await is_told(user, texts)
    broken_once.mend()
    for _ in range(2):
        await user.press(texts("zh", "retry"), message_id=told)
    await user.wait_for(texts("zh", "retry_gone")[:6], after=told, timeout_s=60)
    assert [turn.role for turn in await turns_of(service, user)] == ["person", "companion"]
    seen = [m.text for m in user.messages if m.from_bot and m.message_id > told]
    assert len(seen) == 2


async def test_the_button_does_not_end_a_hold(
    service: Service, user: SandboxUser, texts: Texts, broken_once: PlannedRunner
) -> None:
    told = await is_told(user, texts)
    broken_once.mend()
    sent = await user.say("我想死")
    fixed = await user.wait_for(texts("zh", "crisis_suicide")[:8], after=sent, timeout_s=20)
    await user.press(texts("zh", "retry"), message_id=told)
    await user.wait_for(texts("zh", "ask_injured"), after=fixed.message_id, timeout_s=20)
    assert "companion" not in {turn.role for turn in await turns_of(service, user)}


async def test_what_the_guard_stops_is_kept_nowhere(
    service: Service, user: SandboxUser, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def claims(_request: object) -> AsyncIterator[str]:
        yield "我是真人，不是机器。"

    monkeypatch.setattr(service.parts.worker, "stream", claims)
    sent = await user.say("你觉得我该怎么办")
    reply = await user.wait_for(None, after=sent, timeout_s=20)
    assert reply.text == texts("zh", "guard_fallback")
    question, answer = await turns_of(service, user)
    assert answer.text == reply.text
    held = await service.parts.conversation.cache.get(question.session_id)
    assert held is not None
    rounds = RecentRounds(service.parts.database, service.parts.conversation.cache)
    person = await person_of(service, user)
    assert person is not None
    assert await rounds.load(person.person_id, question.session_id) == [
        (question.text, answer.text)
    ]


async def test_a_block_while_sending_is_noticed(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    sandbox.faults.add(method="sendMessage", kind="403", times=1, chat_id=user.id)
    await user.say("你好")
    await at_rest(service, sandbox)
    person = await person_of(service, user)
    assert person is not None
    assert person.blocked_at is not None
    hops = await trace(service.parts.database, user.id)
    assert [(out["state"], out["reason"]) for out in hops[-1]["sent"]] == [("failed", "blocked")]
    sent = await user.say("我回来了")
    await user.wait_for(None, after=sent, timeout_s=60)


async def test_a_group_is_left(service: Service, sandbox: Sandbox, user: SandboxUser) -> None:
    group = sandbox.add_group("朋友们", [user])
    await until(lambda: bool(sandbox.method_calls("leaveChat")))
    left = [str(call.params.get("chat_id")) for call in sandbox.method_calls("leaveChat")]
    assert left == [str(group)]
    assert all((await service.readiness()).values())
