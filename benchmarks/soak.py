"""A soak of the inference worker: random arrivals, cancellations and faults; nothing may be lost.

    python -m benchmarks.soak [--seconds 600] [--seed 1]

Every request must end, every slot be free at the end, and memory stay flat. The suite runs a short
one. Knows the worker's door and, for the faults, the engine behind it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from inference import GenerationError, GenerationRequest, InferenceWorker, ModelSource, Sampling
from inference.decoder import Decoder

FAULTS = (RuntimeError("a kernel failed"), torch.OutOfMemoryError("CUDA out of memory"))
#: Reasons with which a request may end in a soak; anything else is a defect.
HONEST = {"engine_failed", "out_of_memory", "deadline", "queue_full"}


class Faults:
    """Lets forward passes and whole steps fail now and then, until it is mended."""

    def __init__(self, worker: InferenceWorker, dice: random.Random) -> None:
        self.count = 0
        self._dice = dice
        self._engine: Any = worker._engine
        self._embed, self._settle = Decoder.embed, self._engine._settle
        faults = self

        def embed(decoder: Decoder, ids: torch.Tensor) -> torch.Tensor:
            faults.maybe(0.004)
            return faults._embed(decoder, ids)

        def settle() -> None:
            faults._settle()
            faults.maybe(0.001)

        Decoder.embed = embed  # type: ignore[method-assign]
        self._engine._settle = settle

    def maybe(self, chance: float) -> None:
        if self._dice.random() < chance:
            self.count += 1
            raise self._dice.choice(FAULTS)

    def mend(self) -> None:
        Decoder.embed = self._embed  # type: ignore[method-assign]
        self._engine._settle = self._settle


class Soak:
    """People who come, read, lose patience, come back, and ask to be forgotten."""

    def __init__(self, worker: InferenceWorker, *, seed: int) -> None:
        self.ends: Counter[str] = Counter()
        self._worker = worker
        self._dice = random.Random(seed)  # noqa: S311
        self._past: dict[str, list[int]] = {}

    async def run(self, seconds: float, *, rate: float = 40.0) -> None:
        """Lets people come for a while, and waits until everybody has gone."""
        faults = Faults(self._worker, random.Random(self._dice.random()))  # noqa: S311
        end, people = time.monotonic() + seconds, set()
        try:
            while time.monotonic() < end:
                person = asyncio.create_task(self._talk())
                people.add(person)
                person.add_done_callback(people.discard)
                await asyncio.sleep(self._dice.expovariate(rate))
            await asyncio.wait_for(asyncio.gather(*people), 120)
        finally:
            faults.mend()
        self.ends["faults"] = faults.count
        for _ in range(500):
            health = self._worker.health()
            if (health.running, health.waiting) == (0, 0):
                break
            await asyncio.sleep(0.01)
        assert (health.running, health.waiting) == (0, 0), "a slot was leaked"
        assert health.alive

    async def _talk(self) -> None:
        dice, name = self._dice, str(self._dice.randrange(60))
        past = self._past.get(name, [4001, 4003])[-200:]
        prompt = [*past, *(dice.randrange(100, 3900) for _ in range(dice.randint(1, 60)))]
        request = GenerationRequest(
            name,
            tuple(prompt),
            max_new_tokens=dice.randint(1, 40),
            sampling=Sampling(seed=dice.randrange(1000)),
            priority=dice.randint(-2, 2),
            deadline_s=dice.choice((None, None, 0.05, 5.0)),
            conversation=dice.choice((name, name, None)),
        )
        self._past[name] = prompt
        patience = dice.choice((10**6, 10**6, 1, 3))
        try:
            async with contextlib.aclosing(self._worker.stream(request)) as words:  # type: ignore[type-var]
                async for _ in words:
                    patience -= 1
                    if patience == 0:
                        self.ends["left"] += 1
                        break
                else:
                    self.ends["whole"] += 1
        except GenerationError as error:
            assert error.reason in HONEST, error.reason
            self.ends[error.reason] += 1
        if dice.random() < 0.05:
            self._past.pop(name, None)
            self._worker.forget(name)


def resident_mib() -> int:
    """Memory that this process holds."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096 >> 20


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    source = ModelSource(device="cpu", max_running=8, max_waiting=32, resident_mib=64)
    worker = await InferenceWorker.start(source)
    print("| minute | MiB | kept MiB | steps | restarts | ends |\n|---|---|---|---|---|---|")
    part = min(60.0, arguments.seconds)
    for minute in range(max(1, round(arguments.seconds / part))):
        soak = Soak(worker, seed=arguments.seed + minute)
        await soak.run(part, rate=8.0)
        health = worker.health()
        ends = ", ".join(f"{name} {count}" for name, count in sorted(soak.ends.items()))
        row = [minute + 1, resident_mib(), health.resident_bytes >> 20, health.steps]
        print("| " + " | ".join(map(str, [*row, health.restarts, ends])) + " |", flush=True)
    await worker.aclose()


if __name__ == "__main__":
    asyncio.run(main())
