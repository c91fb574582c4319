"""Two services on one database or one token: one works, the other waits and says so."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

import bot.service.leadership
from benchmarks import crash
from bot.cli.demo import consent
from bot.service.leadership import LEASE, LeadershipLostError
from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.database import leases
from storage.messages import outbox
from storage.messages.body import MessageBody
from storage.messages.outbox import MessageKind
from tests.e2e.conftest import person_of
from tests.support.waiting import at_rest, until

Start = Callable[..., Awaitable[Service]]
WAITS = "waiting_for_the_other_service"


async def test_the_second_waits_and_takes_over(
    sandbox: Sandbox, start: Start, texts: Texts, tmp_path: Path
) -> None:
    first = crash.Victim(sandbox, tmp_path)
    await first.start()
    await first.ready.wait()
    user = sandbox.add_user()
    await consent(user, texts)
    with capture_logs() as logs:
        key, folder = SecretStr(crash.SECRET_KEY), tmp_path / "data"
        taking_over = asyncio.create_task(start(data_dir=folder, secret_key=key))
        await until(lambda: WAITS in [log["event"] for log in logs])
        sent = await user.say("你好")
        await user.wait_for(None, after=sent, timeout_s=60)
        assert not taking_over.done()
        await first.kill()
        sent = await user.say("还在吗")
        second = await asyncio.wait_for(taking_over, 60)
    assert [log["event"] for log in logs].count(WAITS) == 1
    await user.wait_for(None, after=sent, timeout_s=60)
    assert all((await second.readiness()).values())


async def test_who_lost_the_lease_ends_and_sends_nothing(
    service: Service, user: SandboxUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await person_of(service, user)
    assert person is not None
    database, before = service.parts.database, len(user.messages)
    async with database.begin() as transaction:
        transaction.now += 2 * LEASE
        taken = await leases.acquire(
            transaction, leases.SERVICE, "elsewhere/1/x", ttl=timedelta(hours=1)
        )
        assert taken
        transaction.now -= 2 * LEASE
        await outbox.put(
            transaction, MessageKind.CRISIS, MessageBody("晚了"), person_id=person.person_id
        )
    service.parts.delivery.wake()
    with pytest.raises(LeadershipLostError):
        await asyncio.wait_for(service.run(), bot.service.leadership.RENEW_S + 20)
    assert len(user.messages) == before
    async with database.read() as transaction:
        assert await outbox.count_open(transaction) == 1  # it is the other's to send


async def test_another_poller_is_said_and_outlived(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    with capture_logs() as logs:
        sandbox.faults.add(method="getUpdates", kind="409", times=2)
        said = [await user.say("你好"), await user.say("你在吗")]
        await user.wait_for(None, after=said[-1], timeout_s=60)
        await at_rest(service, sandbox)
    assert all((await service.readiness()).values())
    assert "another_poller" in {log["event"] for log in logs}
