"""A short soak: arrivals, cancellations and faults at random; every request ends."""

from __future__ import annotations

import logging

import pytest

from benchmarks.soak import Soak
from inference import InferenceWorker, ModelSource
from inference.loading import autotune
from inference.model import cpu_kernels


@pytest.mark.parametrize(("seed", "dtype"), [(1, "float32"), (2, "bfloat16")])
async def test_every_request_ends_and_no_slot_is_leaked(pica, seed, dtype, monkeypatch):
    if dtype == "bfloat16":  # as where a processor is quick at it
        monkeypatch.setattr(
            autotune, "_packs", lambda plain, _: cpu_kernels.is_possible(plain[0].dtype)
        )
    logging.getLogger("inference").setLevel(logging.CRITICAL + 1)
    source = ModelSource(
        model=str(pica.model), prefix=str(pica.prefix), device="cpu", dtype=dtype,
        max_running=4, max_waiting=12, resident_mib=1,
    )  # fmt: skip
    worker = await InferenceWorker.start(source)
    try:
        soak = Soak(worker, seed=seed)
        await soak.run(3.0)
        assert worker.health().resident_bytes <= 1 << 20
    finally:
        await worker.aclose(grace_s=0)
        logging.getLogger("inference").setLevel(logging.NOTSET)
    assert soak.ends["whole"] > 0


async def test_a_soak_hears_of_what_is_left_behind(pica, monkeypatch):
    """Somebody holds on to what a slot held, as a leak would."""
    source = pica.source("prefix")
    worker = await InferenceWorker.start(
        ModelSource(model=source.model, prefix=source.prefix, device="cpu", dtype="float32")
    )
    leaked, copy_out = [], worker._engine.runner.cache.copy_out

    def leaky(slot, tokens):
        leaked.append(copy_out(slot, tokens))
        return copy_out(slot, tokens)

    monkeypatch.setattr(worker._engine.runner.cache, "copy_out", leaky)
    try:
        with pytest.raises(AssertionError, match="leaked"):
            await Soak(worker, seed=1).run(0.3)
    finally:
        await worker.aclose(grace_s=0)


async def test_a_soak_hears_of_a_request_that_ends_for_no_honest_reason(pica, monkeypatch):
    source = pica.source("prefix")
    worker = await InferenceWorker.start(
        ModelSource(model=source.model, prefix=source.prefix, device="cpu", dtype="float32")
    )
    monkeypatch.setattr(
        "inference.engine.model_step.choose", lambda logits, samplers: [None] * len(samplers)
    )
    try:
        with pytest.raises(AssertionError, match="bad_logits"):
            await Soak(worker, seed=1).run(0.1)
    finally:
        await worker.aclose(grace_s=0)
