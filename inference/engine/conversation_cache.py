"""Keys and values of conversations between two of their turns."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(slots=True)
class CachedConversation:
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
        """Overwrite the tensors: freed memory keeps its content until it is written again."""
        for layer in self.layers:
            layer.zero_()


class ConversationCache:
    """Evicts the least recently used first: to the host if that has room, then for good.

    Args:
        device_bytes: The most that may stay on the device.
        host_bytes: The most that may move to the machine's memory; 0 for none.
    """

    def __init__(self, *, device_bytes: int, host_bytes: int = 0) -> None:
        self._budgets = {False: device_bytes, True: host_bytes}
        self._cached: OrderedDict[str, CachedConversation] = OrderedDict()
        self._nbytes = {False: 0, True: 0}

    def __len__(self) -> int:
        return len(self._cached)

    def __contains__(self, conversation: str) -> bool:
        return conversation in self._cached

    @property
    def nbytes(self) -> int:
        """Bytes held, on the device and on the host."""
        return sum(self._nbytes.values())

    @property
    def is_enabled(self) -> bool:
        """Whether there is any room at all."""
        return any(self._budgets.values())

    def match(self, conversation: str, ids: Sequence[int]) -> tuple[list[torch.Tensor], int]:
        """Return what a prompt can use again: tensors, and how many of their tokens match.

        The last token of the prompt is always left to be computed, because it gives the next one.
        """
        cached = self._cached.get(conversation)
        if cached is None:
            return [], 0
        self._cached.move_to_end(conversation)
        return cached.layers, min(common_length(cached.ids, ids), len(ids) - 1)

    def store(self, conversation: str, ids: Sequence[int], layers: list[torch.Tensor]) -> None:
        """Hold a conversation, in place of what was held of it."""
        self.forget(conversation)
        cached = CachedConversation(tuple(ids), layers)
        self._cached[conversation] = cached
        self._nbytes[False] += cached.nbytes
        self._shrink(self._budgets[False])

    def forget(self, conversation: str) -> bool:
        """Erase a conversation; return whether there was one."""
        cached = self._cached.pop(conversation, None)
        if cached is None:
            return False
        self._nbytes[cached.on_host] -= cached.nbytes
        cached.erase()
        return True

    def clear(self) -> bool:
        """Erase all; return whether there were any. Nothing is held even if the device fails."""
        # What is on the host first: erasing that cannot fail.
        erased = sorted(self._cached.values(), key=lambda cached: not cached.on_host)
        self._cached.clear()
        self._nbytes = {False: 0, True: 0}
        for cached in erased:
            cached.erase()
        return bool(erased)

    def evict_half(self) -> bool:
        """Evict the least recently used half from the device; return whether there was any."""
        before = self._nbytes[False]
        self._shrink(before // 2)
        return before > 0

    def _shrink(self, device_bytes: int) -> None:
        """Move to the host what has room there, and forget the rest."""
        while self._nbytes[False] > device_bytes:
            name, cached = next(item for item in self._cached.items() if not item[1].on_host)
            if cached.nbytes > self._budgets[True] or not self._move(cached):
                self.forget(name)
        while self._nbytes[True] > self._budgets[True]:
            self.forget(next(name for name, cached in self._cached.items() if cached.on_host))

    def _move(self, cached: CachedConversation) -> bool:
        """Move a conversation to the host; return False if that has no memory either."""
        on_device = CachedConversation(cached.ids, cached.layers)
        try:
            cached.layers = [layer.to("cpu", copy=True) for layer in on_device.layers]
        except (MemoryError, RuntimeError):
            return False
        on_device.erase()
        cached.on_host = True
        self._nbytes[False] -= cached.nbytes
        self._nbytes[True] += cached.nbytes
        return True


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many tokens two sequences have in common from the front."""
    shorter = min(len(one), len(other))
    for place in range(shorter):
        if one[place] != other[place]:
            return place
    return shorter
