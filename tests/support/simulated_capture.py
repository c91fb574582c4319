"""A capture on the CPU that keeps what a CUDA graph keeps: operations, and where they read.

Memory that the work itself takes belongs to the capture. What lay there before is only pointed at:
to play the capture after its owner let go of it is an error here, and garbage on a device.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from inference.model.cuda_graphs import Capture


class _Made:
    """The result of an earlier operation of the same capture."""

    def __init__(self, number: int) -> None:
        self.number = number

    def find(self, values: dict[int, Any]) -> Any:
        return values[self.number]


class _Outside:
    """A place in memory that the capture does not own."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._storage = weakref.ref(tensor.untyped_storage())
        self._dtype = tensor.dtype
        self._where = tensor.storage_offset(), tensor.size(), tensor.stride()

    def find(self, values: dict[int, Any]) -> torch.Tensor:
        storage = self._storage()
        assert storage is not None, "a captured step reads memory that is gone"
        return torch.empty(0, dtype=self._dtype).set_(storage, *self._where)


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, list[int]]] = []
        self.made: list[Any] = []  # held while recording, so that no identity is used twice
        self._numbers: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        taken = tree_map(self._point_at, (args, kwargs))
        result = func(*args, **kwargs)
        self.calls.append((func, taken, [self.number(leaf) for leaf in tree_leaves(result)]))
        return result

    def number(self, leaf: Any) -> int:
        if id(leaf) not in self._numbers:
            self._numbers[id(leaf)] = len(self.made)
            self.made.append(leaf)
        return self._numbers[id(leaf)]

    def _point_at(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return _Made(self._numbers[id(value)]) if id(value) in self._numbers else _Outside(value)


class SimulatedReplay:
    def __init__(self, calls: Any, number: int, result: torch.Tensor) -> None:
        self._calls, self._number, self._result = calls, number, result

    def __call__(self) -> torch.Tensor:
        values: dict[int, Any] = {}

        def found(value: Any) -> Any:
            return value.find(values) if isinstance(value, (_Made, _Outside)) else value

        for func, taken, numbers in self._calls:
            args, kwargs = tree_map(found, taken)
            values.update(zip(numbers, tree_leaves(func(*args, **kwargs)), strict=True))
        self._result.copy_(values[self._number])
        return self._result


class SimulatedCapture(Capture):
    """As ``Capture``; counts what it captured."""

    def __init__(self) -> None:
        super().__init__(torch.device("cpu"))
        self.count = 0

    def __call__(self, work: Any) -> Any:
        work()
        with _Recorder() as recorder:
            result = work()
        self.count += 1
        return SimulatedReplay(recorder.calls, recorder.number(result), result)
