"""A layer's weights as the decoder reads them, and the product over them, whatever their layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch.nn.functional import linear
from transformers import GlmForCausalLM

from inference.model.torch_internals import packed_kernels


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """Weights of one layer, all on one device; `outer_norms` are those of GLM-4-0414."""

    norm: torch.Tensor
    qkv: torch.Tensor
    qkv_bias: torch.Tensor | None
    out: torch.Tensor
    mlp_norm: torch.Tensor
    gate_up: torch.Tensor
    down: torch.Tensor
    outer_norms: tuple[torch.Tensor, torch.Tensor] | None = None


def product(
    tokens: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Return what `linear` returns, for a plain or a packed weight.

    Args:
        tokens: (tokens, in).
        weight: (out, in), plain or packed.
        bias: (out,), or None.

    Returns:
        (tokens, out).
    """
    if weight.layout is torch.strided:
        return linear(tokens, weight, bias)
    kernels = packed_kernels(weight.dtype)
    assert kernels is not None
    return kernels.linear(tokens, weight, bias)


def take_layer(layer: Any) -> LayerWeights:
    """Return the weights of one of transformers' decoder layers, laid out for the decoder."""
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
        outer_norms=_outer_norms(layer),
    )


def _outer_norms(layer: Any) -> tuple[torch.Tensor, torch.Tensor] | None:
    if not hasattr(layer, "post_mlp_layernorm"):
        return None
    return layer.post_self_attn_layernorm.weight, layer.post_mlp_layernorm.weight


def _qkv(attention: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    whole = getattr(attention, "qkv_proj", None)
    if whole is not None:  # `join_qkv` has joined them, for packing or for 8 bits
        return whole.weight.detach(), whole.bias
    parts = [attention.q_proj, attention.k_proj, attention.v_proj]
    has_bias = parts[0].bias is not None
    return _joined(parts, "weight"), _joined(parts, "bias") if has_bias else None


def _joined(parts: Sequence[Any], name: str) -> torch.Tensor:
    """Return one tensor of the rows of all parts, which become views of it and cost no memory."""
    tensors = [getattr(part, name) for part in parts]
    rows = sum(len(tensor) for tensor in tensors)
    first = tensors[0]
    is_whole = first.untyped_storage().nbytes() == rows * first.nbytes // len(first)
    if is_whole and all(t.untyped_storage().data_ptr() == first.data_ptr() for t in tensors):
        whole_view: torch.Tensor = first.as_strided((rows, *first.shape[1:]), first.stride())
        return whole_view
    joined = columns_first(torch.cat([tensor.detach() for tensor in tensors]))
    for part, view in zip(parts, torch.split(joined, [len(t) for t in tensors]), strict=True):
        setattr(part, name, torch.nn.Parameter(view, requires_grad=False))
    return joined


def laid_out(module: Any) -> torch.Tensor:
    """Return the weight of a linear module, in the order in which products read it fastest."""
    weight: torch.Tensor = module.weight
    is_plain = type(weight) in {torch.Tensor, torch.nn.Parameter}  # and not 8 bits in disguise
    if is_plain and weight.layout is torch.strided and weight.is_contiguous():
        module.weight = torch.nn.Parameter(columns_first(weight.detach()), requires_grad=False)
    return cast("torch.Tensor", module.weight.detach())


def columns_first(weight: torch.Tensor) -> torch.Tensor:
    """Return the weight stored by columns: few rows in float32 on a CPU take up to a third less."""
    if weight.dim() != 2 or weight.device.type != "cpu" or weight.dtype is not torch.float32:
        return weight
    return weight.t().contiguous().t()


def join_qkv(attention: Any) -> torch.nn.Linear:
    """Return query, key and value of a layer as one linear module, and delete the three."""
    parts = [attention.q_proj, attention.k_proj, attention.v_proj]
    weight = torch.cat([part.weight.detach() for part in parts])
    whole = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    whole.weight = torch.nn.Parameter(weight, requires_grad=False)
    if parts[0].bias is not None:
        bias = torch.cat([part.bias.detach() for part in parts])
        whole.bias = torch.nn.Parameter(bias, requires_grad=False)
    del attention.q_proj, attention.k_proj, attention.v_proj
    return whole


def pack_model(model: GlmForCausalLM) -> None:
    """Replace the matrices of all layers, and an untied output layer, with packed ones.

    Query, key and value become one module, `self_attn.qkv_proj`. One matrix at a time is held
    twice. The modules work in the decoder only from then on.

    Raises:
        ValueError: This torch cannot pack weights of the model's type.
    """
    kernels = packed_kernels(model.lm_head.weight.dtype)
    if kernels is None:
        raise ValueError("model: torch cannot pack its weights here; serve it with plain ones")

    def pack(module: Any) -> None:
        module.weight = torch.nn.Parameter(kernels.pack(module.weight.detach()), False)

    with torch.inference_mode():
        for layer in model.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            attention.qkv_proj = join_qkv(attention)
            for module in (attention.qkv_proj, attention.o_proj, mlp.gate_up_proj, mlp.down_proj):
                pack(module)
        if model.lm_head.weight is not model.model.embed_tokens.weight:
            pack(model.lm_head)
