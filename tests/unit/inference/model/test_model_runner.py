"""One chat that is far longer than the others is attended by itself; nobody's numbers change."""

from __future__ import annotations

import copy

import pytest
import torch

from inference.loading.source import open_model
from inference.model.attention import Apart
from inference.model.decoder import Segment
from inference.model.model_runner import ALONE, APART, ModelRunner, reach
from inference.model.torch_internals import packed_kernels
from inference.model.weights import pack_model


@pytest.mark.parametrize(
    ("stored", "columns", "longer"),
    [
        ([300], 301, []),
        ([10, 20, 30], 31, []),
        ([10, 10 + APART], 11 + APART, []),
        ([10, 11 + APART], 11, [1]),
        ([2000, 300, 310, 290], 311, [0]),
        ([300, 500, 599, 600], 601, []),
        ([300, 320, 310, 5000, 900], 321, [3, 4]),
    ],
)
def test_who_goes_alone(stored, columns, longer):
    slots = [2 * row for row in range(len(stored))]
    found = reach(slots, stored)
    assert found.span == slice(0, slots[-1] + 1)
    assert found.columns == columns
    assert found.apart == [Apart(row, 2 * row, stored[row] + 1) for row in longer]


@pytest.mark.parametrize(
    ("stored", "columns", "alone"),
    [
        ([300], 0, [0]),
        ([ALONE - 1], 0, [0]),
        ([ALONE], ALONE + 128, []),
        ([10, 20, 30], 32, []),
        ([31, 5], 32, []),
        ([32, 5], 64, []),
        ([255, 200], 256, []),
        ([256, 200], 320, []),
        ([511, 400], 512, []),
        ([512, 400], 640, []),
        ([5000, 300, 310, 290], 320, [0]),
    ],
)
def test_in_16_bits_shapes_come_again(stored, columns, alone):
    found = reach(list(range(len(stored))), stored, is_half=True)
    assert found.columns == columns
    assert [each.row for each in found.apart] == alone


@pytest.mark.parametrize("slots", [[0, 1, 2, 3], [0, 2, 3, 6]], ids=["full", "gaps"])
@pytest.mark.parametrize("with_prefix", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_logits_as_alone(tiny, slots, with_prefix, dtype):
    model = copy.deepcopy(tiny.model).to(dtype)
    runner = ModelRunner(model, tiny.prefix if with_prefix else None)
    stored = [5, 700, 9, 400]
    assert reach(slots, stored).apart, "this is about rows that go alone"
    ids = [1500 + slot for slot in slots]
    with torch.inference_mode():
        for slot, count in zip(slots, stored, strict=True):
            runner.prefill(
                [Segment(slot, [1400 + (slot * 7 + place) % 60 for place in range(count)], 0)]
            )
        together = runner.decode(slots, ids, stored)
        alone = [
            runner.decode([slot], [token], [count])[0]
            for slot, token, count in zip(slots, ids, stored, strict=True)
        ]
    if dtype is torch.float32:
        torch.testing.assert_close(together, torch.stack(alone), atol=2e-5, rtol=1e-5)
        return
    # 16 bits are rounded in another order; both are as near to the numbers of float32.
    exact = ModelRunner(tiny.model, tiny.prefix if with_prefix else None)
    with torch.inference_mode():
        for slot, count in zip(slots, stored, strict=True):
            exact.prefill(
                [Segment(slot, [1400 + (slot * 7 + place) % 60 for place in range(count)], 0)]
            )
        expected = exact.decode(slots, ids, stored)
    for found in (together.float(), torch.stack(alone).float()):
        off = (found - expected).norm(dim=1) / expected.norm(dim=1)
        assert off.max() < 0.06


@pytest.mark.skipif(packed_kernels(torch.float32) is None, reason="this torch has no oneDNN")
@pytest.mark.parametrize("width", [1, 15, 16, 17, 40])
def test_rows_that_nobody_needs_change_nothing(pica, width):
    """Packed weights: a prefill has more rows than tokens, so that kernels serve again."""
    plain, packed_ = (open_model(pica.source("prefix")) for _ in range(2))
    pack_model(packed_.model)
    rows, logits = [], []
    for each in (plain, packed_):
        runner = ModelRunner(each.model, each.prefix)
        embed = runner.decoder.embed
        runner.decoder.embed = lambda ids, embed=embed: rows.append(len(ids)) or embed(ids)
        with torch.inference_mode():
            tokens = [1400 + place for place in range(width)]
            runner.prefill([Segment(0, tokens, 0), Segment(1, tokens[:3], 0)])
            runner.prefill([Segment(1, tokens, min(3, width))])
            logits.append(runner.decode([0, 1], [1500, 1501], [width, width]))
    together = width + min(3, width)
    up = -(-together // 16) * 16, -(-width // 16) * 16
    assert rows == [together, width, 2, *up, 2]
    torch.testing.assert_close(logits[1], logits[0], atol=1e-4, rtol=1e-4)
