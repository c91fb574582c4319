"""Operators of torch without a public name: each is optional, and no other module names one."""

import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch.nn.functional import linear

# Blocks are chosen for this many rows; they are the fastest, or nearly, from 1 to 640.
ROWS = 16
# Types that may be packed, and the relative error that a product may have.
ROUNDING = {torch.float32: 1e-5, torch.bfloat16: 1e-2}


class PackedKernels(NamedTuple):
    """oneDNN's layout for one type of weights, and the product that reads it.

    Attributes:
        pack: Put an (out, in) weight into blocks. The numbers stay the same.
        linear: Multiply (tokens, in) with a packed weight and add a bias or None.
    """

    pack: Callable[[torch.Tensor], torch.Tensor]
    linear: Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]


@cache
def packed_kernels(dtype: torch.dtype) -> PackedKernels | None:
    """Return the kernels that `torch.compile` uses for a frozen linear layer on a CPU.

    With two threads, products of 2 to 32 rows take half the time. A processor with 16-bit products
    gains for one row too. Others may lose there, so `loading/autotune.py` measures first.

    Returns:
        None if this torch lacks the operators, or if they give other numbers than `linear`.
    """
    if dtype not in ROUNDING:
        return None
    kernels = PackedKernels(_pack, _linear)
    tokens, weight, bias = (torch.randn(shape, dtype=dtype) for shape in ((3, 96), (160, 96), 160))
    try:
        with torch.inference_mode():
            result = _linear(tokens, _pack(weight), bias).float()
    except (AttributeError, RuntimeError):
        return None
    expected = linear(tokens.float(), weight.float(), bias.float())
    is_exact = bool((result - expected).norm() <= ROUNDING[dtype] * expected.norm())
    return kernels if is_exact else None


def stop_recording(pool: Any) -> None:
    """End a capture's hold on the allocator, which torch 2.11 keeps after a failed capture.

    Later versions raise, because nothing is being recorded.
    """
    end = getattr(torch._C, "_cuda_endAllocateToPool", None)
    if end is not None:
        with contextlib.suppress(RuntimeError):
            end(torch.cuda.current_device(), pool)


def _pack(weight: torch.Tensor) -> torch.Tensor:
    blocks: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)
    return blocks


def _linear(tokens: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(tokens, weight, bias, "none", [], "")
    return result
