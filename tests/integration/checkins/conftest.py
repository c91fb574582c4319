"""A clock that only the test moves, and the loop over it."""

from collections.abc import AsyncIterator

import pytest

from bot.checkins.outgoing.scheduler import CheckInScheduler
from storage import (
    Database,
)
from tests.integration.checkins.cast import Asked, Clock, rounds_of


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asked(database: Database) -> Asked:
    asked = Asked()
    asked.watch(database)
    return asked


@pytest.fixture
async def rounds(database: Database, clock: Clock) -> AsyncIterator[CheckInScheduler]:
    yield rounds_of(database, clock)
