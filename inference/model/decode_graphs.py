"""Decode steps of fixed shapes, captured once and replayed: on CUDA a step is one launch.

Rows and columns are rounded up to a few sizes. Padding rows decode a token that is thrown away,
into the spare place of a slot.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from inference.model.attention import Reach
from inference.model.cuda_graphs import Capture, DeviceWork
from inference.model.decoder import Decoder
from inference.model.kv_cache import GRAIN, SlotCache

# Columns are read in multiples of this many tokens.
COLUMNS = 256
# From this many rows on, sizes are multiples of it instead of powers of 2.
FEW_ROWS = 16


@dataclass(frozen=True, slots=True)
class _Step:
    """One shape: what goes in, and how to run it.

    Attributes:
        ids: (rows,) the token of each row.
        starts: (rows,) tokens of text that each slot holds before.
        work: What was captured. A graph knows addresses only, so this holds every tensor that it
            reads: its own, and through decoder and cache the weights, slots and prefix.
        run: Returns the logits of the tokens that follow.
    """

    ids: torch.Tensor
    starts: torch.Tensor
    work: DeviceWork
    run: DeviceWork


class StaticDecode:
    """The decoder's step in a few fixed shapes.

    Args:
        decoder: All on one device.
        cache: Its slots; they must stay where they are (`SlotCache.version` tells).
        capture: Turns work into something that repeats it over the same memory.
    """

    def __init__(self, decoder: Decoder, cache: SlotCache, capture: Capture) -> None:
        self._decoder = decoder
        self._cache = cache
        self._capture = capture
        self.steps: dict[tuple[int, int], _Step] = {}
        self._version = cache.version

    def decode(
        self, slots: Sequence[int], ids: Sequence[int], stored: Sequence[int]
    ) -> torch.Tensor:
        """Decode as `ModelRunner.decode` does."""
        rows = round_rows(slots[-1] + 1)
        wanted = -(-(max(stored) + 1) // COLUMNS) * COLUMNS
        self._cache.reserve(rows - 1, wanted)
        if self._version != self._cache.version:  # what was captured reads memory that is gone
            self.drop()
        step = self.steps.get((rows, wanted)) or self._make(rows, wanted)
        spare = self._cache.capacity - 1
        all_ids, starts = [0] * rows, [spare] * rows
        for slot, token, start in zip(slots, ids, stored, strict=True):
            all_ids[slot], starts[slot] = token, start
        step.ids.copy_(torch.tensor(all_ids))
        step.starts.copy_(torch.tensor(starts))
        logits = step.run()
        if list(slots) == list(range(rows)):
            return logits
        return logits[torch.tensor(slots, device=logits.device)]

    def drop(self) -> None:
        """Drop what was captured and the memory that only it held."""
        self.steps.clear()
        self._capture.reset_pool()
        self._version = self._cache.version

    def _make(self, rows: int, columns: int) -> _Step:
        device = self._decoder.device
        ids = torch.zeros(rows, dtype=torch.long, device=device)
        starts = torch.full_like(ids, self._cache.capacity - 1)
        places = torch.arange(rows, device=device)

        def work() -> torch.Tensor:
            reach = Reach(slice(0, rows), columns)
            return self._decoder.decode(ids, places, starts, self._cache, reach)

        step = _Step(ids, starts, work, self._capture(work))
        self.steps[rows, columns] = step
        return step


def round_rows(rows: int) -> int:
    """Return the next power of 2, from `FEW_ROWS` on the next multiple of it."""
    if rows > FEW_ROWS:
        return -(-rows // FEW_ROWS) * FEW_ROWS
    return 1 << (rows - 1).bit_length()


def rounded_up(slots: int, tokens: int) -> tuple[int, int]:
    """Return slots and capacity, doubling, because growth drops all that was captured."""
    pieces = max(1, -(-tokens // COLUMNS))
    return round_rows(slots), COLUMNS * (1 << (pieces - 1).bit_length()) + GRAIN
