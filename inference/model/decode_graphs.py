"""Decode steps of fixed shapes, captured once and played again: on CUDA a step is one launch.

Rows and columns are rounded up to a few sizes; rows that nobody needs decode a token that is
thrown away, into a place that is nobody's. Does not know requests or sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from inference.model.cuda_graphs import Capture, Work
from inference.model.decoder import Decoder, Reach
from inference.model.kv_cache import GRAIN, SlotCache

#: Columns are read in multiples of this many tokens.
COLUMNS = 256
#: Rows from which on sizes are multiples of 16 and no longer powers of 2.
FEW_ROWS = 16


@dataclass(frozen=True, slots=True)
class _Step:
    """One shape: what goes in, and how to run it.

    Attributes:
        ids: (rows,) the token of each row.
        starts: (rows,) tokens of text that each slot holds before.
        work: What was captured. A captured run knows addresses only, so this holds every tensor
            that it reads: its own, and through decoder and cache the weights, slots and prefix.
        run: The logits of the tokens that follow.
    """

    ids: torch.Tensor
    starts: torch.Tensor
    work: Work
    run: Work


class StaticDecode:
    """The decoder's step in a few fixed shapes.

    Args:
        decoder: All on one device.
        cache: Its slots; they must stay where they are (``SlotCache.version`` tells).
        capture: Turns work into something that repeats it over the same memory.
    """

    def __init__(self, decoder: Decoder, cache: SlotCache, capture: Capture) -> None:
        self._decoder = decoder
        self._cache = cache
        self._capture = capture
        self._steps: dict[tuple[int, int], _Step] = {}
        self._version = cache.version

    def decode(
        self, slots: Sequence[int], ids: Sequence[int], stored: Sequence[int]
    ) -> torch.Tensor:
        """As ``ModelRunner.decode``."""
        rows = round_rows(slots[-1] + 1)
        wanted = -(-(max(stored) + 1) // COLUMNS) * COLUMNS
        self._cache.reserve(rows - 1, wanted)
        if self._version != self._cache.version:  # what was captured reads memory that is gone
            self.drop()
        step = self._steps.get((rows, wanted)) or self._make(rows, wanted)
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
        """Lets go of what was captured and of the memory that only it held."""
        self._steps.clear()
        self._capture.begin_anew()
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
        self._steps[rows, columns] = step
        return step


def round_rows(rows: int) -> int:
    """The next power of 2, from ``FEW_ROWS`` on the next multiple of it."""
    if rows > FEW_ROWS:
        return -(-rows // FEW_ROWS) * FEW_ROWS
    return 1 << (rows - 1).bit_length()


def roomy(slots: int, tokens: int) -> tuple[int, int]:
    """Slots and capacity in steps of doubling: all that was captured is lost when slots grow."""
    pieces = max(1, -(-tokens // COLUMNS))
    return round_rows(slots), COLUMNS * (1 << (pieces - 1).bit_length()) + GRAIN
