"""CUDA graphs: work captured once and replayed over the same memory."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from inference.model.torch_internals import stop_recording

DeviceWork = Callable[[], torch.Tensor]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CapturedGraph:
    """Captured work: returns the same tensor every time, with new content.

    It reads and writes the addresses that the work used. The caller must hold the tensors there.
    """

    graph: torch.cuda.CUDAGraph
    result: torch.Tensor

    def __call__(self) -> torch.Tensor:
        """Replay the work."""
        self.graph.replay()
        return self.result


class Capture:
    """Captures work as CUDA graphs that share one pool of memory.

    Args:
        device: Where all of the work happens.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: Any = None
        self._pool: Any = None

    def __call__(self, work: DeviceWork) -> DeviceWork:
        """Return a graph of the work, or the work itself if it cannot be captured.

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

    def reset_pool(self) -> None:
        """Take a new pool, once all graphs are gone: torch refuses a pool without a graph."""
        self._pool = None

    def _try(self, work: DeviceWork) -> DeviceWork:
        try:
            return self._record(work)
        except torch.OutOfMemoryError:
            self._drop_pool()
            raise
        except RuntimeError as error:
            _log.warning("a step could not be captured: %s", type(error).__name__)
            self._drop_pool()
            return work

    def _record(self, work: DeviceWork) -> CapturedGraph:
        """Capture as `torch.cuda.graph` does, but raise the first error."""
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
        return CapturedGraph(graph, result)

    def _drop_pool(self) -> None:
        """Give up the pool of a failed capture, which torch may refuse from now on."""
        pool, self._pool = self._pool, None
        if pool is not None:
            stop_recording(pool)


def capture_for(devices: Sequence[torch.device]) -> Capture | None:
    """Return how to capture work on these devices; None unless they are one CUDA device."""
    first = devices[0]
    alone = all(device == first for device in devices)
    return Capture(first) if alone and first.type == "cuda" else None
