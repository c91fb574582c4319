"""The choice follows what was measured; float32 where it is not clear."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from inference import warmup
from inference.source import open_model


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

    monkeypatch.setattr(warmup, "_seconds", seconds)
    assert warmup.faster_dtype(64, 128) is chosen


def test_it_really_measures():
    assert warmup.faster_dtype(64, 128) in {torch.float32, torch.bfloat16}


def test_the_fastest_is_what_is_loaded(pica, monkeypatch):
    monkeypatch.setattr(warmup, "faster_dtype", lambda hidden, intermediate: torch.bfloat16)
    source = pica.source("prefix")
    fastest = open_model(dataclasses.replace(source, dtype="fastest"))
    assert fastest.model.lm_head.weight.dtype is torch.bfloat16
    assert open_model(source).model.lm_head.weight.dtype is torch.float32
