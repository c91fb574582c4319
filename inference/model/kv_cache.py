"""Keys and values: one slot for each running chat, and the prefix once for all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import GlmConfig

from inference.model.attention import head_sizes

# Slots grow to a multiple of this many tokens.
GRAIN = 128


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys and values that stand in front of every text.

    The text's first token has position `length`; the keys are rotated to match.

    Attributes:
        keys: (layers, groups, length, head_dim), float32, on the CPU.
        values: The same shape.
    """

    keys: torch.Tensor
    values: torch.Tensor

    @property
    def length(self) -> int:
        """Number of virtual tokens."""
        return self.keys.shape[2]


def tight_size(slots: int, tokens: int) -> tuple[int, int]:
    """Return the least slots and capacity for so many tokens, rounded up, and one to spare."""
    return slots, -(-(tokens + 1) // GRAIN) * GRAIN


class SlotCache:
    """Keys and values of all slots, grown as chats grow.

    The last place of a slot is spare: padding rows of a pass write there. What they write may not
    be finite, so it is erased before that place becomes an ordinary one.

    Attributes:
        layers: For each layer (2, slots, groups, capacity, head_dim): keys, then values. If
            memory ran out while they grew, they differ in slots and capacity.
        prefix_length: Virtual tokens that stand before every text.
        version: Grows whenever a tensor of `layers` is replaced by another.

    Args:
        config: Of the model.
        prefix: Keys and values that stand before every text, or None.
        devices: Of every layer.
        dtype: Of keys and values.
        size: Maps the slots and tokens that are needed to the slots and capacity to allocate. The
            capacity must be larger than the tokens.
    """

    def __init__(
        self,
        config: GlmConfig,
        prefix: Prefix | None,
        *,
        devices: Sequence[torch.device],
        dtype: torch.dtype,
        size: Callable[[int, int], tuple[int, int]] = tight_size,
    ) -> None:
        heads = head_sizes(config)
        self._groups, self._head_dim = heads.groups, heads.dim
        self._devices = devices
        self._dtype = dtype
        self._size = size
        self.prefix_length = prefix.length if prefix else 0
        self._prefix: list[torch.Tensor] = []
        if prefix is not None:
            both = torch.stack([prefix.keys, prefix.values], dim=1)
            self._prefix = [
                part.to(device, dtype) for part, device in zip(both, devices, strict=True)
            ]
        self.version = 0
        self._used: list[int] = []  # tokens that were ever stored in a slot since it was wiped
        self.layers: list[torch.Tensor] = []
        self.trim()

    @property
    def slots(self) -> int:
        """Slots that all layers have."""
        return min(layer.shape[1] for layer in self.layers)

    @property
    def nbytes(self) -> int:
        """Bytes held for slots."""
        return sum(layer.nbytes for layer in self.layers)

    @property
    def token_nbytes(self) -> int:
        """Bytes of one token's keys and values in all layers."""
        one = 2 * self._groups * self._head_dim * self._dtype.itemsize
        return one * len(self.layers)

    @property
    def capacity(self) -> int:
        """Tokens that every slot can hold."""
        return min(layer.shape[3] for layer in self.layers)

    def prefix(self, layer: int) -> torch.Tensor | None:
        """Return the prefix of a layer, (2, groups, length, head_dim), or None."""
        return self._prefix[layer] if self._prefix else None

    def reserve(self, slot: int, tokens: int) -> None:
        """Grow all layers so that `slot` can hold `tokens` tokens and one to spare.

        Layer by layer, so that the copy needs room for one layer only. If memory runs out in
        between, layers differ in size, but what was stored stays.
        """
        self._used += [0] * (slot + 1 - len(self._used))
        self._used[slot] = max(self._used[slot], tokens)
        slots, capacity = self._size(slot + 1, tokens)
        if capacity > self.capacity:
            for layer in self.layers:
                layer[:, :, :, self._spare] = 0
        for number, old in enumerate(self.layers):
            wanted = max(slots, old.shape[1]), max(capacity, old.shape[3])
            if wanted != (old.shape[1], old.shape[3]):
                new = self.allocate(number, *wanted)
                new[:, : old.shape[1], :, : old.shape[3]] = old
                self.layers[number] = new
                self.version += 1
                old.zero_()  # freed memory keeps its content until it is written again

    def wipe(self, slot: int) -> None:
        """Erase the chat that was there.

        Its content must not outlive it. A number that is not finite, left by a failed chat, must
        not reach the next through the masked part of attention (0 times NaN is NaN).
        """
        if slot < len(self._used):
            for layer in self.layers:
                layer[:, slot : slot + 1, :, : self._used[slot]] = 0
                layer[:, slot : slot + 1, :, self._spare] = 0
            self._used[slot] = 0

    def move(self, source: int, target: int, tokens: int) -> None:
        """Move a chat to another slot and wipe the one it leaves."""
        self.reserve(target, tokens)
        for layer in self.layers:
            layer[:, target, :, :tokens] = layer[:, source, :, :tokens]
        self.wipe(source)

    def copy_out(self, slot: int, tokens: int) -> list[torch.Tensor]:
        """Return the first tokens of a slot: (2, groups, tokens, head_dim) for each layer."""
        return [layer[:, slot, :, :tokens].clone() for layer in self.layers]

    def copy_in(self, slot: int, held: Sequence[torch.Tensor], tokens: int) -> None:
        """Put the first tokens of what was copied out into a slot."""
        self.reserve(slot, tokens)
        for layer, part in zip(self.layers, held, strict=True):
            layer[:, slot, :, :tokens] = part[:, :, :tokens]

    def whole(self, layer: int, slot: int, tokens: int) -> torch.Tensor:
        """Return prefix and text of a slot in one piece: (2, groups, tokens, head_dim)."""
        own = self.layers[layer][:, slot, :, :tokens]
        return torch.cat([self._prefix[layer], own], dim=2) if self._prefix else own

    def places(self, layer: int, slots: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
        """Return where one token of each slot lies in a layer seen as rows of `head_dim` numbers.

        It is the same in every layer of the same shape.

        Args:
            layer: Its number.
            slots: (n,).
            starts: (n,) the place of each token in its slot.

        Returns:
            (n·2·groups,) in the order (slot, keys then values, group).
        """
        _, count, groups, capacity, _ = self.layers[layer].shape
        sides = torch.arange(2 * groups, device=slots.device)
        slots = sides // groups * count + slots[:, None]
        return ((slots * groups + sides % groups) * capacity + starts[:, None]).flatten()

    def trim(self) -> None:
        """Wipe all slots and give their memory back; only while no slot is in use."""
        try:
            for slot, used in enumerate(self._used):
                if used:
                    self.wipe(slot)
        finally:  # a device that fails must not keep them
            self._used = []
            self.layers = [self.allocate(number, 0, 0) for number in range(len(self._devices))]
            self.version += 1

    @property
    def _spare(self) -> slice:
        """The spare place of every layer; empty while there is none."""
        return slice(max(0, self.capacity - 1), self.capacity)

    def allocate(self, layer: int, slots: int, capacity: int) -> torch.Tensor:
        """Return an empty tensor for so many slots of a layer, on the layer's device."""
        shape = (2, slots, self._groups, capacity, self._head_dim)
        return torch.zeros(shape, device=self._devices[layer], dtype=self._dtype)
