"""When a service has nothing left to do."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.jobs import Job
from bot.service.lifecycle import Service
from bot.updates.parsing import UpdateKind
from safety.screening.screener import Screener
from storage.ids import OutboxId, UpdateId
from storage.messages import inbox, outbox
from storage.messages.body import MessageBody
from storage.messages.outbox import MessageKind
from tests.support.clock import ManualClock
from tests.support.house import NOON, offline, prepare
from tests.support.scripted_model import ScriptedModel


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
async def service(
    tmp_path: Path, sqlite_template: Path, screener: Screener, clock: ManualClock
) -> AsyncIterator[Service]:
    """A service that is not started: nothing begins by itself."""
    shutil.copy(sqlite_template, tmp_path / "pica.db")
    made = Service(offline(tmp_path), ScriptedModel(), clock=clock)
    await prepare(made.parts.context)
    yield made
    await made.aclose()


async def is_idle(service: Service, within_s: float = 0.1) -> bool:
    try:
        await service.idle(timeout_s=within_s)
    except TimeoutError:
        return False
    return True


async def queued(service: Service) -> OutboxId:
    async with service.parts.database.begin() as transaction:
        return await outbox.put(transaction, MessageKind.CASE, MessageBody("x"), person_id=None)


async def test_without_work_it_is_idle(service: Service) -> None:
    await service.idle(timeout_s=30)


@pytest.mark.parametrize("waits_for_consent", [True, False])
async def test_an_open_update_is_work_unless_it_waits_for_consent(
    service: Service, waits_for_consent: bool
) -> None:
    async with service.parts.database.begin() as transaction:
        ids = [UpdateId(1)]
        await inbox.add(transaction, ids[0], kind=UpdateKind.WORDS, payload="{}", person_id=None)
        if waits_for_consent:
            await inbox.await_consent(transaction, ids)
    assert await is_idle(service, within_s=10 if waits_for_consent else 0.1) is waits_for_consent


async def test_a_message_is_work_until_it_has_an_end(service: Service) -> None:
    message = await queued(service)
    assert not await is_idle(service)
    async with service.parts.database.begin() as transaction:
        assert await outbox.claim(transaction, message)
    assert not await is_idle(service)
    async with service.parts.database.begin() as transaction:
        await outbox.end(transaction, message, outbox.OutboxState.SENT)
    await service.idle(timeout_s=30)


async def test_a_message_that_waits_for_a_later_try_is_no_work(
    service: Service, clock: ManualClock
) -> None:
    message, later = await queued(service), clock() + timedelta(seconds=30)
    async with service.parts.database.begin() as transaction:
        await outbox.postpone(transaction, message, until=later, reason="a test")
    await service.idle(timeout_s=30)
    clock.now = later
    assert not await is_idle(service)


async def test_a_job_is_work_while_it_runs(service: Service) -> None:
    begun, ends = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await ends.wait()

    job = Job("a test", work, every_s=1.0)
    service.parts.jobs[job.name] = job  # type: ignore[index]
    running = asyncio.create_task(job.once())
    await begun.wait()
    assert not await is_idle(service)
    ends.set()
    await running
    await service.idle(timeout_s=30)
