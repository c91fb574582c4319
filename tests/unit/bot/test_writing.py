"""Time counts from word to word: a slow model ends its reply, one that stands still does not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from bot.conversation.drafts import ReplyDraft
from bot.conversation.generation import ReplyGenerator
from bot.metrics import Metrics
from inference import GenerationError, GenerationRequest, InferenceWorker
from safety.response.output_guard import GuardResult, OutputGuard

ASKED = GenerationRequest("a", (1,))


class Passes:
    def check(self, _words: str) -> GuardResult:
        return GuardResult(True, None)


class Shown:
    def show(self, _text: str) -> None:
        pass


class Pace:
    """A model that says its words after the pauses that it is given."""

    def __init__(self, *pauses_s: float) -> None:
        self.pauses_s = pauses_s
        self.closed = False

    async def stream(self, _request: GenerationRequest) -> AsyncIterator[str]:
        try:
            for pause_s in self.pauses_s:
                await asyncio.sleep(pause_s)
                yield "好。"
        finally:
            self.closed = True


async def write(model: Any) -> str:
    writer = ReplyGenerator(
        cast(InferenceWorker, model),
        cast(OutputGuard, Passes()),
        Metrics(),
        first_word_s=0.5,
        next_word_s=0.2,
    )
    return await writer.write(ASKED, cast(ReplyDraft, Shown()), 0.0)


async def test_a_slow_reply_ends_however_long_it_is() -> None:
    model = Pace(0.3, *[0.1] * 9)  # 1.2 s in all, more than any limit above
    assert await write(model) == "好。" * 10


@pytest.mark.parametrize("pauses_s", [(60,), (0.1, 60), (0.1, 0.1, 60)])
async def test_nobody_waits_for_ever(pauses_s: tuple[float, ...]) -> None:
    model = Pace(*pauses_s)
    async with asyncio.timeout(2):
        with pytest.raises(GenerationError) as late:
            await write(model)
    assert late.value.reason == "deadline"
    assert model.closed  # its slot is freed
