"""The cache of a session's recent rounds as sealed bytes, in Redis or in memory.

Entries expire. Any failure here is a cache miss, and `storage/companion/recent_rounds.py` reads
SQL instead.
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
# The sessions that the memory of one process holds.
CAPACITY = 10_000
log = structlog.get_logger(__name__)


class RoundCache(Protocol):
    """The interface of both caches."""

    async def get(self, session_id: SessionId) -> bytes | None:
        """Return the cached bytes of a session, or None."""

    async def put(self, session_id: SessionId, sealed: bytes) -> None:
        """Cache the bytes of a session."""

    async def drop(self, session_id: SessionId) -> None:
        """Drop a session. Call it before SQL changes, so that nothing stale stays."""

    async def ping(self) -> bool:
        """Return whether the cache answers."""

    async def aclose(self) -> None:
        """Close connections."""


class MemoryRoundCache:
    """A bounded cache for one process, which evicts the least recently used session."""

    def __init__(self) -> None:
        self._held: OrderedDict[SessionId, tuple[float, bytes]] = OrderedDict()

    async def get(self, session_id: SessionId) -> bytes | None:
        """See `RoundCache`."""
        entry = self._held.get(session_id)
        if entry is None or entry[0] < time.monotonic():
            self._held.pop(session_id, None)
            return None
        self._held.move_to_end(session_id)
        return entry[1]

    async def put(self, session_id: SessionId, sealed: bytes) -> None:
        """See `RoundCache`."""
        self._held[session_id] = (time.monotonic() + TTL_S, sealed)
        self._held.move_to_end(session_id)
        while len(self._held) > CAPACITY:
            self._held.popitem(last=False)

    async def drop(self, session_id: SessionId) -> None:
        """See `RoundCache`."""
        self._held.pop(session_id, None)

    async def ping(self) -> bool:
        """See `RoundCache`."""
        return True

    async def aclose(self) -> None:
        """See `RoundCache`."""
        self._held.clear()


class RedisRoundCache:
    """A cache that several processes share."""

    def __init__(self, url: str, *, timeout_s: float = 1.0) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s
        )

    @staticmethod
    def _key(session_id: SessionId) -> str:
        return f"pica:rounds:{session_id}"

    async def get(self, session_id: SessionId) -> bytes | None:
        """See `RoundCache`."""
        try:
            sealed = await self._redis.get(self._key(session_id))
        except (RedisError, OSError) as error:
            log.warning("round_cache_failed", error=type(error).__name__)
            return None
        return cast(bytes | None, sealed)

    async def put(self, session_id: SessionId, sealed: bytes) -> None:
        """See `RoundCache`."""
        try:
            await self._redis.set(self._key(session_id), sealed, ex=TTL_S)
        except (RedisError, OSError) as error:
            log.warning("round_cache_failed", error=type(error).__name__)

    async def drop(self, session_id: SessionId) -> None:
        """See `RoundCache`."""
        try:
            await self._redis.delete(self._key(session_id))
        except (RedisError, OSError) as error:
            log.warning("round_cache_failed", error=type(error).__name__)

    async def ping(self) -> bool:
        """See `RoundCache`."""
        try:
            await self._redis.get("pica:ping")
            return True
        except (RedisError, OSError):
            return False

    async def aclose(self) -> None:
        """See `RoundCache`."""
        await self._redis.aclose()


def connect(url: str | None) -> RoundCache:
    """Return a Redis cache if a URL is given, else one in memory.

    Raises:
        StorageError: the URL is not valid.
    """
    try:
        return RedisRoundCache(url) if url else MemoryRoundCache()
    except ValueError:
        raise StorageError(
            "PICA_REDIS_URL is not a Redis URL. Use for example redis://host:6379/0."
        ) from None
