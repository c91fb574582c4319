"""Weights in the blocks in which oneDNN multiplies them, where that is faster on this processor.

With two threads products of 2 to 32 rows take half the time, which is what chats at once need; in
16 bits those of one row too, where the processor has such products. Elsewhere a single row may take
longer: `warmup.py` measures it and decides. The blocks take the place of the plain weights: modules
that were packed work in the decoder only. Does not know what is computed.

Packing and product are the operators that ``torch.compile`` uses for a frozen linear layer on a
CPU. They are no public names of torch: where they are missing, or give other numbers than a plain
product, nothing is packed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import linear
from transformers import GlmForCausalLM

#: Blocks are chosen for this many rows; they are the fastest, or nearly, from 1 to 640.
ROWS = 16
#: Types that may be packed, and how far a product may be off, as a part of its length.
ROUNDING = {torch.float32: 1e-5, torch.bfloat16: 1e-2}


def product(
    tokens: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """What ``linear`` gives, whatever the layout of the weight.

    Args:
        tokens: (tokens, in).
        weight: (out, in), plain or packed.
        bias: (out,), or None.

    Returns:
        (tokens, out).
    """
    if weight.layout is torch.strided:
        return linear(tokens, weight, bias)
    result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(tokens, weight, bias, "none", [], "")
    return result


def packed(weight: torch.Tensor) -> torch.Tensor:
    """A (out, in) weight, float32 or bfloat16, in blocks; the values stay what they are."""
    blocks: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)
    return blocks


def is_possible(dtype: torch.dtype) -> bool:
    """Whether this torch can pack weights of a type here, and multiplies packed ones rightly."""
    if dtype not in ROUNDING:
        return False
    tokens, weight, bias = (torch.randn(shape, dtype=dtype) for shape in ((3, 96), (160, 96), 160))
    try:
        with torch.inference_mode():
            found = product(tokens, packed(weight), bias).float()
    except (AttributeError, RuntimeError):
        return False
    expected = linear(tokens.float(), weight.float(), bias.float())
    return bool((found - expected).norm() <= ROUNDING[dtype] * expected.norm())


def pack(model: GlmForCausalLM) -> None:
    """Packs the matrices of all layers, and the output layer where it has weights of its own.

    Query, key and value become one module, ``self_attn.qkv_proj``. One matrix at a time is held
    twice.
    """
    with torch.inference_mode():
        for layer in model.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            attention.qkv_proj = joined(attention)
            for module in (attention.qkv_proj, attention.o_proj, mlp.gate_up_proj, mlp.down_proj):
                _pack(module)
        if model.lm_head.weight is not model.model.embed_tokens.weight:
            _pack(model.lm_head)


def joined(attention: Any) -> torch.nn.Linear:
    """Query, key and value of a layer as one linear module; the three are taken away."""
    parts = [attention.q_proj, attention.k_proj, attention.v_proj]
    weight = torch.cat([part.weight.detach() for part in parts])
    whole = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    whole.weight = torch.nn.Parameter(weight, requires_grad=False)
    if parts[0].bias is not None:
        bias = torch.cat([part.bias.detach() for part in parts])
        whole.bias = torch.nn.Parameter(bias, requires_grad=False)
    del attention.q_proj, attention.k_proj, attention.v_proj
    return whole


def _pack(module: Any) -> None:
    module.weight = torch.nn.Parameter(packed(module.weight.detach()), requires_grad=False)
