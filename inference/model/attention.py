"""Attention of one token a slot, read in place from the cache: its sizes, products and masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import GlmConfig


@dataclass(frozen=True, slots=True)
class HeadSizes:
    """Attention's sizes: query heads, key/value groups, numbers a head, of which rotary."""

    heads: int
    groups: int
    dim: int
    rotary: int


def head_sizes(config: GlmConfig) -> HeadSizes:
    """Return attention's sizes from a GLM configuration, with its defaults filled in."""
    heads = config.num_attention_heads
    dim = config.head_dim or config.hidden_size // heads
    rope = dict(config.rope_parameters or {})
    return HeadSizes(
        heads=heads,
        groups=config.num_key_value_heads or heads,
        dim=dim,
        rotary=int(dim * float(rope.get("partial_rotary_factor", 0.5))),
    )


class Apart(NamedTuple):
    """A row of a decode step that is attended by itself.

    Attributes:
        row: Its number.
        slot: The chat's slot.
        length: Tokens of text to look at, the new one included.
    """

    row: int
    slot: int
    length: int


@dataclass(frozen=True, slots=True)
class Reach:
    """What a decode step reads of the cache.

    Attributes:
        span: Slots read by the common pass; all rows lie within. Others in it cost only attention.
        columns: Tokens of text read in every slot, more than the largest start of the rows in the
            common pass. With 0 all rows are apart.
        apart: Rows attended by themselves, because one long chat would cost every other one as
            much as itself.
    """

    span: slice
    columns: int
    apart: Sequence[Apart] = ()


def attend(
    queries: torch.Tensor,
    held: torch.Tensor,
    prefix: torch.Tensor | None,
    mask: torch.Tensor,
) -> torch.Tensor:
    """Attend from one token a slot to the prefix and to the slot's own text.

    Args:
        queries: (n, heads, dim).
        held: (2, n, groups, columns, dim) keys and values; read where they lie.
        prefix: (2, groups, length, dim), or None; the same for all, and read once for all.
        mask: (n·groups, 1, columns), or what broadcasts to it; added to the scores.

    Returns:
        (n, heads·dim).
    """
    _, n, groups, columns, dim = held.shape
    each = queries.shape[1] // groups
    queries = queries * dim**-0.5  # before the products: 16 bits overflow after them
    keys, values = held.flatten(1, 2)  # (n·groups, columns, dim), a view
    length = 0 if prefix is None else prefix.shape[2]
    scores = queries.new_empty(n * groups, each, length + columns)
    # Keys stand on the left: on a CPU that takes two thirds of the time.
    own = torch.bmm(keys, queries.reshape(n * groups, each, dim).mT)
    torch.add(own.mT, mask, out=scores[..., length:])
    if prefix is None:
        return torch.bmm(scores.softmax(-1), values).view(n, -1)
    shared = queries.view(n, groups, each, dim).transpose(0, 1).reshape(groups, -1, dim)
    before = torch.bmm(shared, prefix[0].mT).view(groups, n, each, length)
    scores.view(n, groups, each, -1)[..., :length] = before.transpose(0, 1)
    weights = scores.softmax(-1)
    mixed = torch.bmm(weights[..., length:], values).view(n, groups, each, dim)
    front = weights[..., :length].view(n, groups, each, length).transpose(0, 1)
    part = torch.bmm(front.reshape(groups, n * each, length), prefix[1])
    mixed += part.view(groups, n, each, dim).transpose(0, 1)
    return mixed.view(n, -1)


def attend_alone(
    queries: torch.Tensor, held: torch.Tensor, prefix: torch.Tensor | None
) -> torch.Tensor:
    """Attend from one token to all that one slot holds.

    In 16 bits a CPU takes half the time if prefix and text are copied into one piece. It also makes
    no kernel for their length.

    Args:
        queries: (1, heads, dim).
        held: (2, 1, groups, length, dim), all of it visible.
        prefix: (2, groups, length, dim), or None.

    Returns:
        (1, heads·dim).
    """
    if queries.dtype is torch.float32:
        return attend(queries, held, prefix, held.new_zeros(1))
    whole = held if prefix is None else torch.cat([prefix[:, None], held], dim=3)
    shared = queries.view(1, held.shape[2], -1, queries.shape[2])
    return scaled_dot_product_attention(shared, whole[0], whole[1]).view(1, -1)


def attend_reached(
    queries: torch.Tensor,
    store: torch.Tensor,
    prefix: torch.Tensor | None,
    mask: torch.Tensor | None,
    reach: Reach,
    spread: torch.Tensor | None,
) -> torch.Tensor:
    """Return (n, heads·dim), what each row reads in its slot; without a mask all are apart."""
    if mask is not None:
        held, wide = store[:, reach.span, :, : reach.columns], queries
        if spread is not None:
            wide = queries.new_zeros(held.shape[1], *queries.shape[1:])
            wide[spread] = queries
        mixed = attend(wide, held, prefix, mask)
        mixed = mixed if spread is None else mixed[spread]
    else:
        mixed = torch.empty_like(queries.flatten(1))
    for row, slot, length in reach.apart:
        own = store[:, slot : slot + 1, :, :length]
        mixed[row] = attend_alone(queries[row : row + 1], own, prefix)[0]
    return mixed


def visible(
    starts: torch.Tensor,
    spread: torch.Tensor | None,
    span: slice,
    columns: int,
    sizes: HeadSizes,
    dtype: torch.dtype,
) -> torch.Tensor:
    """Return a mask of what each slot may look at, to be added to scores.

    Args:
        starts: (n,) tokens of text that each row's slot holds before the new one.
        spread: (n,) places of the rows within the span; None: one for each slot, in order.
        span: Slots of the pass.
        columns: Tokens of text that are read.
        sizes: How keys and values are grouped.
        dtype: Of the scores.

    Returns:
        (slots·groups, 1, columns): 0 where a row may look, minus infinity elsewhere.
    """
    if spread is not None:
        wide = starts.new_zeros(span.stop - span.start)
        wide[spread] = starts
        starts = wide
    seen = torch.arange(columns, device=starts.device) <= starts[:, None]
    mask = torch.zeros(seen.shape, device=starts.device, dtype=dtype)
    mask.masked_fill_(~seen, -torch.inf)
    return mask.repeat_interleave(sizes.groups, dim=0)[:, None]


def causal_mask(before: int, width: int) -> torch.Tensor:
    """Return (width, before + width) booleans: what each of `width` new tokens may see."""
    columns = torch.arange(before + width)
    return columns <= torch.arange(before, before + width)[:, None]
