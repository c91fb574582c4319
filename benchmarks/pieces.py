"""The pieces of a decode step by themselves: products, attention, a look at the logits.

    python -m benchmarks.pieces [--threads 2] [--tokens 300]

Which layout and which shapes are quick on this processor; sizes are those of the small model of
`benchmarks/engine.py`, all layers. Between two measurements a large tensor is read, so that nothing
comes from a cache that a real step would have lost. Prints Markdown tables, medians in ms.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable
from functools import partial

import torch

from benchmarks.glm import PREFIX, SHAPES, make, seconds, weights_of
from inference.model.attention import attend, attend_alone
from inference.model.torch_internals import packed_kernels
from inference.model.weights import columns_first, product

LAYERS, GROUPS, HEADS, DIM = (
    int(SHAPES["small"][name])
    for name in ("num_hidden_layers", "num_key_value_heads", "num_attention_heads", "head_dim")
)
REPEATS = 40
FLUSH = torch.zeros(32 << 20)
TYPES = (torch.float32, torch.bfloat16)


def cold(work: Callable[[], object]) -> float:
    """Milliseconds, with caches that hold something else."""
    taken = []
    for _ in range(REPEATS):
        FLUSH.add_(1)
        taken.append(seconds(work))
    return statistics.median(taken) * 1e3


def products() -> None:
    print("\n### The matrix products of a step\n")
    print("| type | layout | 1 row | 2 rows | 16 rows | 256 rows |\n|---|---|---|---|---|---|")
    for dtype in TYPES:
        plain = weights_of(make("small", device="cpu", dtype=_name(dtype)).model)
        layouts = {"plain": plain}
        if dtype is torch.float32:  # others stay as they are
            layouts["by columns"] = [columns_first(each) for each in plain]
        if (kernels := packed_kernels(dtype)) is not None:
            layouts["packed"] = [kernels.pack(weight) for weight in plain]
        for layout, weights in layouts.items():
            shapes = [weight.shape[1] for weight in plain]
            taken = [cold(partial(_multiply, weights, shapes, rows)) for rows in (1, 2, 16, 256)]
            print(f"| {_name(dtype)} | {layout} | {' | '.join(f'{each:.2f}' for each in taken)} |")


def _multiply(weights: list[torch.Tensor], widths: list[int], rows: int) -> None:
    tokens = {width: torch.zeros(rows, width, dtype=weights[0].dtype) for width in set(widths)}
    for weight, width in zip(weights, widths, strict=True):
        product(tokens[width], weight)


class Chats:
    """What a step of so many chats attends to, in every layer."""

    def __init__(self, count: int, tokens: int, dtype: torch.dtype) -> None:
        room = tokens + 2 * REPEATS
        shape = 2, count, GROUPS, room, DIM
        self._held = [torch.randn(shape, dtype=dtype) for _ in range(LAYERS)]
        self._prefix = torch.randn(2, GROUPS, PREFIX, DIM, dtype=dtype)
        self._queries = torch.randn(count, HEADS, DIM, dtype=dtype)
        self._mask = self._prefix.new_zeros(1)
        self._columns = itertools.count(tokens)

    def common(self, columns: int) -> None:
        """All in one pass."""
        for layer in self._held:
            attend(self._queries, layer[:, :, :, :columns], self._prefix, self._mask)

    def growing(self) -> None:
        """All in one pass, every time over one token more."""
        self.common(next(self._columns))

    def apart(self) -> None:
        """Each by itself, every time over one token more."""
        columns = next(self._columns)
        for layer in self._held:
            for row in range(len(self._queries)):
                own = layer[:, row : row + 1, :, :columns]
                attend_alone(self._queries[row : row + 1], own, self._prefix)


def attention(tokens: int) -> None:
    print(f"\n### Attention of a step, {tokens} tokens a chat and a prefix of {PREFIX}\n")
    print("| type | chats | one length | a token more each step | apart, a token more each step |")
    print("|---|---|---|---|---|")
    for dtype in TYPES:
        for count in (1, 16):
            chats = Chats(count, tokens, dtype)
            taken = [cold(partial(chats.common, tokens)), cold(chats.growing), cold(chats.apart)]
            print(f"| {_name(dtype)} | {count} | {' | '.join(f'{each:.2f}' for each in taken)} |")


def finite() -> None:
    print("\n### Whether the logits of 16 rows are finite\n")
    print("| vocabulary | each number | their sum |\n|---|---|---|")
    for vocabulary in (8064, 65024):
        logits = torch.randn(16, vocabulary)
        each, total = cold(partial(_each_finite, logits)), cold(partial(_sum_finite, logits))
        print(f"| {vocabulary:,} | {each:.3f} | {total:.3f} |")


def _each_finite(logits: torch.Tensor) -> list[bool]:
    return list(torch.isfinite(logits).all(dim=-1).tolist())


def _sum_finite(logits: torch.Tensor) -> list[bool]:
    return list(torch.isfinite(logits.sum(dim=-1)).tolist())


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=300)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"CPU, {arguments.threads} threads, torch {torch.__version__}; ms")
    reading = statistics.median(seconds(FLUSH.sum) for _ in range(10))
    print(f"reading memory: {FLUSH.nbytes / reading / 1e9:.0f} GB/s")
    with torch.inference_mode():
        products()
        attention(arguments.tokens)
        finite()


if __name__ == "__main__":
    main()
