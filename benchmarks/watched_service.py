"""A service in a process of its own that notes the longest time its event loop stood still.

    python -m benchmarks.watched_service URL

Its model answers at once. `benchmarks.hostile` runs it.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop
from pydantic import SecretStr

from benchmarks.overhead import InstantWorker, Stalls, Unpaced
from bot import logs
from bot.service.lifecycle import Service
from bot.settings import Settings
from inference import ModelSource
from sandbox import Sandbox

KEY = "fJq1Rk0m2N4p6S8u0W2y4A6c8E0g2I4k6M8o0Q2s4U4="  # of a database that is thrown away
STALL = "stall"


async def serve(api_url: str) -> None:
    """Serve, and keep the longest stall in a file."""
    logs.configure("error")
    settings = Settings(
        _env_file=None,
        telegram_token=SecretStr(os.environ["WATCHED_TOKEN"]),
        telegram_api_url=api_url,
        data_dir=Path.cwd() / "data",
        secret_key=SecretStr(KEY),
        allow_demo_model=True,
        http_port=0,
    )
    worker = await InstantWorker.start(ModelSource())
    service = Service(settings, worker, limiter=Unpaced())
    stalls = Stalls()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stalls.watch())
        tasks.create_task(_note(stalls))
        await asyncio.sleep(0.1)
        stalls.longest_s = 0.0
        starting = asyncio.create_task(service.start())
        print("begun", flush=True)
        await starting
        await service.run()


async def _note(stalls: Stalls) -> None:
    """Keep the longest stall since the file was last taken away."""
    file = Path(STALL)
    while True:
        await asyncio.sleep(0.2)
        if not file.exists():  # noqa: ASYNC240 - a file of one line
            stalls.longest_s = 0.0
        file.write_text(f"{time.time()} {stalls.longest_s}")  # noqa: ASYNC240


@asynccontextmanager
async def served(sandbox: Sandbox, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service from its start to its end by a kill."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.watched_service",
        sandbox.api_url,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "WATCHED_TOKEN": sandbox.token,
            "PYTHONPATH": str(Path(__file__).parents[1]),
        },
    )
    assert process.stdout is not None
    if b"begun" not in await process.stdout.readline():
        raise RuntimeError("the service did not start")
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def stall_ms(folder: Path) -> float:
    """Read the longest stall, once the loop moves again."""
    asked_at = time.time()
    while True:
        await asyncio.sleep(0.3)
        noted_at, _, longest_s = (folder / STALL).read_text().partition(" ")
        if longest_s and float(noted_at) > asked_at:
            return 1000 * float(longest_s)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
