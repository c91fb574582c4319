"""Runs `safety/child.py`: a job goes in, with messages behind it, and its outcome comes back.

Knows nothing of what a job is for. The process gets none of the service's settings.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

LONGEST_LINE = 64 * 2**20

Progress = Callable[[int, int], None]
"""Called with what is done and the total."""


class ChildError(Exception):
    """The job came to nothing; the message is its fault, or says how the process ended."""


class Run(Protocol):
    """Does a job elsewhere."""

    async def __call__(
        self,
        job: Mapping[str, Any],
        texts: AsyncIterator[str] | None = None,
        progress: Progress | None = None,
        limit_s: float | None = None,
    ) -> dict[str, Any]:
        """As `run`."""


async def run(
    job: Mapping[str, Any],
    texts: AsyncIterator[str] | None = None,
    progress: Progress | None = None,
    limit_s: float | None = None,
) -> dict[str, Any]:
    """Do a job in a process of its own, which ends with this call however that ends.

    Args:
        job: as `safety/child.py` takes it.
        texts: messages to hand in, as fast as they are read.
        progress: what it tells of its progress.
        limit_s: after which it is ended.

    Raises:
        ChildError: it names a fault, or ended before its time.
        TimeoutError: it was not done within the limit.
    """
    environment = {name: v for name, v in os.environ.items() if not name.startswith("PICA_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "safety.child",
        stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, limit=LONGEST_LINE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    feeding = asyncio.create_task(_feed(process.stdin, job, texts))
    try:
        async with asyncio.timeout(limit_s):
            outcome = await _outcome(process.stdout, progress)
            await feeding  # messages that could not be read would be missing from the outcome
        return outcome
    finally:
        feeding.cancel()
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _feed(
    stdin: asyncio.StreamWriter, job: Mapping[str, Any], texts: AsyncIterator[str] | None
) -> None:
    try:
        stdin.write(json.dumps(job).encode() + b"\n")
        if texts is not None:
            async for text in texts:
                stdin.write(json.dumps(text).encode() + b"\n")
                await stdin.drain()
        await stdin.drain()
    except (BrokenPipeError, ConnectionResetError):  # it ended early, and says why
        pass
    finally:
        stdin.close()


async def _outcome(stdout: asyncio.StreamReader, progress: Progress | None) -> dict[str, Any]:
    async for line in stdout:
        told: dict[str, Any] = json.loads(line)
        if "fault" in told:
            raise ChildError(told["fault"])
        if "outcome" in told:
            outcome: dict[str, Any] = told["outcome"]
            return outcome
        if progress:
            progress(told["done"], told["total"])
    raise ChildError("the process ended before it was done")
