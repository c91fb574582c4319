"""Weights of layers in 8 bits, a scale for each row, by torchao: half the memory of 16 bits.

The numbers are rounded once and turned back in every product, which costs time. Embedding and
output layer stay as they are. Does not know where weights come from.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from inference.model.cpu_kernels import joined
from inference.requests import CheckpointError


def check() -> None:
    """Says before anything is read whether 8-bit weights can be had.

    Raises:
        CheckpointError: torchao is not installed.
    """
    if find_spec("torchao") is None:
        raise CheckpointError(
            "8-bit weights need torchao, which is not installed. Install it with "
            "`pip install torchao==0.18.*` (it is the extra `int8`), or use full weights."
        )


def shrink(layer: Any) -> None:
    """Puts the matrices of one of transformers' decoder layers into 8 bits.

    Query, key and value become one module, ``self_attn.qkv_proj``; the layer's own forward pass
    works no longer, and nothing of the larger weights stays.
    """
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    attention = layer.self_attn
    attention.qkv_proj = joined(attention)
    quantize_(layer, Int8WeightOnlyConfig(set_inductor_config=False))
