"""A short soak: arrivals, cancellations and faults at random; every request ends."""

from __future__ import annotations

import asyncio
import logging

import pytest

from benchmarks.soak import Soak
from inference import InferenceWorker, ModelSource


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_request_ends_and_no_slot_is_leaked(pica, seed):
    logging.getLogger("inference").setLevel(logging.CRITICAL + 1)
    source = ModelSource(
        model=str(pica.model), prefix=str(pica.prefix), device="cpu", dtype="float32",
        max_running=4, max_waiting=12, resident_mib=1,
    )  # fmt: skip
    worker = await InferenceWorker.start(source)
    soak = Soak(worker, seed=seed)
    try:
        await soak.run(3.0)
        health = worker.health()
        assert health.resident_bytes <= 1 << 20
        while worker._engine.runner.cache.nbytes:  # noqa: ASYNC110  given back at the end of the last step
            await asyncio.sleep(0.01)
        assert worker._replies == {}
    finally:
        await worker.aclose(grace_s=0)
        logging.getLogger("inference").setLevel(logging.NOTSET)
    assert soak.ends["whole"] > 0
