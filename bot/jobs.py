"""Periodic work: a table of jobs in one task group."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is done again and again, `every_s` seconds after it ended."""

    name: str
    work: Callable[[], Awaitable[object]]
    every_s: float
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    @property
    def is_running(self) -> bool:
        """Whether the work is being done."""
        return self._lock.locked()

    async def once(self) -> None:
        """Do the work now, after a round that runs already."""
        async with self._lock:
            await self.work()

    async def run(self) -> None:
        """Work until cancelled. A failure is logged, and the work is tried again in time."""
        while True:
            try:
                await self.once()
            except Exception as error:  # a job outlives every fault below it
                log.error("job_failed", job=self.name, error=type(error).__name__)
            await asyncio.sleep(self.every_s)


async def run_jobs(jobs: Iterable[Job]) -> None:
    """Run all jobs side by side until cancelled."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(job.run(), name=job.name)


def table_of(jobs: Iterable[Job], every_s: Mapping[str, float]) -> dict[str, Job]:
    """Return jobs by name. `every_s` sets other intervals for some of them."""
    return {job.name: replace(job, every_s=every_s.get(job.name, job.every_s)) for job in jobs}
