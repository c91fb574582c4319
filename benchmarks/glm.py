"""Models for the engine's benchmark: random weights of a given shape, or a folder's.

Random weights cost what trained ones do; what the model says is of no interest here. Does not know
what is measured.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import linear
from transformers import GlmConfig, GlmForCausalLM

from inference.loading.source import ModelSource, OpenModel, open_model
from inference.model.attention import head_sizes
from inference.model.kv_cache import Prefix

PREFIX = 128
SHAPES = {
    "small": {
        "vocab_size": 8064,
        "hidden_size": 512,
        "intermediate_size": 1408,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 64,
    },
    "chatglm2": {
        "vocab_size": 65024,
        "hidden_size": 4096,
        "intermediate_size": 13696,
        "num_hidden_layers": 28,
        "num_attention_heads": 32,
        "num_key_value_heads": 2,
        "head_dim": 128,
    },
}


class Wordless:
    """A tokenizer whose replies have no text and no end: all are as long as was asked."""

    eos_ids = frozenset[int]()

    def stream(self) -> Wordless:
        return self

    def feed(self, token_id: int) -> str:
        return ""

    def finish(self) -> str:
        return ""


def make(name: str, *, device: str, dtype: str) -> OpenModel:
    """``small``, ``chatglm2`` (random weights, with a random prefix) or a checkpoint's folder."""
    where = torch.device(device)
    if name not in SHAPES:
        found = open_model(
            ModelSource(model=None if name == "demo" else name, device=device, dtype=dtype)
        )
        model, prefix = found.model, found.prefix
    else:
        model = _random(name, where, getattr(torch, dtype))
        prefix = None
    return OpenModel(
        model=model,
        tokenizer=Wordless(),  # type: ignore[arg-type]
        prefix=prefix or _random_prefix(model.config),
        context_length=min(model.config.max_position_embeddings, 8192) - PREFIX,
        name=Path(name).name,
        is_demo=False,
    )


def _random(name: str, device: torch.device, dtype: torch.dtype) -> GlmForCausalLM:
    config = GlmConfig(
        **SHAPES[name],
        attention_bias=True,
        tie_word_embeddings=False,
        max_position_embeddings=8192,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            model = GlmForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.requires_grad_(False)
    return model.eval()


def _random_prefix(config: GlmConfig) -> Prefix:
    sizes = head_sizes(config)
    shape = (config.num_hidden_layers, sizes.groups, PREFIX, sizes.dim)
    return Prefix(torch.randn(shape) * 0.1, torch.randn(shape) * 0.1)


def weights_of(model: GlmForCausalLM) -> list[torch.Tensor]:
    """The matrices that every token goes through, query, key and value as one."""
    matrices = []
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        qkv = [attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]
        matrices += [torch.cat(qkv), attention.o_proj.weight]
        matrices += [mlp.gate_up_proj.weight, mlp.down_proj.weight]
    return [matrix.detach().contiguous() for matrix in [*matrices, model.lm_head.weight]]


def products(matrices: list[torch.Tensor], rows: int) -> Callable[[], None]:
    """The bare matrix products of one step of ``rows`` chats, and nothing else."""
    one = matrices[0]
    inputs = {
        m.shape[1]: torch.randn(rows, m.shape[1], device=one.device, dtype=one.dtype)
        for m in matrices
    }

    @torch.inference_mode()
    def run() -> None:
        for matrix in matrices:
            linear(inputs[matrix.shape[1]], matrix)
        settle(one.device)

    return run


def settle(device: torch.device) -> None:
    """Waits until a device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Clock:
    """Time by the wall, or of the processor, which with one thread is fair on a busy machine."""

    read = staticmethod(time.perf_counter)

    @classmethod
    def count_processor_time(cls) -> None:
        cls.read = staticmethod(time.process_time)


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes, once."""
    started = Clock.read()
    work()
    return Clock.read() - started


def in_turn(works: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each, one after the other and again, so that a busy moment hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            taken[name].append(seconds(work))
            if taken[name][-1] > 5:  # a sign of life where one takes long
                print(f"  {name}: {taken[name][-1]:.1f} s", file=sys.stderr, flush=True)
    return taken


def spread(values: list[float], scale: float = 1.0, digits: int = 1) -> str:
    """Median and, in brackets, the least and the most."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle * scale:.{digits}f} ({low * scale:.{digits}f} to {high * scale:.{digits}f})"
