"""In which order a page of updates is taken."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from telegram import Bot

from bot.metrics import Metrics
from bot.receiving.poller import Poller, fewest_letters_first
from sandbox import Limits, Sandbox
from storage import utc_now
from tests.support.waiting import until


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(limits=Limits.off()) as started:
        yield started


def update(number: int, person: int, text: str) -> dict[str, object]:
    chat = {"id": person, "type": "private"}
    return {"update_id": number, "message": {"chat": chat, "text": text}}


def test_whoever_wrote_most_comes_last_and_keeps_their_order() -> None:
    page: list[object] = [update(n, 7, "1" * 4_096) for n in range(1, 4)]
    page += [update(4, 8, "我想死"), update(5, 7, "x"), update(6, 9, "a" * 100), {"update_id": 7}]
    order = [raw["update_id"] for raw in fewest_letters_first(page) if isinstance(raw, dict)]
    assert order == [7, 4, 6, 1, 2, 3, 5]


async def test_who_comes_meanwhile_does_not_wait_for_a_page_of_long_texts(
    sandbox: Sandbox,
) -> None:
    rude, other = sandbox.add_user(), sandbox.add_user()
    long = [f"{number:04}" * 1_024 for number in range(20)]
    for text in long:
        await rude.say(text)
    taken: list[str] = []

    async def receive_page(page: Sequence[Any]) -> list[int]:
        is_first = not taken
        taken.extend(raw["message"]["text"] for raw in page)
        if is_first:
            await other.say("我想死")
        return [raw["update_id"] for raw in page]

    poller = Poller(
        bot=Bot(sandbox.token, base_url=f"{sandbox.api_url}/bot"),
        receive_page=receive_page,
        metrics=Metrics(),
        now=utc_now,
    )
    polling = asyncio.create_task(poller.run())
    await until(lambda: sandbox.pending_updates == 0)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    assert taken.index("我想死") < 6
    assert [text for text in taken if text != "我想死"] == long
    assert len(taken) == len(long) + 1
