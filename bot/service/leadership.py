"""The lease that lets one service at a time work on a database.

A second service waits for it. The lease is a row that expires. If its holder was a process of this
machine that has ended, it is taken at once, so that a restart after a crash does not wait.
"""

import asyncio
import os
import secrets
import socket
from datetime import timedelta

import structlog

from storage import Database
from storage.database import leases

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=30)
RENEW_S = 8.0
WAIT_S = 1.0


class LeadershipLostError(RuntimeError):
    """Another service holds the lease. This one must end, or both would answer."""


class Leadership:
    """Take the lease and keep it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = f"{socket.gethostname()[:32]}/{os.getpid()}/{secrets.token_hex(4)}"
        self._fence: int | None = None

    def is_leader(self) -> bool:
        """Return whether the lease is ours, as far as this process knows."""
        return self._fence is not None

    def fence(self) -> int | None:
        """Return the number of the lease, or None while it is not ours.

        It grows with every new holder. Messages are claimed with it (`storage/messages/outbox.py`).
        """
        return self._fence

    async def take(self) -> None:
        """Wait until the lease is ours, and log once that we wait."""
        is_logged = False
        while not await self._acquire():
            if not is_logged:
                log.warning(
                    "waiting_for_the_other_service",
                    advice="another service works on this database; this one starts when it ends",
                )
                is_logged = True
            await asyncio.sleep(WAIT_S)

    async def keep(self) -> None:
        """Renew the lease until cancelled, and try again if the database is away.

        Raises:
            LeadershipLostError: the lease expired, and another service took it.
        """
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                kept = await self._acquire()
            except Exception as error:  # without the database no other service can take it either
                log.error("lease_not_renewed", error=type(error).__name__)
                continue
            if not kept:
                raise LeadershipLostError("Another service took over this database; this one ends.")

    async def release(self) -> None:
        """Release the lease, so that the next service need not wait."""
        if self.is_leader():
            self._fence = None
            async with self._database.begin() as transaction:
                await leases.release(transaction, leases.SERVICE, self._holder)

    async def _acquire(self) -> bool:
        async with self._database.begin() as transaction:
            fence = await leases.acquire(transaction, leases.SERVICE, self._holder, ttl=LEASE)
            other = await leases.holder(transaction, leases.SERVICE)
            if fence is None and other is not None and is_gone(other):
                await leases.release(transaction, leases.SERVICE, other)
                fence = await leases.acquire(transaction, leases.SERVICE, self._holder, ttl=LEASE)
        self._fence = fence
        return self.is_leader()


def is_gone(holder: str) -> bool:
    """Return whether the holder was a process of this machine or container that has ended."""
    host, _, rest = holder.partition("/")
    pid = rest.partition("/")[0]
    if host != socket.gethostname()[:32] or not pid.isdecimal():
        return False
    if int(pid) == os.getpid():
        # In a container every start has the same pid. Only tests run two services in one process,
        # and they end one before they start the next.
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
