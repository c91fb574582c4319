"""The end of the service: replies are finished, people at risk answered; a dead model ends it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import typer

from bot.cli.demo import demo_settings
from bot.cli.terminal import errors
from bot.service import lifecycle as life
from bot.service.lifecycle import Service
from bot.texts import Texts
from inference import InferenceWorker, ModelError, ModelSource
from sandbox import Sandbox, SandboxUser
from tests.e2e.conftest import Unpaced, newcomer_agrees, opening
from tests.support.planned_runner import PlannedRunner

Start = Callable[..., Awaitable[Service]]
WORDS = "今天去公园走了走"


def said_after(user: SandboxUser, message_id: int) -> list[str]:
    return [m.text for m in user.messages if m.from_bot and m.message_id > message_id]


async def test_a_reply_that_is_being_written_is_finished_and_sent(
    service: Service, user: SandboxUser, slow: asyncio.Event
) -> None:
    sent = await user.say(WORDS)
    await asyncio.wait_for(slow.wait(), 20)
    await service.aclose(grace_s=30)
    assert len(said_after(user, sent)) == 1


async def test_what_is_not_finished_within_the_grace_is_answered_after_the_next_start(
    start: Start, sandbox: Sandbox, slow: asyncio.Event
) -> None:
    first = await start()
    user = sandbox.add_user()
    await newcomer_agrees(user)
    sent = await user.say(WORDS)
    await asyncio.wait_for(slow.wait(), 20)
    async with asyncio.timeout(15):
        await first.aclose(grace_s=0.2)
    assert said_after(user, sent) == []
    await start()
    await user.wait_for(None, after=sent, timeout_s=60)
    assert len(said_after(user, sent)) == 1


async def test_whoever_is_at_risk_is_answered_while_replies_are_finished(
    service: Service, sandbox: Sandbox, user: SandboxUser, slow: asyncio.Event, texts: Texts
) -> None:
    other = sandbox.add_user()
    await newcomer_agrees(other)
    await user.say(WORDS)
    await asyncio.wait_for(slow.wait(), 20)
    closing = asyncio.create_task(service.aclose(grace_s=30))
    sent = await other.say("我想死")
    fixed = await other.wait_for(opening(texts, "crisis_suicide")[:8], after=sent, timeout_s=20)
    assert not closing.done()
    assert fixed
    await closing


async def test_a_dead_model_ends_the_service_with_a_word_and_a_status(
    sandbox: Sandbox, tmp_path: Path, texts: Texts
) -> None:
    runner = PlannedRunner()
    worker = await InferenceWorker.start(ModelSource(device="cpu"), wrap_runner=runner.wrap)
    settings = demo_settings(sandbox, tmp_path, burst_window_s=0.1)
    service = Service(settings, worker, limiter=Unpaced(), model_look_s=0.3)
    try:
        await service.start()
        user = sandbox.add_user()
        await newcomer_agrees(user)
        running = asyncio.create_task(service.run())

        runner.break_down(SystemExit())
        sent = await user.say(WORDS)
        with pytest.raises(ModelError, match="ended after repeated failures"):
            await asyncio.wait_for(running, 20)
        assert (await service.readiness())["model"] is False
        assert said_after(user, sent) == [texts("zh", "model_failed")]
    finally:
        async with asyncio.timeout(10):  # nobody is there to finish anything
            await service.aclose(grace_s=60)
        await worker.aclose()


def test_the_status_is_not_zero() -> None:
    with pytest.raises(typer.Exit) as ended, errors():
        raise ModelError("the engine has ended")
    assert ended.value.exit_code == 1


def test_the_grace_fits_into_what_systemd_and_compose_allow() -> None:
    root = Path(__file__).parents[2]
    assert "stop_grace_period: 30s" in (root / "docker-compose.yml").read_text("utf-8")
    assert "TimeoutStopSec=30" in (root / "docs/operations.md").read_text("utf-8")
    assert life.GRACE_S + life.LAST_SENDS_S + 5 <= 25  # 5 s for what is on its way to Telegram
