"""What the tests of the bot's rooms stand on."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.texts import Texts
from safety.screening.screener import Screener
from tests.support.house import Heart, House, OpenHeart, OpenHouse, heart, house


@pytest.fixture(scope="session")
def texts() -> Texts:
    return Texts()


@pytest.fixture(scope="session")
def screener() -> Iterator[Screener]:
    """Building it takes seconds and it never changes: every service gets the same one."""
    made = Screener.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Screener, "load", lambda: made)
        yield made


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def open_heart(
    stack: AsyncExitStack, tmp_path: Path, sqlite_template: Path, screener: Screener
) -> OpenHeart:
    """Builds the rooms that decide who answers, with other settings."""

    async def open_(**settings: Any) -> Heart:
        return await stack.enter_async_context(heart(tmp_path, sqlite_template, **settings))

    return open_


@pytest.fixture
def open_house(
    stack: AsyncExitStack, tmp_path: Path, sqlite_template: Path, screener: Screener
) -> OpenHouse:
    """Builds a whole service, with other settings."""

    async def open_(**values: Any) -> House:
        return await stack.enter_async_context(house(tmp_path, sqlite_template, **values))

    return open_


@pytest.fixture
async def rooms(open_heart: OpenHeart) -> Heart:
    """The rooms that decide who answers, with the usual settings."""
    return await open_heart()
