"""Forward passes of the model over slots of the cache.

Knows the model and where keys and values lie. Does not know requests, sampling or order.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import GlmForCausalLM

from inference.cache import SlotCache
from inference.prefix import Prefix


class ModelRunner:
    """The model with its slots.

    Attributes:
        device: Where it computes.
        dtype: In which floating type.
        vocabulary: Size of a row of logits; ids of prompts must be below.
    """

    def __init__(self, model: GlmForCausalLM, prefix: Prefix | None) -> None:
        weight = model.lm_head.weight
        self._model = model
        self.device: torch.device = weight.device
        self.dtype: torch.dtype = weight.dtype
        self.vocabulary: int = weight.shape[0]
        self.cache = SlotCache(model.config, prefix, device=self.device, dtype=self.dtype)

    def prefill(self, slot: int, ids: Sequence[int], stored: int) -> None:
        """Stores keys and values of ``ids`` behind the ``stored`` tokens that the slot holds."""
        self._hidden([slot], [list(ids)], [stored])

    def decode(
        self, slots: Sequence[int], ids: Sequence[int], stored: Sequence[int]
    ) -> torch.Tensor:
        """One token in every slot.

        Args:
            slots: One a row.
            ids: The token of each row.
            stored: Tokens that each slot already holds.

        Returns:
            (rows, vocabulary) logits of the tokens that follow.
        """
        hidden = self._hidden(slots, [[token] for token in ids], stored)
        logits: torch.Tensor = self._model.lm_head(hidden[:, -1])
        return logits

    def _hidden(
        self, slots: Sequence[int], ids: Sequence[Sequence[int]], stored: Sequence[int]
    ) -> torch.Tensor:
        width = len(ids[0])
        for slot, start in zip(slots, stored, strict=True):
            self.cache.reserve(slot, start + width)
        view = self.cache.view(slots, stored, width)
        output = self._model.model(
            input_ids=torch.tensor(ids, device=self.device),
            attention_mask=view.mask,
            position_ids=view.positions,
            past_key_values=view,
            use_cache=True,
        )
        hidden: torch.Tensor = output.last_hidden_state
        return hidden

    def release_memory(self) -> None:
        """Hands unused blocks back to the device after memory ran short."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of the device or the machine, ran out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    said = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(words in str(error) for words in said)
