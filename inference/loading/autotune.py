"""Which type and layout of weights this CPU multiplies faster, measured on matrices like them."""

import time
from concurrent.futures import ThreadPoolExecutor

import torch
from transformers import GlmConfig, GlmForCausalLM

from inference.model.torch_internals import packed_kernels
from inference.model.weights import columns_first, pack_model, product

# 16 bits must be this much faster to be worth their rounding, for one chat and for many.
# Packed weights, which round nothing, must be this much faster in both together.
GAIN = 1.2
# Packed weights may cost the products of one chat no more than this, those of many nothing.
NO_LOSS = 0.7
ROWS = (1, 16)
REPEATS = 9
# As many matrices as do not fit a cache, because a model's come from memory. This holds in 16 bits
# too: plain ones are quick in a cache, and then chance decides.
BYTES = 64 << 20
MOST = 64
# A model with fewer weights in its products answers faster than anybody reads, however it is laid
# out. To measure takes seconds of every start.
FEWEST = 16 << 20


def is_worth_it(config: GlmConfig) -> bool:
    """Return whether a model is large enough to measure how it is served best."""
    width, layers = config.hidden_size, config.num_hidden_layers
    return layers * width * (4 * width + 3 * config.intermediate_size) >= FEWEST


def faster_dtype(hidden: int, intermediate: int, threads: int) -> torch.dtype:
    """Return `torch.bfloat16` if it is clearly faster for one chat and for many, else float32.

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
    """Pack a model on a CPU if that is faster for many chats, and not much slower for one.

    Args:
        model: Not in use yet.
        threads: CPU threads of one step.

    Returns:
        True if it was packed.
    """
    config, weight = model.config, model.lm_head.weight
    is_plain = not hasattr(model.model.layers[0].self_attn, "qkv_proj")
    if not is_plain or weight.device.type != "cpu":
        return False
    matrices = _matrices(config.hidden_size, config.intermediate_size)
    plain = [matrix.to(weight.dtype) for matrix in matrices]
    if _packed_if_faster(plain, threads) is None:
        return False
    pack_model(model)
    return True


def _as_served(plain: list[torch.Tensor], threads: int) -> list[torch.Tensor]:
    return _packed_if_faster(plain, threads) or list(map(columns_first, plain))


def _packed_if_faster(plain: list[torch.Tensor], threads: int) -> list[torch.Tensor] | None:
    kernels = packed_kernels(plain[0].dtype)
    if kernels is None:
        return None
    packed = list(map(kernels.pack, plain))
    one, many = _gains(list(map(columns_first, plain)), packed, threads)
    return packed if one >= NO_LOSS and many >= 1 and one * many >= GAIN else None


def _matrices(hidden: int, intermediate: int) -> list[torch.Tensor]:
    count = max(1, min(MOST, BYTES // (2 * hidden * intermediate)))
    return [torch.randn(intermediate, hidden) for _ in range(count)]


def _gains(old: list[torch.Tensor], new: list[torch.Tensor], threads: int) -> list[float]:
    """Return how many times faster the new weights are, for each of `ROWS`.

    Measured as they will serve: in a thread of its own that is told the number of threads, as the
    engine's is.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="autotune") as pool:
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
                    values.append(seconds(weights, rows))  # in turn: a busy moment hits both
            for values in taken:
                del values[0]  # threads began, memory was touched for the first time
            gains.append(min(taken[0]) / min(taken[1]))  # whatever else ran only adds
    finally:
        torch.set_num_threads(before)
    return gains


@torch.inference_mode()
def seconds(weights: list[torch.Tensor], rows: int) -> float:
    """Measure how long the products of these weights with `rows` tokens take."""
    tokens = torch.randn(rows, weights[0].shape[1], dtype=weights[0].dtype)
    started = time.perf_counter()
    for weight in weights:
        product(tokens, weight)
    return time.perf_counter() - started
