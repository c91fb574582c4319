"""The choice follows what was measured; float32 where it is not clear."""

from __future__ import annotations

import dataclasses
import threading

import pytest
import torch

from inference.loading import autotune
from inference.loading.source import open_model
from inference.model.torch_internals import packed_kernels
from inference.model.weights import laid_out


@pytest.mark.parametrize(
    ("alone", "batch", "chosen"),
    [
        (0.5, 0.5, torch.bfloat16),
        (0.5, 2.0, torch.float32),
        (0.95, 0.95, torch.float32),
        (2.0, 0.5, torch.float32),
    ],
)
def test_16_bits_must_win_alone_and_in_a_batch(monkeypatch, alone, batch, chosen):
    def seconds(weights, rows):
        if weights[0].dtype is torch.float32:
            return 1.0
        return alone if rows == 1 else batch

    monkeypatch.setattr(autotune, "seconds", seconds)
    assert autotune.faster_dtype(64, 128, 1) is chosen


def test_it_really_measures():
    assert autotune.faster_dtype(64, 128, 1) in {torch.float32, torch.bfloat16}


def test_it_measures_what_serves(monkeypatch):
    """The decoder's own layout, and the number of threads of a step, in a thread of its own."""
    seen, before = [], torch.get_num_threads()

    def seconds(weights, rows):
        loaded = torch.nn.Linear(64, 128, bias=False)
        if weights[0].layout is not torch.strided:
            return 1.0
        held = weights[0].detach().clone().contiguous()  # as it comes from a checkpoint
        loaded.weight = torch.nn.Parameter(held, requires_grad=False)
        as_served = laid_out(loaded).stride() == weights[0].stride()
        is_main = threading.current_thread() is threading.main_thread()
        seen.append((torch.get_num_threads(), as_served, is_main))
        return 1.0

    monkeypatch.setattr(autotune, "seconds", seconds)
    autotune.faster_dtype(64, 128, 2)
    assert set(seen) == {(2, True, False)}
    assert torch.get_num_threads() == before


def test_what_is_loaded_is_chosen_with_the_threads_of_a_step(pica, monkeypatch):
    asked = []
    monkeypatch.setattr(autotune, "FEWEST", 0)
    monkeypatch.setattr(
        autotune, "faster_dtype", lambda *values: asked.append(values) or torch.float32
    )
    source = dataclasses.replace(pica.source("prefix"), dtype="fastest")
    open_model(dataclasses.replace(source, threads=3))
    open_model(source)
    assert [threads for _, _, threads in asked] == [3, source.serving_threads]


def test_a_tiny_model_is_not_measured(pica, monkeypatch):
    asked = []
    monkeypatch.setattr(
        autotune, "faster_dtype", lambda *values: asked.append(values) or torch.bfloat16
    )
    opened = open_model(dataclasses.replace(pica.source("prefix"), dtype="fastest"))
    assert opened.model.lm_head.weight.dtype is torch.float32
    assert asked == []
    assert not autotune.is_worth_it(opened.model.config)


def test_the_fastest_is_what_is_loaded(pica, monkeypatch):
    monkeypatch.setattr(autotune, "FEWEST", 0)
    monkeypatch.setattr(
        autotune, "faster_dtype", lambda hidden, intermediate, threads: torch.bfloat16
    )
    source = pica.source("prefix")
    fastest = open_model(dataclasses.replace(source, dtype="fastest"))
    assert fastest.model.lm_head.weight.dtype is torch.bfloat16
    assert open_model(source).model.lm_head.weight.dtype is torch.float32


@pytest.mark.parametrize(
    ("alone", "batch", "is_packed"),
    [
        (1.0, 0.5, True),
        (0.6, 0.9, True),
        (1.3, 0.5, True),
        (1.5, 0.5, False),
        (1.0, 0.9, False),
        (0.3, 1.1, False),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_weights_must_win_and_lose_little_alone_and_nothing_in_a_batch(
    monkeypatch, pica, alone, batch, is_packed, dtype
):
    if packed_kernels(dtype) is None:
        pytest.skip("this processor has no packed products of this type")

    def seconds(weights, rows):
        if weights[0].layout is torch.strided:
            return 1.0
        return alone if rows == 1 else batch

    monkeypatch.setattr(autotune, "seconds", seconds)
    name = str(dtype).removeprefix("torch.")
    model = open_model(dataclasses.replace(pica.source("prefix"), dtype=name)).model
    assert autotune.pack_if_faster(model, 2) is is_packed
    assert (model.lm_head.weight.layout is not torch.strided) is is_packed
    assert not autotune.pack_if_faster(model, 2) or not is_packed, "packed once"
