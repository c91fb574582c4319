"""Periodic work as jobs in one task group."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Work that starts again `every_s` seconds after it ended."""

    name: str
    work: Callable[[], Awaitable[object]]
    every_s: float
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    @property
    def is_running(self) -> bool:
        """Whether the work is running."""
        return self._lock.locked()

    async def once(self) -> None:
        """Do the work now. If it is running, wait for that to end first."""
        async with self._lock:
            await self.work()

    async def run(self) -> None:
        """Repeat the work until cancelled. A failure is logged and does not end it."""
        while True:
            try:
                await self.once()
            except Exception as error:  # one failure must not stop the job
                log.error("job_failed", job=self.name, error=type(error).__name__)
            await asyncio.sleep(self.every_s)


async def run_jobs(jobs: Iterable[Job]) -> None:
    """Run all jobs side by side until cancelled."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(job.run(), name=job.name)


def table_of(jobs: Iterable[Job], every_s: Mapping[str, float]) -> dict[str, Job]:
    """Return the jobs by name, with the intervals of `every_s` in place of their own."""
    return {job.name: replace(job, every_s=every_s.get(job.name, job.every_s)) for job in jobs}
