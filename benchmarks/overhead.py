"""What everything but the model adds to a reply, under a steady load.

    python -m benchmarks.overhead --seconds 600 --rate 30

The service runs in a process of its own, with a model that answers at once, no merge window and
no pacing; people and their local Bot API server are in this one. A reply's time goes from the
person's message to the arrival of the answer's final text. SQLite unless a database is named.
Prints a table a minute: a memory that grows shows there.
"""

import argparse
import asyncio
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop
from pydantic import SecretStr

from bot import logs
from bot.cli.demo import consent
from bot.service.lifecycle import Service
from bot.settings import Settings
from bot.texts import Texts
from bot.transport.rate_limit import RateLimiter
from inference import GenerationRequest, InferenceWorker, ModelSource
from sandbox import Limits, Sandbox, SandboxUser
from storage import new_secret_key

REPLY = "听起来你今天很累。愿意和我说说，是什么让你这么辛苦吗？我在这里听着。"
WORDS = "今天又加班到很晚，感觉有点累，回家路上什么都不想说。"
LONGEST_WAIT_S = 30.0


class Stalls:
    """How long the event loop of a process stood still, so that pauses can be told apart."""

    EVERY_S = 0.01

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        """Measure until cancelled."""
        while True:
            asked_at = time.perf_counter()
            await asyncio.sleep(self.EVERY_S)
            late_s = time.perf_counter() - asked_at - self.EVERY_S
            self.longest_s = max(self.longest_s, late_s)

    async def tell(self) -> None:
        """Write the longest stall of every minute to standard error."""
        while True:
            await asyncio.sleep(60)
            print(f"service stood still for {1000 * self.longest_s:.0f} ms", file=sys.stderr)
            self.longest_s = 0.0


class InstantWorker(InferenceWorker):
    """Answers at once; the tokenizer is the model's own."""

    async def stream(self, request: GenerationRequest) -> AsyncIterator[str]:
        """The same reply, in one piece."""
        yield REPLY


class Unpaced(RateLimiter):
    """Waits for nothing; drafts go their way as ever."""

    async def wait(self, chat_id: int) -> None:
        """No wait."""


async def serve(api_url: str, token: str, folder: Path, database_url: str | None) -> None:
    """The service under test: in a process of its own."""
    logs.configure("error")
    settings = Settings(
        _env_file=None,
        telegram_token=SecretStr(token),
        telegram_api_url=api_url,
        data_dir=folder,
        secret_key=SecretStr(new_secret_key()),
        database_url=database_url,
        allow_demo_model=True,
        http_port=0,
        burst_window_s=0.0,
    )
    worker = await InstantWorker.start(ModelSource())
    service = Service(settings, worker, limiter=Unpaced())
    try:
        await service.start()
        print("ready", flush=True)
        stalls = Stalls()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stalls.watch())
            tasks.create_task(stalls.tell())
            tasks.create_task(service.run())
    finally:
        await service.aclose()
        await worker.aclose()


class Load:
    """People who speak in turn, at a steady rate, whatever the service does."""

    def __init__(self, users: list[SandboxUser]) -> None:
        self._users = users
        self._waiting: dict[int, asyncio.Task[None]] = {}
        self.times: list[float] = []
        self.skipped = 0
        self.unanswered = 0

    async def run(self, rate: float, seconds: float) -> None:
        """Speak `rate` times a second; somebody who still waits is passed over and counted."""
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            user = self._users[number % len(self._users)]
            if user.id in self._waiting:
                self.skipped += 1
                continue
            self._waiting[user.id] = asyncio.create_task(self._ask(user))
        await asyncio.gather(*self._waiting.values())

    async def _ask(self, user: SandboxUser) -> None:
        said_at = time.perf_counter()
        try:
            sent = await user.say(WORDS)
            await user.wait_for(None, after=sent, timeout_s=LONGEST_WAIT_S)
            self.times.append(time.perf_counter() - said_at)
        except TimeoutError:
            self.unanswered += 1
        finally:
            del self._waiting[user.id]


def percentile(times: list[float], share: float) -> float:
    """The value that this share of the times does not exceed, in milliseconds."""
    ordered = sorted(times)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def memory_mib(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


@asynccontextmanager
async def served(
    sandbox: Sandbox, folder: Path, database_url: str | None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service in a process of its own, from ready to ended."""
    command = [sys.executable, "-m", "benchmarks.overhead", "--serve", sandbox.api_url]
    command += ["--database", database_url] if database_url else []
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={
            **os.environ,
            "OVERHEAD_TOKEN": sandbox.token,
            "PYTHONPATH": str(Path(__file__).parents[1]),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    if b"ready" not in await process.stdout.readline():
        raise RuntimeError("the service did not start")
    try:
        yield process
    finally:
        process.terminate()
        await process.wait()


async def measure(options: argparse.Namespace) -> None:
    """Run the load and print the tables."""
    with tempfile.TemporaryDirectory(prefix="pica-overhead-") as folder:
        async with (
            Sandbox(limits=Limits.off()) as sandbox,
            served(sandbox, Path(folder), options.database) as process,
        ):
            users = [sandbox.add_user() for _ in range(options.people)]
            for start in range(0, len(users), 20):
                await asyncio.gather(*(consent(u, Texts()) for u in users[start : start + 20]))
            gc.collect()
            gc.freeze()  # this side's pauses are not the service's
            stalls = Stalls()
            watching = asyncio.create_task(stalls.watch())
            load = Load(users)
            print("| minute | replies | median ms | p99 ms | memory MiB | not answered |")
            print("|---|---|---|---|---|---|")
            whole: list[float] = []
            for minute in range(max(1, options.seconds // 60)):
                load.times = []
                await load.run(options.rate, min(60, options.seconds))
                whole += load.times
                print(_row(str(minute + 1), load, memory_mib(process.pid)), flush=True)
            watching.cancel()
            print(f"the people's side stood still for {1000 * stalls.longest_s:.0f} ms at most")
            load.times = whole
            print(_row("all", load, memory_mib(process.pid)))
            print(f"mean {1000 * statistics.fmean(whole):.1f} ms, skipped {load.skipped}")


def _row(name: str, load: Load, memory: float) -> str:
    times = load.times
    return (
        f"| {name} | {len(times)} | {percentile(times, 0.5):.1f} | {percentile(times, 0.99):.1f} "
        f"| {memory:.0f} | {load.unanswered} |"
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rate", type=float, default=30.0, help="messages a second")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--database", help="address of an empty database; SQLite where left out")
    parser.add_argument("--serve", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        token = os.environ["OVERHEAD_TOKEN"]
        uvloop.run(serve(options.serve, token, Path.cwd() / "data", options.database))
    else:
        uvloop.run(measure(options))


if __name__ == "__main__":
    main()
