"""Where keys and values live: one slot a running chat, the prefix in front of each.

Knows tensors and positions. Does not know requests, tokens or which slot is whose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import GlmConfig
from transformers.cache_utils import Cache

from inference.layout import head_sizes
from inference.prefix import Prefix

#: Slots grow to a multiple of this many tokens.
GRAIN = 128


class SlotCache:
    """Keys and values of all slots, grown as chats grow, given back when nobody talks.

    Each layer has two tensors of shape (rows, groups, capacity, head_dim); a slot is a row.
    The first ``prefix.length`` columns of every row hold the prefix.
    """

    def __init__(
        self,
        config: GlmConfig,
        prefix: Prefix | None,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        heads = head_sizes(config)
        self._groups, self._head_dim = heads.groups, heads.dim
        self._device = device
        self._dtype = dtype
        self.prefix_length = prefix.length if prefix else 0
        empty = torch.empty(0, self._groups, 0, self._head_dim, device=device, dtype=dtype)
        self._empty = empty
        self._layers = [[empty, empty] for _ in range(config.num_hidden_layers)]
        sides = (prefix.keys, prefix.values) if prefix else ()
        self._prefix = [
            [side[layer].to(device=device, dtype=dtype) for side in sides]
            for layer in range(config.num_hidden_layers)
        ]

    @property
    def nbytes(self) -> int:
        """Bytes held for slots."""
        return sum(part.nbytes for layer in self._layers for part in layer)

    def open(self, slot: int, tokens: int) -> None:
        """Makes a slot ready for a new chat of ``tokens`` tokens and wipes the chat before.

        Wiping keeps a number that is not finite, left by a failed chat, from reaching the next
        one through the masked part of attention (0 times NaN is NaN).
        """
        self.reserve(slot, tokens)
        for layer in self._layers:
            for part in layer:
                part[slot, :, self.prefix_length :] = 0

    def reserve(self, slot: int, tokens: int) -> None:
        """Grows all layers so that ``slot`` can hold ``tokens`` tokens behind the prefix.

        Layer by layer, so that the copy needs room for one layer only. If memory runs out in
        between, layers differ in size and nothing is lost.
        """
        wanted = -(-(self.prefix_length + tokens) // GRAIN) * GRAIN
        for number, layer in enumerate(self._layers):
            for side in (0, 1):
                old = layer[side]
                rows, capacity = max(slot + 1, old.shape[0]), max(wanted, old.shape[2])
                if (rows, capacity) != (old.shape[0], old.shape[2]):
                    new = self._grown(old, rows, capacity)
                    if self.prefix_length:
                        new[old.shape[0] :, :, : self.prefix_length] = self._prefix[number][side]
                    layer[side] = new

    def _grown(self, old: torch.Tensor, rows: int, capacity: int) -> torch.Tensor:
        shape = (rows, self._groups, capacity, self._head_dim)
        new = torch.zeros(shape, device=self._device, dtype=self._dtype)
        new[: old.shape[0], :, : old.shape[2]] = old
        return new

    def trim(self) -> None:
        """Gives all memory of slots back; only while no slot is in use."""
        self._layers = [[self._empty, self._empty] for _ in self._layers]

    def view(self, slots: Sequence[int], starts: Sequence[int], width: int) -> SlotView:
        """What one forward pass sees: ``width`` new tokens in each of ``slots``.

        Args:
            slots: One a row of the batch; room must have been reserved.
            starts: Tokens of text that each slot already holds.
            width: New tokens in each row; with several rows it must be 1.
        """
        return SlotView(
            self._layers,
            prefix_length=self.prefix_length,
            slots=slots,
            starts=starts,
            width=width,
            device=self._device,
        )


class SlotView(Cache):
    """Some slots as a transformers cache for one forward pass.

    Attributes:
        positions: (rows, width) rotary positions of the new tokens.
        mask: (rows, 1, width, columns) booleans: which columns a new token may see.
    """

    def __init__(
        self,
        storage: list[list[torch.Tensor]],
        *,
        prefix_length: int,
        slots: Sequence[int],
        starts: Sequence[int],
        width: int,
        device: torch.device,
    ) -> None:
        if width != 1 and len(slots) != 1:
            raise ValueError("several slots take one new token each")
        super().__init__(layers=[])
        self._storage = storage
        self._slots = list(slots)
        self._width = width
        self._first = prefix_length + starts[0]
        self._columns = prefix_length + max(starts) + width
        together = self._slots == list(range(slots[0], slots[0] + len(slots)))
        self._span = slice(slots[0], slots[0] + len(slots)) if together else None
        self._rows = torch.tensor(self._slots, device=device)
        firsts = torch.tensor([prefix_length + start for start in starts], device=device)
        self.positions = firsts[:, None] + torch.arange(width, device=device)
        columns = torch.arange(self._columns, device=device)
        self.mask = (columns[None, None, :] <= self.positions[:, :, None])[:, None]

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Stores new keys and values, each (rows, groups, width, head_dim); gives all so far.

        Storing the same tokens again changes nothing, so a failed pass can be repeated.
        """
        layer = self._storage[layer_idx]
        keys = self._store(layer[0], key_states)
        values = self._store(layer[1], value_states)
        return keys, values

    def _store(self, held: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        if len(self._slots) == 1:
            held[self._slots[0], :, self._first : self._first + self._width] = new[0]
        else:
            held[self._rows, :, self.positions[:, 0]] = new[:, :, 0]
        rows = held[self._span] if self._span is not None else held.index_select(0, self._rows)
        return rows[:, :, : self._columns]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Columns that were there before this pass."""
        return self._columns - self._width
