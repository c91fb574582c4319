"""How much hostile texts cost, and how long they hold everybody else up.

    python -m benchmarks.hostile [--kinds 3] [--crowd 1500] [--newcomers 20]

First each kind of hostile text is screened at 4,096 and at 82,000 characters. Growth of 1.0 is
linear. Then a service runs in a process of its own, with a model that answers at once. Printed are
the longest time for which its event loop stood still, and the time until a newcomer in crisis had
the fixed reply: on a quiet service, beside 20 long texts at once, after a kill that leaves them
stored, beside five accounts with a long text a second each, and behind a crowd of short messages
that came while the service stood still.
"""

import argparse
import asyncio
import itertools
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from benchmarks.hostile_texts import hostile_texts
from benchmarks.watched_service import STALL, served, stall_ms
from bot.cli.demo import consent
from bot.texts import Texts
from safety.screening.screener import Screener
from sandbox import Limits, Sandbox, SandboxUser

SHORT, LONG = 4_096, 82_000
TEXTS, ACCOUNTS, CROWD_PEOPLE = 20, 5, 30
LONGEST_S = 600.0
CRISIS = "我想自杀"
Kinds = list[tuple[str, Callable[[int], str]]]
OPENING = Texts()("zh", "crisis_suicide").split("{", 1)[0]


def growth_table() -> Kinds:
    """Print the growth of each kind, and return the kinds, the most expensive first."""
    screener = Screener.load()
    rows = []
    for name, make in hostile_texts():
        short, long = _seconds(screener, make(SHORT)), _seconds(screener, make(LONG))
        rows.append((long, name, make, short, (long / short) / (LONG / SHORT)))
    rows.sort(key=lambda row: -row[0])
    print("| text repeats | 4,096: ms | 82,000: ms | growth against length |\n|---|---|---|---|")
    for long, name, _, short, growth in rows:
        print(f"| `{name!r}` | {1000 * short:.1f} | {1000 * long:.0f} | {growth:.2f} |", flush=True)
    print(f"\nMost growth: {max(row[4] for row in rows):.2f}, of {len(rows)} kinds.\n")
    return [(name, make) for _, name, make, _, _ in rows]


def _seconds(screener: Screener, text: str) -> float:
    """Return the least of five times of this thread."""
    best = float("inf")
    for _ in range(5):
        begun = time.thread_time()
        screener.screen(text)
        best = min(best, time.thread_time() - begun)
    return best


async def answer_s(user: SandboxUser) -> float:
    """Name a risk, and wait for the fixed reply."""
    begun_at = time.perf_counter()
    sent = await user.say(CRISIS)
    await user.wait_for(OPENING, after=sent, timeout_s=LONGEST_S)
    return time.perf_counter() - begun_at


async def measure(
    options: argparse.Namespace, kinds: list[tuple[str, Callable[[int], str]]]
) -> None:
    """Print the table of waits."""
    print(
        "| when | longest stall, ms | newcomers' fixed reply, s: median, longest |\n|---|---|---|"
    )
    with tempfile.TemporaryDirectory(prefix="pica-hostile-") as name:
        folder = Path(name)
        async with Sandbox(limits=Limits.off()) as sandbox:
            async with served(sandbox, folder):
                rude = [sandbox.add_user() for _ in range(ACCOUNTS)]
                for user in rude:
                    await consent(user, Texts())
                await _is_up(folder, sandbox)
                await _row("quiet", folder, [await answer_s(sandbox.add_user())])
            for kind, make in kinds:
                await _beside(repr(kind), make(SHORT), folder, sandbox, rude[0])
            async with served(sandbox, folder):
                await _is_up(folder, sandbox)
                texts = itertools.cycle([make(SHORT) for _, make in kinds])
                waits = await _steadily(sandbox, rude, texts, options.newcomers)
                await _row("beside five accounts, one text a second each", folder, waits)
            async with served(sandbox, folder) as process:
                await _is_up(folder, sandbox)
                await _behind(options.crowd, folder, sandbox, process)


async def _beside(name: str, text: str, folder: Path, sandbox: Sandbox, rude: SandboxUser) -> None:
    """Send long texts at once, and again before a kill and a new start."""
    async with served(sandbox, folder):
        await _is_up(folder, sandbox)
        await asyncio.gather(*(rude.say(text) for _ in range(TEXTS)))
        await _row(f"beside {TEXTS} times {name}", folder, [await answer_s(sandbox.add_user())])
    async with served(sandbox, folder) as process:
        await _is_up(folder, sandbox)
        await asyncio.gather(*(rude.say(text) for _ in range(TEXTS)))
        await asyncio.sleep(1)  # they are stored, and not answered
        process.send_signal(signal.SIGKILL)
    async with served(sandbox, folder):
        await _is_up(folder, sandbox)
        await _row(f"{name}, after a kill", folder, [await answer_s(sandbox.add_user())])


async def _steadily(
    sandbox: Sandbox, rude: list[SandboxUser], texts: "itertools.cycle[str]", newcomers: int
) -> list[float]:
    """Let each account write once a second while newcomers come one after the other."""

    async def write(user: SandboxUser) -> None:
        while True:
            await user.say(next(texts))
            await asyncio.sleep(1)

    writing = [asyncio.create_task(write(user)) for user in rude]
    waits = []
    for _ in range(newcomers):
        await asyncio.sleep(0.7)
        waits.append(await answer_s(sandbox.add_user()))
    for task in writing:
        task.cancel()
    return waits


async def _behind(
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
    await newcomer.wait_for(OPENING, after=sent, timeout_s=LONGEST_S)
    seconds = time.perf_counter() - begun_at
    await _row(f"behind {crowd} short messages", folder, [seconds])


async def _is_up(folder: Path, sandbox: Sandbox) -> None:
    """Wait for the first answer; what stood still while it started does not count."""
    await answer_s(sandbox.add_user())
    (folder / STALL).unlink()
    await asyncio.sleep(0.5)


async def _row(when: str, folder: Path, waits: list[float]) -> None:
    await asyncio.sleep(4)  # merged, screened, answered
    told = f"{statistics.median(waits):.2f}, {max(waits):.2f}"
    print(f"| {when} | {await stall_ms(folder):.0f} | {told} |", flush=True)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kinds", type=int, default=3, help="the most expensive to send, and `1`")
    parser.add_argument("--crowd", type=int, default=1_500, help="short messages before a risk")
    parser.add_argument("--newcomers", type=int, default=20, help="beside the five accounts")
    options = parser.parse_args()
    kinds = growth_table()
    ones = [kind for kind in kinds if kind[0] == "1"]
    uvloop.run(measure(options, [*kinds[: options.kinds], *ones]))


if __name__ == "__main__":
    main()
