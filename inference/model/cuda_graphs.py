"""CUDA graphs: work captured once and played again over the same memory.

Knows streams, pools and what torch makes of a capture that fails. Does not know what the work is.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Work = Callable[[], torch.Tensor]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Replay:
    """Captured work: gives the same tensor every time, with new content.

    It reads and writes the addresses that the work used. Whoever plays it must hold the tensors
    that lie there.
    """

    graph: torch.cuda.CUDAGraph
    result: torch.Tensor

    def __call__(self) -> torch.Tensor:
        """Runs it once more."""
        self.graph.replay()
        return self.result


class Capture:
    """Captures work as CUDA graphs that share one pool of memory; what it cannot capture runs.

    Args:
        device: Where all of the work happens.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: Any = None
        self._pool: Any = None

    def __call__(self, work: Work) -> Work:
        """A ``Replay`` of the work, or the work itself where it cannot be captured.

        Raises:
            OutOfMemoryError: There is no room for what the work needs.
        """
        if self._stream is None:
            self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        before = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(before)
        try:
            # Entering the stream enters its device too, and leaves both again whatever happens.
            with torch.cuda.stream(self._stream):
                # On the stream of the capture: libraries make a workspace for each stream, and
                # one made during a capture would lie in the pool and keep it for ever.
                work()
                return self._try(work)
        finally:
            before.wait_stream(self._stream)

    def begin_anew(self) -> None:
        """After all replays are gone: torch refuses a pool that no graph lives in any more."""
        self._pool = None

    def _try(self, work: Work) -> Work:
        try:
            return self._record(work)
        except torch.OutOfMemoryError:
            self._mend()
            raise
        except RuntimeError as error:
            _log.warning("a step could not be captured: %s", type(error).__name__)
            self._mend()
            return work

    def _record(self, work: Work) -> Replay:
        """As ``torch.cuda.graph``, but the first error is the one that is heard of."""
        torch.cuda.synchronize()
        torch.cuda.empty_cache()  # no block is given back during a capture
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
        try:
            result = work()
        except BaseException:
            with contextlib.suppress(RuntimeError):
                graph.capture_end()
            raise
        graph.capture_end()
        return Replay(graph, result)

    def _mend(self) -> None:
        """After a capture that failed: its pool may be refused, and torch may think it still runs.

        torch 2.11 leaves the allocator recording where a capture cannot be ended, and from then
        on refuses to give memory back. Later versions say that nothing is recorded.
        """
        pool, self._pool = self._pool, None
        end = getattr(torch._C, "_cuda_endAllocateToPool", None)
        if pool is not None and end is not None:
            with contextlib.suppress(RuntimeError):
                end(torch.cuda.current_device(), pool)


def capture_for(devices: Sequence[torch.device]) -> Capture | None:
    """How to capture work on these devices; None where they are not one CUDA device."""
    first = devices[0]
    alone = all(device == first for device in devices)
    return Capture(first) if alone and first.type == "cuda" else None
