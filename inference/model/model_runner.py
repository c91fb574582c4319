"""Forward passes of the model over slots of the cache."""

import sys
from collections.abc import Sequence
from typing import Protocol

import torch
from transformers import GlmForCausalLM

from inference.model.attention import Apart, Reach
from inference.model.cuda_graphs import capture_for
from inference.model.decode_graphs import StaticDecode, rounded_up
from inference.model.decoder import Decoder, Segment
from inference.model.kv_cache import GRAIN, Prefix, SlotCache, tight_size

# Tokens by which a chat must be longer than the usual to be attended by itself.
APART = 256
# For 16 bits a CPU's library makes a kernel for every new shape. That takes longer than the
# products, and it keeps a thousand of them in half a MiB each. So columns are a multiple of 32 up
# to 256, of 64 up to 512, then of 128. Slots have as many; those beyond are masked.
COLUMNS = ((256, 32), (512, 64), (sys.maxsize, GRAIN))
# In 16 bits a chat that is the only one is attended by itself while it is no longer than this.
ALONE = 1024


class Runner(Protocol):
    """What the engine asks of a model over slots; wrap a `ModelRunner` to slow or break it.

    Attributes:
        cache: Keys and values of all slots.
        device: Where it computes.
        dtype: In which floating type.
        vocabulary: Size of a row of logits; ids of prompts must be below.
    """

    cache: SlotCache
    device: torch.device
    dtype: torch.dtype
    vocabulary: int

    def prefill(self, segments: Sequence[Segment]) -> None:
        """Store tokens of several slots in one pass."""
        ...

    def decode(
        self, slots: Sequence[int], ids: Sequence[int], stored: Sequence[int]
    ) -> torch.Tensor:
        """Return logits after one token in every slot."""
        ...

    def end_step(self, *, is_idle: bool) -> None:
        """Clean up after a step."""
        ...

    def reset(self) -> None:
        """Wipe all slots and give all memory back that is not the model's."""
        ...

    def release_memory(self) -> None:
        """Hand unused blocks back to the device."""
        ...

    def check(self) -> None:
        """Raise an error if the device computes no more."""
        ...


class ModelRunner:
    """The model with its slots.

    Attributes:
        device: Where it computes.
        dtype: In which floating type.
        vocabulary: Size of a row of logits; ids of prompts must be below.
    """

    def __init__(self, model: GlmForCausalLM, prefix: Prefix | None) -> None:
        # A padding row stands at the last place that slots can ever have.
        longest = rounded_up(1, model.config.max_position_embeddings)[1]
        self.decoder = Decoder(model, longest + (prefix.length if prefix else 0))
        self.device = self.decoder.device
        self.dtype = self.decoder.dtype
        self.vocabulary = self.decoder.vocabulary
        capture = capture_for([*self.decoder.devices, self.device])
        self.cache = SlotCache(
            model.config,
            prefix,
            devices=self.decoder.devices,
            dtype=self.dtype,
            size=tight_size if capture is None else rounded_up,
        )
        self.static = None if capture is None else StaticDecode(self.decoder, self.cache, capture)

    def prefill(self, segments: Sequence[Segment]) -> None:
        """Store tokens of several slots in one pass."""
        for segment in segments:
            self.cache.reserve(segment.slot, segment.start + len(segment.ids))
        self.decoder.prefill(segments, self.cache)

    def decode(
        self, slots: Sequence[int], ids: Sequence[int], stored: Sequence[int]
    ) -> torch.Tensor:
        """Decode one token in every slot.

        Storing the same token again changes nothing, so a failed pass can be repeated.

        Args:
            slots: One a row, ascending.
            ids: The token of each row.
            stored: Tokens that each slot already holds.

        Returns:
            (rows, vocabulary) logits of the tokens that follow.
        """
        for slot, start in zip(slots, stored, strict=True):
            self.cache.reserve(slot, start + 1)
        if self.static is not None:
            return self.static.decode(slots, ids, stored)
        return self.decoder.decode(
            torch.tensor(ids, device=self.device),
            torch.tensor(slots, device=self.device),
            torch.tensor(stored, device=self.device),
            self.cache,
            reach(slots, stored, is_half=self.dtype is not torch.float32),
        )

    def end_step(self, *, is_idle: bool) -> None:
        """Give the memory of slots back while no chat runs, unless captured steps refer to it.

        Those keep the most that was ever needed, until memory runs short (`reset`). Capturing them
        again would delay the next chat's first word.
        """
        if is_idle and self.static is None:
            self.cache.trim()

    def reset(self) -> None:
        """Wipe all slots and give all memory back that is not the model's."""
        self.cache.trim()
        if self.static is not None:
            self.static.drop()
        self.release_memory()

    def release_memory(self) -> None:
        """Hand unused blocks back to the device after memory ran short."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def check(self) -> None:
        """Raise the device's error if it computes no more; full memory is not a reason."""
        try:
            torch.ones(1, device=self.device).item()
        except Exception as error:
            if not is_out_of_memory(error):
                raise


def reach(slots: Sequence[int], stored: Sequence[int], *, is_half: bool = False) -> Reach:
    """Return what a pass reads in every slot, and the rows that are attended by themselves.

    Attention over all slots at once costs as much as if every chat were as long as the longest.
    So chats of more than twice the usual length go by themselves, if they are longer by enough
    to be worth a pass of their own.

    Args:
        slots: One a row, ascending.
        stored: Tokens that each slot holds before the new one.
        is_half: Whether numbers have 16 bits.
    """
    span = slice(slots[0], slots[-1] + 1)
    usual = sorted(stored)[(len(stored) - 1) // 2]
    most = max(2 * usual, usual + APART)
    columns = max(start for start in stored if start <= most) + 1
    if is_half:
        is_alone = len(slots) == 1 and columns <= ALONE
        step = next(step for most, step in COLUMNS if columns <= most)
        columns = 0 if is_alone else -(-columns // step) * step
    rows = enumerate(zip(slots, stored, strict=True))
    return Reach(
        span, columns, [Apart(row, slot, n + 1) for row, (slot, n) in rows if n >= columns]
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory, of the device or the machine, ran out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    said = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(words in str(error) for words in said)
