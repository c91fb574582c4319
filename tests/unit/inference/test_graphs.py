"""Steps of fixed shapes give what steps of the true shape give; capture itself needs CUDA."""

from __future__ import annotations

import pytest
import torch

from inference.graphs import COLUMNS, StaticDecode, round_rows
from inference.runner import ModelRunner


@pytest.fixture
def captured():
    """Counts what is captured and repeats it as it stands."""
    works = []

    def capture(work):
        works.append(work)
        return work

    return works, capture


@pytest.mark.parametrize("slots", [[0], [0, 1, 2], [1, 3], [0, 1, 2, 3]])
def test_the_same_logits(tiny, captured, slots):
    plain, static = (ModelRunner(tiny.model, tiny.prefix) for _ in range(2))
    works, capture = captured
    static._static = StaticDecode(static._decoder, static.cache, capture)
    stored = [3 + 7 * slot for slot in slots]
    with torch.inference_mode():
        for runner in (plain, static):
            for slot, count in zip(slots, stored, strict=True):
                runner.prefill(slot, [1400 + slot] * count, 0)
        for step in range(3):
            starts = [count + step for count in stored]
            ids = [1500 + slot + step for slot in slots]
            expected = plain.decode(slots, ids, starts)
            torch.testing.assert_close(static.decode(slots, ids, starts), expected)
    assert len(works) == 1, "one shape is captured once"


def test_rows_that_nobody_needs_leave_no_trace(tiny, captured):
    runner = ModelRunner(tiny.model, tiny.prefix)
    runner._static = StaticDecode(runner._decoder, runner.cache, captured[1])
    with torch.inference_mode():
        runner.prefill(1, [1400] * 5, 0)
        before = [layer[:, 1, :, :5].clone() for layer in runner.cache.layers]
        runner.decode([2], [1500], [0])
    for layer, was in zip(runner.cache.layers, before, strict=True):
        assert torch.equal(layer[:, 1, :, :5], was)
        assert not layer[:, 1, :, 5:-1].any()


def test_grown_slots_are_captured_anew(tiny, captured):
    runner = ModelRunner(tiny.model, tiny.prefix)
    works, capture = captured
    runner._static = StaticDecode(runner._decoder, runner.cache, capture)
    with torch.inference_mode():
        runner.decode([0], [1500], [0])
        runner.decode([0], [1500], [1])
        assert len(works) == 1
        runner.decode([0], [1500], [COLUMNS])
        runner.decode([0], [1500], [1])
    assert len(works) == 3


def test_sizes():
    assert [round_rows(n) for n in (1, 2, 3, 5, 16, 17, 40)] == [1, 2, 4, 8, 16, 32, 48]
