"""One person's texts hold nobody else up, nor do they after a restart."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from bot.crisis.screening import MOST_AT_ONCE
from bot.receiving.lanes import MOST_LETTERS, MOST_MERGED
from bot.service.lifecycle import Service
from bot.texts import Texts
from safety.screening.outcome import Screening
from safety.screening.screener import Screener
from sandbox import Sandbox, SandboxUser
from tests.e2e.conftest import answer_to, newcomer_agrees, opening
from tests.support.waiting import until

Start = Callable[..., Awaitable[Service]]
HOSTILE = ["1" * 4_096] * 20
LONGEST_STALL_S = 20.0
"""The same texts stopped the loop for a minute and a half; no machine is so slow."""


class Stall:
    """The longest time for which the loop of the test and the service stood still."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        while True:
            asked_at = time.perf_counter()
            await asyncio.sleep(0.01)
            self.longest_s = max(self.longest_s, time.perf_counter() - asked_at)


@pytest.fixture
async def stall() -> AsyncIterator[Stall]:
    made = Stall()
    watching = asyncio.create_task(made.watch())
    yield made
    watching.cancel()


@pytest.fixture
def in_loop(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How long the texts were that were screened within the event loop."""
    lengths: list[int] = []
    screen = Screener.screen

    def watched(self: Screener, text: str, before: Sequence[str] = (), **asked: Any) -> Screening:
        assert len(text) <= MOST_LETTERS + MOST_MERGED
        if threading.current_thread() is threading.main_thread():
            lengths.append(len(text))
        return screen(self, text, before, **asked)

    monkeypatch.setattr(Screener, "screen", watched)
    return lengths


async def send(user: SandboxUser, texts: Sequence[str]) -> None:
    await asyncio.gather(*map(user.say, texts))


async def test_long_texts_stop_nobody_else(
    start: Start, sandbox: Sandbox, texts: Texts, stall: Stall, in_loop: list[int]
) -> None:
    await start()
    rude, newcomer = sandbox.add_user(), sandbox.add_user()
    await newcomer_agrees(rude)
    await send(rude, HOSTILE)
    assert (await answer_to(newcomer, "我想自杀")).startswith(opening(texts, "crisis_suicide"))
    assert max(in_loop) <= MOST_AT_ONCE
    assert stall.longest_s < LONGEST_STALL_S


async def test_long_texts_stop_nobody_else_after_a_restart(
    start: Start, sandbox: Sandbox, texts: Texts, stall: Stall, in_loop: list[int]
) -> None:
    service = await start(burst_window_s=5.0)
    rude, newcomer = sandbox.add_user(), sandbox.add_user()
    await newcomer_agrees(rude)
    await send(rude, HOSTILE)
    await until(lambda: service.parts.receiving.lanes.depth >= len(HOSTILE) - MOST_MERGED)
    await service.aclose()
    await start()
    assert (await answer_to(newcomer, "我想自杀")).startswith(opening(texts, "crisis_suicide"))
    assert max(in_loop) <= MOST_AT_ONCE
    assert stall.longest_s < LONGEST_STALL_S


async def test_a_sentence_in_three_messages_is_read_whole(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    await answer_to(user, "i want")  # answered: too late to be one burst with what follows
    await answer_to(user, "to")
    assert (await answer_to(user, "die")).startswith(opening(texts, "crisis_suicide"))
