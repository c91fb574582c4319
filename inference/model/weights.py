"""A layer's weights as the decoder wants them: query, key and value joined, laid out for the CPU.

Changes the order of numbers in memory, never a number; the modules that held them go on working.
Does not know what is computed with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """Weights of one layer, all on one device."""

    norm: torch.Tensor
    qkv: torch.Tensor
    qkv_bias: torch.Tensor | None
    out: torch.Tensor
    mlp_norm: torch.Tensor
    gate_up: torch.Tensor
    down: torch.Tensor


def take_layer(layer: Any) -> LayerWeights:
    """The weights of one of transformers' decoder layers."""
    attention, mlp = layer.self_attn, layer.mlp
    qkv, qkv_bias = _qkv(attention)
    return LayerWeights(
        norm=layer.input_layernorm.weight,
        qkv=qkv,
        qkv_bias=qkv_bias,
        out=laid_out(attention.o_proj),
        mlp_norm=layer.post_attention_layernorm.weight,
        gate_up=laid_out(mlp.gate_up_proj),
        down=laid_out(mlp.down_proj),
    )


def _qkv(attention: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    whole = getattr(attention, "qkv_proj", None)
    if whole is not None:  # joined already, to be made smaller or packed (`int8.py`, `packing.py`)
        return whole.weight.detach(), whole.bias
    parts = [attention.q_proj, attention.k_proj, attention.v_proj]
    biased = parts[0].bias is not None
    return _joined(parts, "weight"), _joined(parts, "bias") if biased else None


def _joined(parts: Sequence[Any], name: str) -> torch.Tensor:
    """One tensor of the rows of all parts; the parts become views of it, so it costs no memory."""
    held = [getattr(part, name) for part in parts]
    rows = sum(len(part) for part in held)
    first = held[0]
    is_whole = first.untyped_storage().nbytes() == rows * first.nbytes // len(first)
    if is_whole and all(p.untyped_storage().data_ptr() == first.data_ptr() for p in held):
        whole_view: torch.Tensor = first.as_strided((rows, *first.shape[1:]), first.stride())
        return whole_view
    joined = columns_first(torch.cat([part.detach() for part in held]))
    for part, view in zip(parts, torch.split(joined, [len(p) for p in held]), strict=True):
        setattr(part, name, torch.nn.Parameter(view, requires_grad=False))
    return joined


def laid_out(module: Any) -> torch.Tensor:
    """The weight of a linear module, in the order in which products read it fastest."""
    weight: torch.Tensor = module.weight
    is_plain = type(weight) in {torch.Tensor, torch.nn.Parameter}  # and not 8 bits in disguise
    if is_plain and weight.layout is torch.strided and weight.is_contiguous():
        module.weight = torch.nn.Parameter(columns_first(weight.detach()), requires_grad=False)
    return cast("torch.Tensor", module.weight.detach())


def columns_first(weight: torch.Tensor) -> torch.Tensor:
    """On a CPU in float32 products of few rows take up to a third less time this way."""
    if weight.dim() != 2 or weight.device.type != "cpu" or weight.dtype is not torch.float32:
        return weight
    return weight.t().contiguous().t()
