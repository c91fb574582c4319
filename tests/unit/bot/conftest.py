"""What the tests of the bot's rooms stand on."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.texts import Texts
from safety.screening.screener import Screener
from tests.support.house import House, house

OpenHouse = Callable[..., Awaitable[House]]


@pytest.fixture(scope="session")
def texts() -> Texts:
    return Texts()


@pytest.fixture(scope="session")
def screener() -> Iterator[Screener]:
    made = Screener.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Screener, "load", lambda: made)
        yield made


@pytest.fixture
async def open_house(
    tmp_path: Path, sqlite_template: Path, screener: Screener
) -> AsyncIterator[OpenHouse]:
    async with AsyncExitStack() as stack:

        async def open_(**values: Any) -> House:
            return await stack.enter_async_context(house(tmp_path, sqlite_template, **values))

        yield open_


@pytest.fixture
async def home(open_house: OpenHouse) -> House:
    """A service with the usual settings."""
    return await open_house()
