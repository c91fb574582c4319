"""Layers' weights in 8 bits with a scale a row, by torchao, which is an optional dependency."""

from importlib.util import find_spec
from typing import Any

from inference.model.weights import join_qkv
from inference.requests import CheckpointError


def check() -> None:
    """Check, before anything is read, that 8-bit weights are possible.

    Raises:
        CheckpointError: torchao is not installed.
    """
    if find_spec("torchao") is None:
        raise CheckpointError(
            "8-bit weights need torchao, which is not installed. Install it with "
            "`pip install torchao==0.18.*` (it is the extra `int8`), or use full weights."
        )


def quantize_layer(layer: Any) -> None:
    """Turn the matrices of one of transformers' decoder layers into 8 bits.

    Numbers are rounded once and turned back in every product, which costs time. Query, key and
    value become `self_attn.qkv_proj`, so the layer's own forward pass no longer works.
    """
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    attention = layer.self_attn
    attention.qkv_proj = join_qkv(attention)
    quantize_(layer, Int8WeightOnlyConfig(set_inductor_config=False))
