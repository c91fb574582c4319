"""How long one person's hostile texts hold everybody else up.

    python -m benchmarks.freeze [--texts 20] [--letters 4096] [--kind 1] [--crowd 1500]

The service runs in a process of its own, with a model that answers at once. One person sends so
many long texts at the same moment, and a newcomer names a risk. Printed are the longest time for
which the service's event loop stood still, and the time until the newcomer had the fixed reply:
on a quiet service, beside the long texts, after a kill and a restart that finds them stored, and
behind a crowd of short messages that came while the service stood still.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop
from pydantic import SecretStr

from benchmarks.overhead import InstantWorker, Stalls, Unpaced
from bot import logs
from bot.cli.demo import consent
from bot.service.lifecycle import Service
from bot.settings import Settings
from bot.texts import Texts
from inference import ModelSource
from sandbox import Limits, Sandbox, SandboxUser

KEY = "fJq1Rk0m2N4p6S8u0W2y4A6c8E0g2I4k6M8o0Q2s4U4="  # of a database that is thrown away
STALL = "stall"
LONGEST_S = 600.0
CROWD_PEOPLE = 30
CRISIS = "我想自杀"


async def serve(api_url: str) -> None:
    """Serve, and keep the longest stall in a file."""
    logs.configure("error")
    settings = Settings(
        _env_file=None,
        telegram_token=SecretStr(os.environ["FREEZE_TOKEN"]),
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
        "benchmarks.freeze",
        "--serve",
        sandbox.api_url,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "FREEZE_TOKEN": sandbox.token,
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


async def answer_s(user: SandboxUser) -> float:
    """Name a risk, and wait for the fixed reply."""
    begun_at = time.perf_counter()
    sent = await user.say(CRISIS)
    await user.wait_for(
        Texts()("zh", "crisis_suicide").split("{", 1)[0], after=sent, timeout_s=LONGEST_S
    )
    return time.perf_counter() - begun_at


async def measure(options: argparse.Namespace) -> None:
    """Print the table."""
    text = (options.kind * options.letters)[: options.letters]
    print("| when | longest stall, ms | newcomer's fixed reply, s |\n|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="pica-freeze-") as name:
        folder = Path(name)
        async with Sandbox(limits=Limits.off()) as sandbox:
            rude = sandbox.add_user()
            async with served(sandbox, folder):
                await consent(rude, Texts())
                await _is_up(folder, sandbox)
                await _row("quiet", folder, sandbox)
            async with served(sandbox, folder):
                await _is_up(folder, sandbox)
                await asyncio.gather(*(rude.say(text) for _ in range(options.texts)))
                await _row("beside the texts", folder, sandbox)
            async with served(sandbox, folder) as process:
                await _is_up(folder, sandbox)
                await asyncio.gather(*(rude.say(text) for _ in range(options.texts)))
                await asyncio.sleep(1)  # they are stored, and not answered
                process.send_signal(signal.SIGKILL)
            async with served(sandbox, folder):
                await _is_up(folder, sandbox)
                await _row("after a kill and a start", folder, sandbox)
            async with served(sandbox, folder) as process:
                await _is_up(folder, sandbox)
                await _row_behind(options.crowd, folder, sandbox, process)


async def _row_behind(
    crowd: int, folder: Path, sandbox: Sandbox, process: asyncio.subprocess.Process
) -> None:
    """Let a crowd write while the process is stopped, and a newcomer after it."""
    process.send_signal(signal.SIGSTOP)
    people = [sandbox.add_user() for _ in range(CROWD_PEOPLE)]
    for number in range(crowd):
        await people[number % CROWD_PEOPLE].say(f"今天第{number}件事")
    newcomer = sandbox.add_user()
    sent = await newcomer.say(CRISIS)
    begun_at = time.perf_counter()
    process.send_signal(signal.SIGCONT)
    opening = Texts()("zh", "crisis_suicide").split("{", 1)[0]
    await newcomer.wait_for(opening, after=sent, timeout_s=LONGEST_S)
    seconds = time.perf_counter() - begun_at
    print(f"| behind {crowd} short messages | {await stall_ms(folder):.0f} | {seconds:.2f} |")


async def _is_up(folder: Path, sandbox: Sandbox) -> None:
    """Wait for the first answer; what stood still while it started does not count."""
    await answer_s(sandbox.add_user())
    (folder / STALL).unlink()
    await asyncio.sleep(0.5)


async def _row(when: str, folder: Path, sandbox: Sandbox) -> None:
    seconds = await answer_s(sandbox.add_user())
    await asyncio.sleep(4)  # merged, screened, answered
    print(f"| {when} | {await stall_ms(folder):.0f} | {seconds:.2f} |", flush=True)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--letters", type=int, default=4_096)
    parser.add_argument("--kind", default="1", help="what the texts repeat")
    parser.add_argument("--crowd", type=int, default=1_500, help="short messages before a risk")
    parser.add_argument("--serve", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    uvloop.run(serve(options.serve) if options.serve else measure(options))


if __name__ == "__main__":
    main()
