"""One chat that is far longer than the others is attended by itself; nobody's numbers change."""

from __future__ import annotations

import pytest
import torch

from inference.decoder import Longer
from inference.runner import APART, ModelRunner, apart


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
    expected = [Longer(row, 2 * row, stored[row] + 1) for row in longer]
    assert apart(slots, stored) == (columns, expected)


@pytest.mark.parametrize("slots", [[0, 1, 2, 3], [0, 2, 3, 6]], ids=["full", "gaps"])
@pytest.mark.parametrize("with_prefix", [True, False])
def test_the_same_logits_as_alone(tiny, slots, with_prefix):
    runner = ModelRunner(tiny.model, tiny.prefix if with_prefix else None)
    stored = [5, 700, 9, 400]
    assert apart(slots, stored)[1], "this is about rows that go alone"
    ids = [1500 + slot for slot in slots]
    with torch.inference_mode():
        for slot, count in zip(slots, stored, strict=True):
            runner.prefill(slot, [1400 + (slot * 7 + place) % 60 for place in range(count)], 0)
        together = runner.decode(slots, ids, stored)
        alone = [
            runner.decode([slot], [token], [count])[0]
            for slot, token, count in zip(slots, ids, stored, strict=True)
        ]
    torch.testing.assert_close(together, torch.stack(alone), atol=2e-5, rtol=1e-5)
