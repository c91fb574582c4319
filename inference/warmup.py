"""Which floating type a CPU multiplies faster, measured on matrices of the model's own size.

Knows no weights: processors differ, and only a measurement tells whether 16 bits are quick on one.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import torch
from torch.nn.functional import linear

from inference.weights import columns_first

#: 16 bits must be this much faster to be worth their rounding, alone and in a batch.
GAIN = 1.2
ROWS = (1, 16)
REPEATS = 5
#: Enough matrices that they come from memory and not from a cache, as a model's do.
BYTES = 64 << 20


def faster_dtype(hidden: int, intermediate: int, threads: int) -> torch.dtype:
    """``torch.bfloat16`` where it is clearly faster for one chat and for many, else float32.

    Measured as it will serve: weights laid out as the decoder has them, in a thread of its own
    that is told the number of threads, as the engine's is.

    Args:
        hidden: Width of the model.
        intermediate: Width of its feed-forward part.
        threads: CPU threads of one step.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="warmup") as pool:
        return pool.submit(_faster, hidden, intermediate, threads).result()


def _faster(hidden: int, intermediate: int, threads: int) -> torch.dtype:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return _measured(hidden, intermediate)
    finally:
        torch.set_num_threads(before)


def _measured(hidden: int, intermediate: int) -> torch.dtype:
    count = max(1, min(16, BYTES // (4 * hidden * intermediate)))
    full = [columns_first(torch.randn(intermediate, hidden)) for _ in range(count)]
    half = [columns_first(weight.to(torch.bfloat16).contiguous()) for weight in full]
    gains = []
    for rows in ROWS:
        taken: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
        for _ in range(REPEATS):
            for weights in (full, half):  # in turn: a busy moment hits both
                taken[weights[0].dtype].append(_seconds(weights, rows))
        best = {kind: statistics.median(values) for kind, values in taken.items()}
        gains.append(best[torch.float32] / best[torch.bfloat16])
    return torch.bfloat16 if min(gains) >= GAIN else torch.float32


@torch.inference_mode()
def _seconds(weights: list[torch.Tensor], rows: int) -> float:
    tokens = torch.randn(rows, weights[0].shape[1], dtype=weights[0].dtype)
    started = time.perf_counter()
    for weight in weights:
        linear(tokens, weight)
    return time.perf_counter() - started
