"""Packed weights give what plain ones give, and take their place."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from inference import packing
from inference.runner import ModelRunner
from inference.source import open_model

pytestmark = pytest.mark.skipif(
    not packing.is_possible(torch.float32), reason="this torch has no oneDNN"
)


@pytest.mark.parametrize("rows", [1, 2, 16, 33, 200])
@pytest.mark.parametrize("is_biased", [True, False])
def test_the_same_products(rows, is_biased):
    tokens, weight = torch.randn(rows, 96), torch.randn(160, 96)
    bias = torch.randn(160) if is_biased else None
    with torch.inference_mode():
        found = packing.product(tokens, packing.packed(weight), bias)
    torch.testing.assert_close(found, linear(tokens, weight, bias), atol=1e-4, rtol=1e-4)


def test_the_same_logits_and_nothing_held_twice(pica):
    plain, model = (open_model(pica.source("prefix")) for _ in range(2))
    before = sum(p.numel() for p in model.model.parameters())
    packing.pack(model.model)
    assert sum(p.numel() for p in model.model.parameters()) == before
    runners = [ModelRunner(each.model, each.prefix) for each in (plain, model)]
    with torch.inference_mode():
        for runner in runners:
            runner.prefill(0, [1400, 1401, 1402, 1403], 0)
        expected, found = (runner.decode([0], [1500], [4]) for runner in runners)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    again = ModelRunner(model.model, model.prefix)  # a second engine of the same model
    with torch.inference_mode():
        assert torch.isfinite(again.decode([0], [1500], [0])).all()
