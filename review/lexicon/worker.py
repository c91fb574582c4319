"""The runner of work on a changed lexicon in a separate process."""

import asyncio
import os
import signal
from collections.abc import AsyncIterable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from typing import Protocol, TypeVar

from safety.changes import worker
from safety.evaluation.evaluate import RowError
from safety.screening.lexicon import LexiconError

LOOKS_EVERY_S = 0.2

# Called with the number of messages done and the total.
ProgressListener = Callable[[int, int], None]
T = TypeVar("T")


class WorkerError(Exception):
    """The work failed. The message is its fault, or says how the process ended."""


class Run(Protocol):
    """Do a piece of work in another process."""

    async def __call__(
        self,
        work: Callable[..., T],
        *args: object,
        pages: AsyncIterable[Sequence[str]] | None = None,
        progress: ProgressListener | None = None,
        limit_s: float | None = None,
    ) -> T:
        """Do the work as `run` does."""


async def run(
    work: Callable[..., T],
    *args: object,
    pages: AsyncIterable[Sequence[str]] | None = None,
    progress: ProgressListener | None = None,
    limit_s: float | None = None,
) -> T:
    """Do a piece of work in a process that ends with this call.

    Args:
        work: a function of `safety/changes/worker.py`.
        args: its arguments.
        pages: stored messages, sent before the work begins.
        progress: called during the work.
        limit_s: how long the work may take.

    Raises:
        WorkerError: the work raised a fault, or the process died.
        TimeoutError: the work took longer than its limit.
    """
    context = get_context("spawn")
    reports: SimpleQueue[tuple[int, int]] = context.SimpleQueue()
    pool = ProcessPoolExecutor(1, context, worker.begin, (reports,))
    loop = asyncio.get_running_loop()
    watch = loop.create_task(_watch(reports, progress))
    pid = 0
    try:
        async with asyncio.timeout(limit_s):
            # Learn the pid first, so that work which never ends can be killed.
            pid = await loop.run_in_executor(pool, os.getpid)
            if pages is not None:
                async for page in pages:
                    await loop.run_in_executor(pool, worker.take, page)
            return await loop.run_in_executor(pool, work, *args)
    except BrokenProcessPool as died:
        raise WorkerError("the process ended before the work was done") from died
    except (LexiconError, RowError, OSError) as fault:
        if isinstance(fault, TimeoutError):
            raise
        raise WorkerError(str(fault)) from fault
    finally:
        watch.cancel()
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        pool.shutdown(wait=False, cancel_futures=True)
        reports.close()


async def _watch(
    reports: "SimpleQueue[tuple[int, int]]", progress: ProgressListener | None
) -> None:
    while progress is not None:
        while not reports.empty():
            progress(*reports.get())
        await asyncio.sleep(LOOKS_EVERY_S)
