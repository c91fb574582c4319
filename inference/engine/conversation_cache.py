"""Keys and values of conversations that nobody runs now, for their next turn.

Knows token ids and tensors. Does not know requests, slots or what a conversation is to its owner.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(slots=True)
class Kept:
    """One conversation at rest.

    Attributes:
        ids: The tokens whose keys and values these are.
        layers: For each layer (2, groups, tokens, head_dim).
        on_host: They have left the device for the machine's memory.
    """

    ids: tuple[int, ...]
    layers: list[torch.Tensor]
    on_host: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors."""
        return sum(layer.nbytes for layer in self.layers)

    def erase(self) -> None:
        """Overwrites the tensors: freed memory keeps its content until somebody writes there."""
        for layer in self.layers:
            layer.zero_()


class ResidentConversations:
    """Least recently used leave first: to the host if that is allowed, then for good.

    Args:
        device_bytes: The most that may stay on the device.
        host_bytes: The most that may move to the machine's memory; 0 for none.
    """

    def __init__(self, *, device_bytes: int, host_bytes: int = 0) -> None:
        self._budgets = {False: device_bytes, True: host_bytes}
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._nbytes = {False: 0, True: 0}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """Bytes held, on the device and on the host."""
        return sum(self._nbytes.values())

    @property
    def keeps_any(self) -> bool:
        """Whether there is any room at all."""
        return any(self._budgets.values())

    def match(self, conversation: str, ids: Sequence[int]) -> tuple[list[torch.Tensor], int]:
        """What can be used again for a prompt: tensors, and how many of their tokens match.

        Always leaves the last token of the prompt to be computed, which gives the next one.
        """
        kept = self._kept.get(conversation)
        if kept is None:
            return [], 0
        self._kept.move_to_end(conversation)
        return kept.layers, min(common_length(kept.ids, ids), len(ids) - 1)

    def keep(self, conversation: str, ids: Sequence[int], layers: list[torch.Tensor]) -> None:
        """Holds a conversation from now on, in place of what was held of it."""
        self.forget(conversation)
        kept = Kept(tuple(ids), layers)
        self._kept[conversation] = kept
        self._nbytes[False] += kept.nbytes
        self._shrink(self._budgets[False])

    def forget(self, conversation: str) -> bool:
        """Erases a conversation; whether there was one."""
        kept = self._kept.pop(conversation, None)
        if kept is None:
            return False
        self._nbytes[kept.on_host] -= kept.nbytes
        kept.erase()
        return True

    def clear(self) -> bool:
        """Erases all; whether there were any. Nothing is held even if the device fails."""
        held = sorted(self._kept.values(), key=lambda kept: not kept.on_host)
        self._kept.clear()
        self._nbytes = {False: 0, True: 0}
        for kept in held:  # what is on the host first: that cannot fail
            kept.erase()
        return bool(held)

    def give_way(self) -> bool:
        """Lets the least recently used half leave the device; whether there was anything."""
        before = self._nbytes[False]
        self._shrink(before // 2)
        return before > 0

    def _shrink(self, device_bytes: int) -> None:
        """To the host what has room there, for good what has not."""
        while self._nbytes[False] > device_bytes:
            name, kept = next(item for item in self._kept.items() if not item[1].on_host)
            if kept.nbytes > self._budgets[True] or not self._move(kept):
                self.forget(name)
        while self._nbytes[True] > self._budgets[True]:
            self.forget(next(name for name, kept in self._kept.items() if kept.on_host))

    def _move(self, kept: Kept) -> bool:
        """To the host; False where that has no memory either."""
        here = Kept(kept.ids, kept.layers)
        try:
            kept.layers = [layer.to("cpu", copy=True) for layer in here.layers]
        except (MemoryError, RuntimeError):
            return False
        here.erase()
        kept.on_host = True
        self._nbytes[False] -= kept.nbytes
        self._nbytes[True] += kept.nbytes
        return True


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences have in common from the front."""
    shorter = min(len(one), len(other))
    for place in range(shorter):
        if one[place] != other[place]:
            return place
    return shorter
