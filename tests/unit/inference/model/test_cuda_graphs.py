"""What torch makes of captures: pools, streams and failures, by the rules of its allocator.

CUDA is not at hand. ``Device`` keeps the books that torch keeps (CUDACachingAllocator, CUDAGraph)
and refuses what torch refuses; tests/gpu does the same on a device.
"""

from __future__ import annotations

import contextlib
import itertools

import pytest
import torch

from inference.model.cuda_graphs import Capture, CapturedGraph, capture_for

MAIN = "the thread's stream"


class Device:
    """Pools with the graphs that live in them, streams with their workspaces."""

    def __init__(self) -> None:
        self.pools: dict[int, int] = {}
        self.pinned: set[int] = set()  # pools in which the workspace of a library lies
        self.workspaces: set[object] = set()
        self.recording: list[int] = []
        self.stream: object = MAIN
        self.ends_badly = False
        self.leaks = False  # as torch 2.11: a capture that cannot be ended is never over
        self.numbers = itertools.count(1)

    def compute(self) -> torch.Tensor:
        if self.stream not in self.workspaces:
            self.workspaces.add(self.stream)
            self.pinned.update(self.recording)
        return torch.zeros(1)

    def begin(self, pool: int) -> None:
        assert self.stream is not MAIN, "the thread's own stream cannot be captured"
        if self.pools.get(pool) == 0:
            raise RuntimeError("use_count > 0 INTERNAL ASSERT FAILED")
        self.pools[pool] = self.pools.get(pool, 0) + 1
        self.recording.append(pool)

    def end(self, pool: int) -> None:
        if not (self.ends_badly and self.leaks):
            self.recording.remove(pool)
        if self.ends_badly:
            self.pools[pool] -= 1
            raise RuntimeError("operation failed due to a previous error during capture")

    def stop_recording(self, device: int, pool: int) -> None:
        if pool not in self.recording:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        self.recording.remove(pool)

    def empty_cache(self) -> None:
        if self.recording:
            raise RuntimeError("captures_underway.empty() INTERNAL ASSERT FAILED")
        self.pools = {p: n for p, n in self.pools.items() if n or p in self.pinned}


@pytest.fixture
def device(monkeypatch):
    device = Device()

    class Stream:
        def __init__(self, of):
            pass

        def wait_stream(self, other):
            pass

    class Graph:
        pool = None

        def capture_begin(self, pool, capture_error_mode):
            device.begin(pool)
            self._begun = pool

        def capture_end(self):
            device.end(self._begun)
            self.pool = self._begun

        def replay(self):
            device.compute()

        def __del__(self):
            if self.pool is not None:
                device.pools[self.pool] -= 1

    @contextlib.contextmanager
    def on(stream):
        before, device.stream = device.stream, stream
        try:
            yield
        finally:
            device.stream = before

    own = Stream(None)
    for name, value in {
        "Stream": Stream,
        "CUDAGraph": Graph,
        "stream": on,
        "current_stream": lambda of: own,
        "current_device": lambda: 0,
        "synchronize": lambda: None,
        "empty_cache": device.empty_cache,
        "graph_pool_handle": lambda: next(device.numbers),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", device.stop_recording, raising=False)
    return device


@pytest.fixture
def capture():
    return Capture(torch.device("cuda", 0))


def test_graphs_share_a_pool_and_their_result_stays_where_it_is(device, capture):
    first, second = capture(device.compute), capture(device.compute)
    assert isinstance(first, CapturedGraph)
    assert isinstance(second, CapturedGraph)
    assert first() is first()
    assert device.pools == {1: 2}


def test_after_all_graphs_are_gone_captures_go_on(device, capture):
    for _ in range(3):
        runs = [capture(device.compute) for _ in range(2)]
        assert all(isinstance(run, CapturedGraph) for run in runs)
        del runs
        capture.reset_pool()
    torch.cuda.empty_cache()
    assert device.pools == {}, "nothing keeps the memory of graphs that are gone"


@pytest.mark.parametrize("goes", ["on", "wrong"])
def test_a_pool_in_which_only_a_result_lies_still_is_not_used_again(device, capture, goes):
    run = capture(device.compute) if goes == "on" else None
    device.ends_badly = goes == "wrong"
    run = run or capture(device.compute)
    device.pinned.update(device.pools)
    device.ends_badly = False
    del run
    if goes == "on":
        capture.reset_pool()
    assert isinstance(capture(device.compute), CapturedGraph)


@pytest.mark.parametrize("leaks", [False, True], ids=["as now", "as torch 2.11"])
def test_what_cannot_be_captured_runs_and_later_work_is_captured(device, capture, leaks, caplog):
    before = capture(device.compute)
    device.ends_badly, device.leaks = True, leaks
    assert capture(device.compute) == device.compute
    assert device.stream is MAIN
    assert "RuntimeError" in caplog.text
    torch.cuda.empty_cache()
    device.ends_badly = False
    assert isinstance(capture(device.compute), CapturedGraph)
    before()


@pytest.mark.parametrize("ends_badly", [False, True])
def test_memory_that_runs_out_in_a_capture_is_called_by_its_name(device, capture, ends_badly):
    device.ends_badly = ends_badly

    def large():
        if device.recording:
            raise torch.OutOfMemoryError
        return device.compute()

    with pytest.raises(torch.OutOfMemoryError):
        capture(large)
    assert device.stream is MAIN
    device.ends_badly = False
    assert isinstance(capture(device.compute), CapturedGraph)


def test_work_that_fails_by_itself_is_no_failed_capture(device, capture):
    def broken():
        raise RuntimeError("a kernel failed")

    with pytest.raises(RuntimeError, match="a kernel failed"):
        capture(broken)
    assert device.stream is MAIN


def test_only_one_cuda_device_can_be_captured():
    one, other = torch.device("cuda", 0), torch.device("cuda", 1)
    assert capture_for([one, one]) is not None
    assert capture_for([one, other]) is None
    assert capture_for([torch.device("cpu")]) is None
