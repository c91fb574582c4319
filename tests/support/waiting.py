"""Waiting for a condition that has no event, and for a service that has nothing left to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.service.lifecycle import Service
    from sandbox import Sandbox


async def until(condition: Callable[[], bool | Awaitable[bool]], *, within_s: float = 30) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it did not hold in time.
    """
    async with asyncio.timeout(within_s):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.01)


async def at_rest(service: Service, sandbox: Sandbox, *jobs: str) -> None:
    """Wait until the service has taken every update and has nothing left to do.

    Args:
        service: the service.
        sandbox: the server whose updates it takes.
        jobs: the names of jobs that look once more, for a clock that the test has moved.
    """
    await until(lambda: sandbox.pending_updates == 0)
    for name in jobs:
        await service.parts.jobs[name].once()
    await service.idle(timeout_s=60)
