"""A short soak: arrivals, cancellations and faults at random; every request ends."""

from __future__ import annotations

import dataclasses
import logging

import pytest
import torch

from benchmarks.soak import FaultyRunner, Soak
from inference import InferenceWorker
from inference.loading import autotune
from inference.model.torch_internals import packed_kernels
from inference.model.weights import pack_model
from tests.support.planned_runner import PlannedRunner


@pytest.mark.parametrize(("seed", "dtype"), [(1, "float32"), (2, "bfloat16")])
async def test_every_request_ends_and_no_slot_is_leaked(pica, seed, dtype, monkeypatch):
    if dtype == "bfloat16" and packed_kernels(
        torch.bfloat16
    ):  # as where a processor is quick at it
        monkeypatch.setattr(autotune, "FEWEST", 0)
        monkeypatch.setattr(autotune, "pack_if_faster", lambda model, threads: pack_model(model))
    logging.getLogger("inference").setLevel(logging.CRITICAL + 1)
    limits = {"max_running": 4, "max_waiting": 12, "resident_mib": 1}
    source = dataclasses.replace(pica.source("prefix"), dtype=dtype, **limits)
    faults = FaultyRunner()
    worker = await InferenceWorker.start(source, wrap_runner=faults.wrap)
    try:
        soak = Soak(worker, faults, seed=seed)
        await soak.run(3.0)
        assert worker.health().resident_bytes <= 1 << 20
    finally:
        await worker.aclose(grace_s=0)
        logging.getLogger("inference").setLevel(logging.NOTSET)
    assert soak.ends["whole"] > 0


async def test_a_soak_hears_of_what_is_left_behind(pica, monkeypatch):
    """Something holds on to what a slot held, as a leak would."""
    faults = FaultyRunner()
    source = dataclasses.replace(pica.source("prefix"), dtype="float32")
    worker = await InferenceWorker.start(source, wrap_runner=faults.wrap)
    leaked, copy_out = [], faults.cache.copy_out

    def leaky(slot, tokens):
        leaked.append(copy_out(slot, tokens))
        return copy_out(slot, tokens)

    monkeypatch.setattr(faults.cache, "copy_out", leaky)
    try:
        with pytest.raises(AssertionError, match="leaked"):
            await Soak(worker, faults, seed=1).run(0.3)
    finally:
        await worker.aclose(grace_s=0)


async def test_a_soak_hears_of_a_request_that_ends_for_no_honest_reason(pica):
    faults, plan = FaultyRunner(), PlannedRunner()
    source = dataclasses.replace(pica.source("prefix"), dtype="float32")
    worker = await InferenceWorker.start(
        source, wrap_runner=lambda runner: faults.wrap(plan.wrap(runner))
    )
    plan.spoil()
    try:
        with pytest.raises(AssertionError, match="bad_logits"):
            await Soak(worker, faults, seed=1).run(0.1)
    finally:
        await worker.aclose(grace_s=0)
