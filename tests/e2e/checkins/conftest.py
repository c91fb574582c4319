"""A service by a clock that tests set on, and somebody who has agreed to it."""

import pytest

from bot.service.lifecycle import Service
from sandbox import Sandbox, SandboxUser
from tests.e2e.checkins.cast import BEGIN, Start
from tests.e2e.conftest import newcomer_agrees
from tests.support.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGIN)


@pytest.fixture
async def served(start: Start, clock: ManualClock) -> Service:
    return await start(clock=clock, retention_days=200)


@pytest.fixture
async def someone(served: Service, sandbox: Sandbox) -> SandboxUser:
    person = sandbox.add_user()
    await newcomer_agrees(person)
    return person
