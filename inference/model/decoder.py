"""GLM's decoder as plain tensor operations over the weights of a `GlmForCausalLM`.

It computes what transformers' modules compute, with fewer calls. Query, key and value are one
product, positions turn in place, and keys and values go straight to their slot. The prefix, which
is the same for all, is read once a step.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import embedding, pad, rms_norm, scaled_dot_product_attention
from transformers import GlmForCausalLM
from transformers.activations import ACT2FN

from inference.model.attention import (
    HeadSizes,
    Reach,
    attend_reached,
    causal_mask,
    head_sizes,
    visible,
)
from inference.model.kv_cache import SlotCache
from inference.model.weights import LayerWeights, laid_out, product, take_layer

# oneDNN, which multiplies packed weights and 16 bits on a CPU, makes a kernel for every new number
# of rows. It keeps a thousand of them, 0.7 MiB each. So a prefill has a multiple of this.
PREFILL_ROWS = 16


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens of one slot in a prefill pass.

    Attributes:
        slot: The chat's slot.
        ids: New tokens.
        start: Tokens of text that the slot already holds.
    """

    slot: int
    ids: Sequence[int]
    start: int


class Decoder:
    """Forward passes; all state is in the cache that is handed in.

    Attributes:
        device: Where logits come out.
        dtype: In which floating type it computes.
        vocabulary: Size of a row of logits.
        embedding: Weights of the token embedding.
        layers: Weights of every layer.
        norm: Weights of the last norm.
        head: Weights of the logits.
    """

    def __init__(self, model: GlmForCausalLM, positions: int) -> None:
        """Take the weights; `positions` is the most rotary positions that will be asked for."""
        config = model.config
        self.sizes: HeadSizes = head_sizes(config)
        self._eps: float = config.rms_norm_eps
        self.embedding: torch.Tensor = model.model.embed_tokens.weight
        self.layers = [take_layer(layer) for layer in model.model.layers]
        self.norm: torch.Tensor = model.model.norm.weight
        tied = model.lm_head.weight is self.embedding
        self.head: torch.Tensor = model.lm_head.weight if tied else laid_out(model.lm_head)
        self.device: torch.device = self.head.device
        self.dtype: torch.dtype = self.head.dtype
        self.vocabulary: int = self.head.shape[0]
        self._turns = dict(self._rotations(type(model.model.rotary_emb)(config), positions))
        self._activation: Callable[[torch.Tensor], torch.Tensor] = ACT2FN[config.hidden_act]
        is_plain = self.layers[0].qkv.layout is torch.strided and self.dtype is torch.float32
        self._makes_kernels = self.device.type == "cpu" and not is_plain

    @property
    def devices(self) -> list[torch.device]:
        """The device of every layer."""
        return [layer.norm.device for layer in self.layers]

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Return (tokens, hidden) for (tokens,) ids."""
        return embedding(ids.to(self.embedding.device), self.embedding)

    def prefill(self, segments: Sequence[Segment], cache: SlotCache) -> None:
        """Store keys and values of all segments, their tokens side by side in every product."""
        ids = torch.tensor([token for segment in segments for token in segment.ids])
        starts = [torch.arange(s.start, s.start + len(s.ids)) for s in segments]
        positions = torch.cat(starts) + cache.prefix_length
        if self._makes_kernels:  # padding, so that the same numbers of rows come again
            spare = (0, -len(ids) % PREFILL_ROWS)
            ids, positions = pad(ids, spare), pad(positions, spare)
        hidden = self.embed(ids)
        causal = [causal_mask(cache.prefix_length + s.start, len(s.ids)) for s in segments]
        masks = {place: [mask.to(place) for mask in causal] for place in {*self.devices}}
        for number, layer in enumerate(self.layers):
            hidden = hidden.to(layer.norm.device)
            qkv = self._qkv(layer, hidden, self._turns[hidden.device][positions.to(hidden.device)])
            if number == len(self.layers) - 1:  # keys and values are all that is wanted
                _store_segments(segments, cache.layers[number], self._split(qkv)[1])
                return
            queries, kv = self._split(qkv)
            _store_segments(segments, cache.layers[number], kv)
            mixed = torch.zeros_like(queries)
            first = 0
            for segment, mask in zip(segments, masks[hidden.device], strict=True):
                rows = slice(first, first + len(segment.ids))
                first = rows.stop
                keys, values = cache.whole(number, segment.slot, segment.start + len(segment.ids))
                mixed[rows] = scaled_dot_product_attention(
                    queries[rows].transpose(0, 1)[None],
                    keys[None],
                    values[None],
                    attn_mask=mask,
                    enable_gqa=True,
                )[0].transpose(0, 1)
            hidden = self._finish(layer, hidden, mixed.flatten(1))

    def decode(
        self,
        ids: torch.Tensor,
        rows: torch.Tensor,
        starts: torch.Tensor,
        cache: SlotCache,
        reach: Reach,
    ) -> torch.Tensor:
        """Decode one token in every row, without waiting for the device.

        Args:
            ids: (n,) the tokens.
            rows: (n,) their slots.
            starts: (n,) tokens of text that each slot holds before.
            cache: Where keys and values lie.
            reach: What is read there.

        Returns:
            (n, vocabulary) logits of the tokens that follow.
        """
        hidden = self.embed(ids)
        span, columns, turns = reach.span, reach.columns, self._turns
        spread = None if len(ids) == span.stop - span.start else rows - span.start
        masks: dict[torch.device, torch.Tensor | None] = {}
        places: dict[tuple[torch.device, torch.Size], torch.Tensor] = {}
        for number, layer in enumerate(self.layers):
            device = layer.norm.device
            if device not in masks:
                rows, starts = rows.to(device), starts.to(device)
                spread = None if spread is None else spread.to(device)
                seen = starts, spread, span, columns, self.sizes, self.dtype
                masks[device] = visible(*seen) if columns else None
                turned = turns[device][starts + cache.prefix_length]
            hidden = hidden.to(device)
            queries, kv = self._split(self._qkv(layer, hidden, turned))
            store = cache.layers[number]
            kind = (device, store.shape)  # memory that ran out may have left layers of two shapes
            if kind not in places:
                places[kind] = cache.places(number, rows, starts)
            flat = store.view(-1, self.sizes.dim)
            flat.index_copy_(0, places[kind], kv.reshape(-1, self.sizes.dim))
            prefix = cache.prefix(number)
            mixed = attend_reached(queries, store, prefix, masks[device], reach, spread)
            hidden = self._finish(layer, hidden, mixed)
        return product(self._normed(hidden.to(self.device), self.norm), self.head)

    def _qkv(self, layer: LayerWeights, hidden: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        """Return (tokens, heads + 2·groups, dim), queries and keys turned to their positions."""
        sizes = self.sizes
        normed = self._normed(hidden, layer.norm)
        qkv = product(normed, layer.qkv, layer.qkv_bias).view(len(hidden), -1, sizes.dim)
        rotary = qkv[:, : sizes.heads + sizes.groups, : sizes.rotary]
        pairs = rotary.view(*rotary.shape[:-1], -1, 2)
        if self.dtype is torch.float32:
            torch.view_as_complex(pairs).mul_(turns)
        else:
            pairs.copy_(torch.view_as_real(torch.view_as_complex(pairs.float()) * turns))
        return qkv

    def _split(self, qkv: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return views: queries (tokens, heads, dim), keys and values (tokens, 2, groups, dim)."""
        sizes = self.sizes
        kv = qkv[:, sizes.heads :].view(len(qkv), 2, sizes.groups, sizes.dim)
        return qkv[:, : sizes.heads], kv

    def _finish(
        self, layer: LayerWeights, hidden: torch.Tensor, mixed: torch.Tensor
    ) -> torch.Tensor:
        """Compute what follows attention in a layer."""
        attended = product(mixed, layer.out)
        if layer.outer_norms is not None:
            attended = self._normed(attended, layer.outer_norms[0])
        hidden = hidden + attended
        normed = self._normed(hidden, layer.mlp_norm)
        gate, up = product(normed, layer.gate_up).chunk(2, dim=-1)
        inner = product(self._activation(gate).mul_(up), layer.down)
        if layer.outer_norms is not None:
            inner = self._normed(inner, layer.outer_norms[1])
        return hidden + inner

    def _normed(self, hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Return the RMS norm, in half the time of torch's own for a few rows on a CPU."""
        if self.dtype is not torch.float32:
            return rms_norm(hidden, weight.shape, weight, self._eps)
        length = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)
        mean = (length * length).mul_(1 / hidden.shape[-1]).add_(self._eps)
        normed: torch.Tensor = (hidden * mean.rsqrt_()).mul_(weight)
        return normed

    def _rotations(
        self, rotary: Any, positions: int
    ) -> Iterator[tuple[torch.device, torch.Tensor]]:
        """Yield for every device (positions, 1, rotary/2) complex factors that turn pairs.

        Frequencies and scale are those that transformers computes, always in float32.
        """
        angles = torch.arange(positions)[:, None] * rotary.inv_freq
        scale = torch.full_like(angles, rotary.attention_scaling)
        turns = torch.polar(scale, angles)[:, None]
        for device in dict.fromkeys(self.devices):
            yield device, turns.to(device)


def _store_segments(segments: Sequence[Segment], store: torch.Tensor, kv: torch.Tensor) -> None:
    first = 0
    for segment in segments:
        width = len(segment.ids)
        new = kv[first : first + width].permute(1, 2, 0, 3)
        store[:, segment.slot, :, segment.start : segment.start + width] = new
        first += width
