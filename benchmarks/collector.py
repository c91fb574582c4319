"""How long Python's garbage collector stops every thread once the model is loaded.

    python -m benchmarks.collector [--repeats 9]

A full collection goes through every object that is not frozen; meanwhile no word is written and no
message read. Measured as `pica serve` would be without `gc.freeze()`, and as it is.
"""

import argparse
import asyncio
import gc
import time
from statistics import median
from unittest import mock

import bot.service.lifecycle  # noqa: F401 - what the service imports is gone through as well
from bot.service.connections import load_model
from bot.settings import Settings
from safety.screening.screener import Screener


def milliseconds(repeats: int) -> list[float]:
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        gc.collect()
        spent.append((time.perf_counter() - start) * 1000)
    return spent


async def run(repeats: int) -> None:
    screener = Screener.load()
    with mock.patch.object(gc, "freeze"):
        worker = await load_model(Settings(_env_file=None, allow_demo_model=True))
    objects, before = len(gc.get_objects()), milliseconds(repeats)
    gc.freeze()
    after = milliseconds(repeats)
    await worker.aclose(grace_s=0)
    print(f"{objects:,} objects, {len(screener.lexicon.entries)} entries of the lexicon\n")
    print("| | median ms | least | most |\n|---|---|---|---|")
    for name, spent in (("as they come", before), ("frozen", after)):
        print(f"| {name} | {median(spent):.1f} | {min(spent):.1f} | {max(spent):.1f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    asyncio.run(run(parser.parse_args().repeats))
