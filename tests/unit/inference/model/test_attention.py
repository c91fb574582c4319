"""Attention of one token a chat, in the types in which numbers can be too large."""

from __future__ import annotations

import pytest
import torch

from inference.model.attention import attend, head_sizes


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_large_products_with_the_prefix_stay_finite(tiny, dtype):
    """A query times a key may be larger than float16 holds; scaled, it is not."""
    sizes = head_sizes(tiny.model.config)
    each = (100_000 / sizes.dim) ** 0.5
    queries = torch.full((2, sizes.heads, sizes.dim), each, dtype=dtype)
    held = torch.zeros(2, 2, sizes.groups, 3, sizes.dim, dtype=dtype)
    prefix = torch.zeros(2, sizes.groups, 4, sizes.dim, dtype=dtype)
    prefix[0, :, 1], prefix[1, :, 1] = each, 1.0
    mask = torch.zeros(2 * sizes.groups, 1, 3, dtype=dtype)
    mixed = attend(queries, held, prefix, mask)
    assert torch.equal(mixed, torch.ones_like(mixed)), "the one key that agrees takes all"
