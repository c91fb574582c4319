"""Which type and layout of weights a CPU multiplies faster, measured on matrices of their size.

Processors differ, and only a measurement tells whether 16 bits, or packed weights, are quick on
one. Does not know what the weights say.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import torch
from transformers import GlmForCausalLM

from inference.model.cpu_kernels import is_possible, pack, packed, product
from inference.model.weights import columns_first

#: 16 bits must be this much faster to be worth their rounding, alone and in a batch; another
#: layout, which rounds nothing, in both together.
GAIN = 1.2
#: Another layout may cost the products of one chat no more than this, those of many nothing.
NO_LOSS = 0.7
ROWS = (1, 16)
REPEATS = 9
#: Enough matrices that they come from memory and not from a cache, as a model's do; in 16 bits
#: too: from a cache plain ones are quick, and what was chosen hung on chance.
BYTES = 64 << 20
MOST = 64


def faster_dtype(hidden: int, intermediate: int, threads: int) -> torch.dtype:
    """``torch.bfloat16`` where it is clearly faster for one chat and for many, else float32.

    Args:
        hidden: Width of the model.
        intermediate: Width of its feed-forward part.
        threads: CPU threads of one step.
    """
    plain = _matrices(hidden, intermediate)
    full = _as_served(plain, threads)
    half = _as_served([weight.to(torch.bfloat16) for weight in plain], threads)
    return torch.bfloat16 if min(_gains(full, half, threads)) >= GAIN else torch.float32


def pack_if_faster(model: GlmForCausalLM, threads: int) -> bool:
    """Packs a model on a CPU where that is faster for many chats, and not much slower for one.

    Args:
        model: Not in use yet.
        threads: CPU threads of one step.

    Returns:
        Whether it was packed.
    """
    config, weight = model.config, model.lm_head.weight
    is_plain = not hasattr(model.model.layers[0].self_attn, "qkv_proj")
    if not is_plain or weight.device.type != "cpu":
        return False
    matrices = _matrices(config.hidden_size, config.intermediate_size)
    plain = [matrix.to(weight.dtype) for matrix in matrices]
    if not _packs(plain, threads):
        return False
    pack(model)
    return True


def _as_served(plain: list[torch.Tensor], threads: int) -> list[torch.Tensor]:
    return list(map(packed if _packs(plain, threads) else columns_first, plain))


def _packs(plain: list[torch.Tensor], threads: int) -> bool:
    if not is_possible(plain[0].dtype):
        return False
    one, many = _gains(list(map(columns_first, plain)), list(map(packed, plain)), threads)
    return one >= NO_LOSS and many >= 1 and one * many >= GAIN


def _matrices(hidden: int, intermediate: int) -> list[torch.Tensor]:
    count = max(1, min(MOST, BYTES // (2 * hidden * intermediate)))
    return [torch.randn(intermediate, hidden) for _ in range(count)]


def _gains(old: list[torch.Tensor], new: list[torch.Tensor], threads: int) -> list[float]:
    """How many times faster the new weights are, for each of ``ROWS``.

    Measured as it will serve: in a thread of its own that is told the number of threads, as the
    engine's is.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="warmup") as pool:
        return pool.submit(_measured, old, new, threads).result()


def _measured(old: list[torch.Tensor], new: list[torch.Tensor], threads: int) -> list[float]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    gains = []
    try:
        for rows in ROWS:
            taken: list[list[float]] = [[], []]
            for _ in range(REPEATS + 1):
                for weights, values in zip((old, new), taken, strict=True):
                    values.append(_seconds(weights, rows))  # in turn: a busy moment hits both
            for values in taken:
                del values[0]  # threads began, memory was touched for the first time
            gains.append(min(taken[0]) / min(taken[1]))  # whatever else ran only adds
    finally:
        torch.set_num_threads(before)
    return gains


@torch.inference_mode()
def _seconds(weights: list[torch.Tensor], rows: int) -> float:
    tokens = torch.randn(rows, weights[0].shape[1], dtype=weights[0].dtype)
    started = time.perf_counter()
    for weight in weights:
        product(tokens, weight)
    return time.perf_counter() - started
