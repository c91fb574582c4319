"""A soak of the inference worker: random arrivals, cancellations and faults; nothing may be lost.

    python -m benchmarks.soak [--seconds 600] [--seed 1] [--dtype bfloat16]

Every request must end, every slot be free at the end, nothing stay behind that nobody keeps, and
memory stay flat; otherwise it ends with an error. The suite runs a short one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from inference import GenerationError, GenerationRequest, InferenceWorker, ModelSource, Sampling
from inference.engine.sequence import Sequence
from inference.model.model_runner import Runner

FAULTS = (RuntimeError, torch.OutOfMemoryError)
#: Reasons with which a request may end in a soak; anything else is a defect.
HONEST = {"engine_failed", "out_of_memory", "deadline", "queue_full"}
#: MiB that the process may hold more after hours than after its first minute.
FLAT_MIB = 64


class FaultyRunner:
    """Lets forward passes and whole steps fail now and then, once planned and until mended."""

    def __init__(self) -> None:
        self.count = 0
        self._dice: random.Random | None = None

    def wrap(self, runner: Runner) -> FaultyRunner:
        self._runner = runner
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def plan(self, dice: random.Random) -> None:
        self.count, self._dice = 0, dice

    def mend(self) -> None:
        self._dice = None

    def prefill(self, segments: Any) -> None:
        self._maybe(0.004)
        self._runner.prefill(segments)

    def decode(self, slots: Any, ids: Any, stored: Any) -> torch.Tensor:
        self._maybe(0.004)
        return self._runner.decode(slots, ids, stored)

    def end_step(self, *, is_idle: bool) -> None:
        self._runner.end_step(is_idle=is_idle)
        self._maybe(0.001)

    def _maybe(self, chance: float) -> None:
        if self._dice is not None and self._dice.random() < chance:
            self.count += 1
            raise self._dice.choice(FAULTS)("a fault of the soak")


class Soak:
    """People who come, read, lose patience, come back, and ask to be forgotten.

    Made while nobody talks: what lives then is what may live afterwards.
    """

    def __init__(self, worker: InferenceWorker, faults: FaultyRunner, *, seed: int) -> None:
        self.ends: Counter[str] = Counter()
        self._before = held(worker)
        self._worker = worker
        self._faults = faults
        self._dice = random.Random(seed)  # noqa: S311
        self._past: dict[str, list[int]] = {}

    async def run(self, seconds: float, *, rate: float = 40.0) -> None:
        """Lets people come for a while, and waits until everybody has gone."""
        faults = self._faults
        faults.plan(random.Random(self._dice.random()))  # noqa: S311
        end, people = time.monotonic() + seconds, []
        try:
            while time.monotonic() < end:
                people.append(asyncio.create_task(self._talk()))
                await asyncio.sleep(self._dice.expovariate(rate))
            results = await asyncio.wait_for(asyncio.gather(*people, return_exceptions=True), 120)
        finally:
            faults.mend()
        for error in results:
            if error is not None:
                raise error
        self.ends["faults"] = faults.count
        assert sum(self.ends.values()) == len(people) + faults.count, "somebody has no end"
        await self._settle()

    async def _settle(self) -> None:
        """Waits until the engine is at rest; then nothing may be left but what it keeps."""
        for _ in range(500):
            health = self._worker.health()
            # The step that frees the last slot gives its memory back before it ends.
            if not (health.running or health.waiting or self._faults.cache.nbytes):
                break
            await asyncio.sleep(0.01)
        assert (health.running, health.waiting) == (0, 0), "a slot was leaked"
        assert health.alive
        assert self._worker.open_streams == 0, "a stream was leaked"
        for _ in range(10):  # the last step may still be on its way out of its own functions
            after = held(self._worker)
            left = [now - then for now, then in zip(after, self._before, strict=True)]
            if max(left) <= 0:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{left[0]} requests and {left[1]} bytes of tensors were leaked")

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


def held(worker: InferenceWorker) -> tuple[int, int]:
    """Requests that live, and bytes of tensors beyond what the engine says that it keeps."""
    gc.collect()
    living = gc.get_objects()
    # By type: some objects warn when asked what they are.
    requests = sum(issubclass(type(one), Sequence) for one in living)
    # Packed weights have no storage to look at; they are the model's and stay as they are.
    tensors = (
        one for one in living if issubclass(type(one), torch.Tensor) and one.layout is torch.strided
    )
    memory = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return requests, sum(memory.values()) - worker.health().resident_bytes


def resident_mib() -> int:
    """Memory that this process holds."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096 >> 20


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--dtype", default="auto", help="auto: what the worker measures to be faster"
    )
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    source = ModelSource(
        device="cpu", dtype=arguments.dtype, max_running=8, max_waiting=32, resident_mib=64
    )
    faults = FaultyRunner()
    worker = await InferenceWorker.start(source, wrap_runner=faults.wrap)
    try:
        await soak(worker, faults, arguments.seconds, arguments.seed)
    finally:
        await worker.aclose()


async def soak(worker: InferenceWorker, faults: FaultyRunner, seconds: float, seed: int) -> None:
    """Minute after minute; memory is measured against the end of the first."""
    print("| minute | MiB | kept MiB | steps | restarts | ends |\n|---|---|---|---|---|---|")
    part, first = min(60.0, seconds), None
    for minute in range(max(1, round(seconds / part))):
        people = Soak(worker, faults, seed=seed + minute)
        await people.run(part, rate=8.0)
        health, mib = worker.health(), resident_mib()
        ends = ", ".join(f"{name} {count}" for name, count in sorted(people.ends.items()))
        row = [minute + 1, mib, health.resident_bytes >> 20, health.steps, health.restarts, ends]
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
        own = mib - (health.resident_bytes >> 20)
        first = own if first is None else first
        assert own <= first + FLAT_MIB, f"memory grew from {first} MiB to {own}"


if __name__ == "__main__":
    asyncio.run(main())
