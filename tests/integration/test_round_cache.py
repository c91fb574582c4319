"""One contract for the round cache in memory and on a real Redis, and for what uses it."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from storage import Database
from storage.companion import round_cache
from storage.companion.recent_rounds import RecentRounds
from storage.companion.round_cache import MemoryRoundCache, RedisRoundCache, RoundCache
from storage.ids import SessionId
from storage.upkeep import erasure
from tests.integration.cast import SECRET, mei, says


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[RoundCache]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    made = round_cache.connect(url)
    yield made
    await made.aclose()


async def test_bytes_are_held_and_dropped(store: RoundCache) -> None:
    session = SessionId(7)
    assert await store.ping()
    assert await store.get(session) is None
    await store.put(session, b"\x00\xff")
    assert await store.get(session) == b"\x00\xff"
    await store.drop(session)
    assert await store.get(session) is None


async def test_a_store_that_is_gone_is_a_miss() -> None:
    store = RedisRoundCache("redis://127.0.0.1:1/0", timeout_s=0.2)
    await store.put(SessionId(1), b"x")
    assert await store.get(SessionId(1)) is None
    assert not await store.ping()
    await store.aclose()
    assert isinstance(round_cache.connect(None), MemoryRoundCache)


async def test_rounds_come_from_sql_until_they_are_held(
    database: Database, store: RoundCache
) -> None:
    rounds = RecentRounds(database, store)
    async with database.begin() as tx:
        person = await mei(tx)
        turn = await says(tx, person, "问", answer="答")
    assert await rounds.load(person.person_id, turn.session_id) == [("问", "答")]
    await rounds.keep(person.person_id, turn.session_id, [("新", "的")])
    assert await rounds.load(person.person_id, turn.session_id) == [("新", "的")]
    await rounds.drop(turn.session_id)
    assert await rounds.load(person.person_id, turn.session_id) == [("问", "答")]
    await store.put(turn.session_id, b"garbage")
    assert await rounds.load(person.person_id, turn.session_id) == [("问", "答")]
    await rounds.drop(turn.session_id)


async def test_redis_holds_no_word_in_clear_and_nothing_of_the_erased(
    database: Database, redis_url: str
) -> None:
    store = round_cache.connect(redis_url)
    rounds = RecentRounds(database, store)
    async with database.begin() as tx:
        person = await mei(tx)
        turn = await says(tx, person, SECRET)
    await rounds.keep(person.person_id, turn.session_id, [(SECRET, SECRET)])
    client = Redis.from_url(redis_url)
    held = [await client.get(key) for key in await client.keys("*")]
    assert held
    assert not any(SECRET.encode() in value for value in held)
    async with database.begin() as tx:
        await erasure.erase(tx, person.person_id)
    assert await rounds.load(person.person_id, turn.session_id) == []
    await rounds.keep(person.person_id, turn.session_id, [("x", "y")])
    assert await rounds.load(person.person_id, turn.session_id) == []
    await client.aclose()
    await rounds.drop(turn.session_id)
    await store.aclose()
