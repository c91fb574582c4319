"""The sandbox and a real python-telegram-bot client that talks to it over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sandbox_cast import BotFactory
from telegram import Bot
from telegram.request import HTTPXRequest

from sandbox import Limits, Sandbox
from tests.support.clock import ManualClock

# No TLS here: loading the certificates would take longer than most tests.
PLAIN = {"verify": False}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_800_000_000.0)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(limits=Limits.off()) as started:
        yield started


@pytest.fixture
async def strict(clock: ManualClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=clock) as started:
        yield started


@pytest.fixture
def make_bot() -> BotFactory:
    @asynccontextmanager
    async def make(
        sandbox: Sandbox, token: str | None = None, read_s: float = 5
    ) -> AsyncIterator[Bot]:
        made = Bot(
            token or sandbox.token,
            base_url=f"{sandbox.api_url}/bot",
            base_file_url=f"{sandbox.api_url}/file/bot",
            request=HTTPXRequest(read_timeout=read_s, httpx_kwargs=PLAIN),
            get_updates_request=HTTPXRequest(read_timeout=read_s, httpx_kwargs=PLAIN),
        )
        async with made:
            yield made

    return make


@pytest.fixture
async def bot(sandbox: Sandbox, make_bot: BotFactory) -> AsyncIterator[Bot]:
    async with make_bot(sandbox) as made:
        yield made


@pytest.fixture
async def strict_bot(strict: Sandbox, make_bot: BotFactory) -> AsyncIterator[Bot]:
    async with make_bot(strict) as made:
        yield made
