"""Steps of fixed shapes, captured and replayed, give what steps of the true shape give.

CUDA is not at hand; the capture used here keeps only what a CUDA graph keeps.
"""

from __future__ import annotations

import pytest
import torch

from inference.model import model_runner as runners
from inference.model.decode_graphs import COLUMNS, StaticDecode, round_rows, rounded_up
from inference.model.decoder import Segment
from inference.model.kv_cache import GRAIN
from inference.model.model_runner import ModelRunner
from tests.support.simulated_capture import SimulatedCapture, SimulatedReplay


@pytest.fixture
def capture():
    return SimulatedCapture()


@pytest.fixture
def plain(tiny):
    return ModelRunner(tiny.model, tiny.prefix)


@pytest.fixture
def static(tiny, capture, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(runners, "capture_for", lambda devices: capture)
        runner = ModelRunner(tiny.model, tiny.prefix)
    assert isinstance(runner.static, StaticDecode)
    return runner


def assert_replayed(runner):
    steps = runner.static.steps
    assert steps
    assert all(isinstance(step.run, SimulatedReplay) for step in steps.values())


def assert_the_same(static, plain, slots, ids, starts):
    torch.testing.assert_close(static.decode(slots, ids, starts), plain.decode(slots, ids, starts))
    assert_replayed(static)


@pytest.mark.parametrize("slots", [[0], [0, 1, 2], [1, 3], [0, 1, 2, 3]])
@torch.inference_mode()
def test_the_same_logits(static, plain, capture, slots):
    stored = [3 + 7 * slot for slot in slots]
    for runner in (plain, static):
        for slot, count in zip(slots, stored, strict=True):
            runner.prefill([Segment(slot, [1400 + slot] * count, 0)])
    for step in range(3):
        starts = [count + step for count in stored]
        ids = [1500 + slot + step for slot in slots]
        assert_the_same(static, plain, slots, ids, starts)
    assert capture.count == 1, "one shape is captured once"


@torch.inference_mode()
def test_the_same_logits_after_growing_again_and_again(static, plain, capture):
    for runner in (plain, static):
        runner.prefill([Segment(0, [1400] * 20, 0)])
        runner.prefill([Segment(1, [1401] * (COLUMNS - 1), 0)])
    for start in (COLUMNS - 1, COLUMNS, COLUMNS + 1):
        assert_the_same(static, plain, [0, 1], [1500, 1501], [20, start])
    assert capture.count == 2
    for runner in (plain, static):
        runner.prefill([Segment(4, [1402] * 7, 0)])
    assert_the_same(static, plain, [0, 1, 4], [1500, 1501, 1502], [20, COLUMNS, 7])
    assert_the_same(static, plain, [0, 1], [1500, 1501], [20, COLUMNS])
    assert capture.count == 4


@torch.inference_mode()
def test_rows_that_nobody_needs_leave_no_trace(static):
    static.prefill([Segment(1, [1400] * 5, 0)])
    before = [layer[:, 1, :, :5].clone() for layer in static.cache.layers]
    static.decode([2], [1500], [0])
    for layer, was in zip(static.cache.layers, before, strict=True):
        assert torch.equal(layer[:, 1, :, :5], was)
        assert not layer[:, 1, :, 5:-1].any()


@pytest.mark.parametrize("wiped", ["before it grows", "after it has grown"])
@torch.inference_mode()
def test_a_number_that_is_not_finite_ends_with_its_chat(static, plain, wiped):
    """Slot 1 is not decoded, but its row runs along and writes what it read: not a number."""
    for slot in (0, 1, 2):
        static.prefill([Segment(slot, [1400 + slot] * 5, 0)])
    for layer in static.cache.layers:
        layer[:, 1, :, :5] = float("nan")
    static.decode([0, 2], [1500, 1502], [5, 5])
    if wiped == "before it grows":
        static.cache.wipe(1)
        assert not any(layer[:, 1].any() for layer in static.cache.layers)
    static.cache.reserve(0, static.cache.capacity)
    if wiped == "after it has grown":
        static.cache.wipe(1)
    assert not any(layer[:, 1].any() for layer in static.cache.layers)
    count = static.cache.capacity - GRAIN - 1
    for runner in (static, plain):
        runner.prefill([Segment(1, [1401] * count, 0)])
    expected = plain.decode([1], [1501], [count])
    torch.testing.assert_close(static.decode([1], [1501], [count]), expected)


@torch.inference_mode()
def test_slots_that_differ_after_memory_ran_out_are_read_where_they_lie(static, plain, monkeypatch):
    for runner in (plain, static):
        for slot in (0, 1):
            runner.prefill([Segment(slot, [1400 + slot] * (5 + slot), 0)])
    zeros = static.cache.allocate

    def full(layer, slots, capacity):
        if layer == 1:
            raise torch.OutOfMemoryError
        return zeros(layer, slots, capacity)

    monkeypatch.setattr(static.cache, "allocate", full)
    with pytest.raises(torch.OutOfMemoryError):
        static.prefill([Segment(1, [1401] * COLUMNS, 6)])
    assert len({layer.shape for layer in static.cache.layers}) == 2
    for step in range(2):
        assert_the_same(static, plain, [0, 1], [1500, 1501], [5 + step, 6 + step])
    monkeypatch.undo()
    static.prefill([Segment(1, [1401] * COLUMNS, 8)])
    plain.prefill([Segment(1, [1401] * COLUMNS, 8)])
    assert_the_same(static, plain, [0, 1], [1500, 1501], [7, 8 + COLUMNS])


@torch.inference_mode()
def test_slots_grow_by_doubling_so_that_captured_steps_live_long(static, capture):
    versions = set()
    for tokens in range(1, 5 * COLUMNS, 50):
        static.cache.reserve(0, tokens)
        versions.add(static.cache.version)
    assert len(versions) == 4
    for slot in range(1, 16):
        static.cache.reserve(slot, 1)
        versions.add(static.cache.version)
    assert len(versions) == 8


@torch.inference_mode()
def test_memory_is_given_back_with_what_was_captured(static, capture):
    static.prefill([Segment(0, [1400] * 5, 0)])
    static.decode([0], [1500], [5])
    static.end_step(is_idle=True)
    assert static.cache.nbytes > 0, "at rest captured steps keep their slots"
    static.reset()
    assert (static.cache.nbytes, static.static.steps) == (0, {})
    static.prefill([Segment(0, [1400] * 5, 0)])
    static.decode([0], [1500], [5])
    assert capture.count == 2


@torch.inference_mode()
def test_the_longest_chat_finds_its_positions(static, tiny):
    """A row that nobody needs stands at the last place of all."""
    count = tiny.context_length - 1
    static.cache.reserve(1, count)
    logits = static.decode([1], [1500], [count])
    assert logits.isfinite().all()


def test_sizes():
    assert [round_rows(n) for n in (1, 2, 3, 5, 16, 17, 40)] == [1, 2, 4, 8, 16, 32, 48]
    assert rounded_up(3, 1) == (4, COLUMNS + GRAIN)
    assert rounded_up(1, COLUMNS + 1) == (1, 2 * COLUMNS + GRAIN)
    assert rounded_up(17, 5 * COLUMNS) == (32, 8 * COLUMNS + GRAIN)
