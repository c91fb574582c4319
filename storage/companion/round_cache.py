"""The hot store: sealed bytes of a session, in Redis or in memory.

A cache with a time to live and never the truth: whatever fails here is a miss, and SQL answers
(`storage/companion/recent_rounds.py`).
"""

import time
from collections import OrderedDict
from typing import Protocol, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from storage.database.connection import StorageError
from storage.ids import SessionId

TTL_S = 3600
log = structlog.get_logger(__name__)


class RoundCache(Protocol):
    """What a conversation asks of either store."""

    async def get(self, session_id: SessionId) -> bytes | None:
        """What is held of a session, or None."""

    async def put(self, session_id: SessionId, sealed: bytes) -> None:
        """Hold it for a while."""

    async def drop(self, session_id: SessionId) -> None:
        """Forget a session: called before SQL changes, so that nothing stale stays."""

    async def ping(self) -> bool:
        """Whether the store answers."""

    async def aclose(self) -> None:
        """Close connections."""


class MemoryRoundCache:
    """For one process; bounded, the least recently used session leaves first."""

    def __init__(self, *, ttl_s: float = TTL_S, capacity: int = 10_000) -> None:
        self._ttl_s = ttl_s
        self._capacity = capacity
        self._held: OrderedDict[SessionId, tuple[float, bytes]] = OrderedDict()

    async def get(self, session_id: SessionId) -> bytes | None:
        """See `HotStore`."""
        found = self._held.get(session_id)
        if found is None or found[0] < time.monotonic():
            self._held.pop(session_id, None)
            return None
        self._held.move_to_end(session_id)
        return found[1]

    async def put(self, session_id: SessionId, sealed: bytes) -> None:
        """See `HotStore`."""
        self._held[session_id] = (time.monotonic() + self._ttl_s, sealed)
        self._held.move_to_end(session_id)
        while len(self._held) > self._capacity:
            self._held.popitem(last=False)

    async def drop(self, session_id: SessionId) -> None:
        """See `HotStore`."""
        self._held.pop(session_id, None)

    async def ping(self) -> bool:
        """See `HotStore`."""
        return True

    async def aclose(self) -> None:
        """See `HotStore`."""
        self._held.clear()


class RedisRoundCache:
    """For several processes."""

    def __init__(self, url: str, *, ttl_s: float = TTL_S, timeout_s: float = 1.0) -> None:
        self._ttl_ms = int(ttl_s * 1000)
        self._redis = Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s
        )

    @staticmethod
    def _key(session_id: SessionId) -> str:
        return f"pica:rounds:{session_id}"

    async def get(self, session_id: SessionId) -> bytes | None:
        """See `HotStore`."""
        try:
            found = await self._redis.get(self._key(session_id))
        except (RedisError, OSError) as error:
            log.warning("hot_store_failed", error=type(error).__name__)
            return None
        return cast(bytes | None, found)

    async def put(self, session_id: SessionId, sealed: bytes) -> None:
        """See `HotStore`."""
        try:
            await self._redis.set(self._key(session_id), sealed, px=self._ttl_ms)
        except (RedisError, OSError) as error:
            log.warning("hot_store_failed", error=type(error).__name__)

    async def drop(self, session_id: SessionId) -> None:
        """See `HotStore`."""
        try:
            await self._redis.delete(self._key(session_id))
        except (RedisError, OSError) as error:
            log.warning("hot_store_failed", error=type(error).__name__)

    async def ping(self) -> bool:
        """See `HotStore`."""
        try:
            await self._redis.get("pica:ping")
            return True
        except (RedisError, OSError):
            return False

    async def aclose(self) -> None:
        """See `HotStore`."""
        await self._redis.aclose()


def connect(url: str | None) -> RoundCache:
    """The store that the settings ask for: Redis where an address is given.

    Raises:
        StorageError: the address is none.
    """
    try:
        return RedisRoundCache(url) if url else MemoryRoundCache()
    except ValueError:
        raise StorageError(
            "PICA_REDIS_URL is no address of a Redis; for example redis://host:6379/0"
        ) from None
