"""Packed weights give what plain ones give, and take their place."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import linear

from inference.loading.source import open_model
from inference.model.decoder import Segment
from inference.model.model_runner import ModelRunner
from inference.model.torch_internals import packed_kernels
from inference.model.weights import pack_model, product

FULL, HALF = torch.float32, torch.bfloat16
needs = {
    dtype: pytest.mark.skipif(packed_kernels(dtype) is None, reason=f"{dtype} is not packed here")
    for dtype in (FULL, HALF)
}
both = pytest.mark.parametrize("dtype", [pytest.param(each, marks=needs[each]) for each in needs])


@pytest.mark.parametrize("rows", [1, 2, 16, 33, 200])
@pytest.mark.parametrize("is_biased", [True, False])
@both
def test_the_same_products(rows, is_biased, dtype):
    tokens, weight = torch.randn(rows, 96, dtype=dtype), torch.randn(160, 96, dtype=dtype)
    bias = torch.randn(160, dtype=dtype) if is_biased else None
    with torch.inference_mode():
        found = product(tokens, packed_kernels(dtype).pack(weight), bias)
    off = {} if dtype is HALF else {"atol": 1e-4, "rtol": 1e-4}  # both add up in 32 bits
    torch.testing.assert_close(found, linear(tokens, weight, bias), **off)


def test_a_type_that_is_never_packed():
    assert packed_kernels(torch.float16) is None
    assert packed_kernels(torch.float64) is None


@both
def test_the_same_logits_and_nothing_held_twice(pica, dtype):
    source = replace(pica.source("prefix"), dtype=str(dtype).removeprefix("torch."))
    plain, model = (open_model(source) for _ in range(2))
    before = sum(p.numel() for p in model.model.parameters())
    pack_model(model.model)
    assert sum(p.numel() for p in model.model.parameters()) == before
    runners = [ModelRunner(each.model, each.prefix) for each in (plain, model)]
    with torch.inference_mode():
        for runner in runners:
            runner.prefill([Segment(0, [1400, 1401, 1402, 1403], 0)])
        expected, found = (runner.decode([0], [1500], [4]) for runner in runners)
    off = (found - expected).float().norm() / expected.float().norm()
    assert off < (1e-4 if dtype is FULL else 0.02)
    again = ModelRunner(model.model, model.prefix)  # a second engine of the same model
    with torch.inference_mode():
        assert torch.isfinite(again.decode([0], [1500], [0])).all()
