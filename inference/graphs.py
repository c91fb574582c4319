"""Decode steps of fixed shapes, captured once and played again: on CUDA a step is one launch.

Rows and columns are rounded up to a few sizes; rows that nobody needs decode a token that is
thrown away, into a column that nobody reads. Does not know requests or sampling.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from inference.cache import SlotCache
from inference.decoder import Decoder

#: Columns are read in multiples of this many tokens.
COLUMNS = 256
#: Rows from which on sizes are multiples of 16 and no longer powers of 2.
FEW_ROWS = 16

Work = Callable[[], torch.Tensor]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Step:
    """One shape: what goes in, and how to run it."""

    ids: torch.Tensor
    starts: torch.Tensor
    run: Work


class StaticDecode:
    """The decoder's step in a few fixed shapes.

    Args:
        decoder: All on one device.
        cache: Its slots; they must stay where they are (``SlotCache.version`` tells).
        capture: Turns work into something that repeats it over the same memory.
    """

    def __init__(
        self, decoder: Decoder, cache: SlotCache, capture: Callable[[Work], Work] | None = None
    ) -> None:
        self._decoder = decoder
        self._cache = cache
        self._capture = capture or Capture()
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
            self._steps.clear()
            self._version = self._cache.version
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

    def _make(self, rows: int, columns: int) -> _Step:
        device = self._decoder.device
        ids = torch.zeros(rows, dtype=torch.long, device=device)
        starts = torch.full_like(ids, self._cache.capacity - 1)
        places = torch.arange(rows, device=device)

        def work() -> torch.Tensor:
            span = slice(0, rows)
            return self._decoder.decode(
                ids, places, starts, self._cache, span=span, columns=columns
            )

        step = _Step(ids, starts, self._capture(work))
        self._steps[rows, columns] = step
        return step


class Capture:
    """Captures work as CUDA graphs, all in one pool of memory; what cannot be captured runs."""

    def __init__(self) -> None:
        self._pool: Any = None

    def __call__(self, work: Work) -> Work:
        """The captured work; it gives the same tensor every time, with new content."""
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # libraries set themselves up outside the graph
            work()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                result = work()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            _log.warning("a step could not be captured: %s", type(error).__name__)
            return work
        self._pool = self._pool or graph.pool()

        def replay() -> torch.Tensor:
            graph.replay()
            return result

        return replay


def round_rows(rows: int) -> int:
    """The next power of 2, from ``FEW_ROWS`` on the next multiple of it."""
    if rows > FEW_ROWS:
        return -(-rows // FEW_ROWS) * FEW_ROWS
    return 1 << (rows - 1).bit_length()
