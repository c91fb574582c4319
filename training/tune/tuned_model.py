"""A frozen GLM behind a prefix that trains, as transformers' Trainer takes it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from transformers import AttentionInterface, GlmForCausalLM

from training.tune.prefix_encoder import PrefixEncoder
from training.tune.samples import IGNORED, EncodedSample

_ATTENTION = "pica_prefix"


def attend_behind_prefix(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: torch.Tensor | None,
    *,
    scaling: float,
    prefix: torch.Tensor,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend to the prefix and to the text so far, as ChatGLM2 does it.

    Queries and keys come rotated. The prefix keys stay unrotated and the text counts from 0, so
    nothing turns with the prefix's length.

    Args:
        module: The layer's attention, for its number.
        query: (samples, heads, tokens, head_dim).
        key: (samples, groups, tokens, head_dim).
        value: Likewise.
        scaling: Of the scores.
        prefix: What `PrefixEncoder` returned.

    Returns:
        (samples, tokens, heads, head_dim), and None for the weights.
    """
    layer = 2 * module.layer_idx
    keys = torch.cat([prefix[layer], key], dim=2)
    values = torch.cat([prefix[layer + 1], value], dim=2)
    mixed = scaled_dot_product_attention(
        query,
        keys,
        values,
        attn_mask=causal_lower_right(query.shape[2], keys.shape[2]),
        scale=scaling,
        enable_gqa=keys.shape[1] != query.shape[1],
    )
    return mixed.transpose(1, 2), None


AttentionInterface.register(_ATTENTION, attend_behind_prefix)


class TunedModel(nn.Module):
    """A prefix in front of a frozen base; only the prefix is trained, saved and moved.

    Attributes:
        encoder: The prefix.
        accepts_loss_kwargs: Tells the Trainer to divide by the accumulation, as published.
        losses: The loss of each forward pass since `take_loss`.
    """

    accepts_loss_kwargs = False

    def __init__(self, base: GlmForCausalLM, encoder: PrefixEncoder, checkpoints: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.losses: list[torch.Tensor] = []
        # In a tuple, torch does not count the base among the parts of this module.
        self._base = (base,)
        base.set_attn_implementation(_ATTENTION)
        if checkpoints:
            base.activation_checkpointing_enable({"use_reentrant": False})
            # In evaluation mode checkpointing does nothing. GLM has no dropout of its own.
            base.train()

    @property
    def device(self) -> torch.device:
        """Where base and prefix compute."""
        return self._base[0].device

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the mean cross entropy over all labels of the batch."""
        logits, wanted = self.answer_logits(input_ids, labels)
        loss = cross_entropy(logits.float(), wanted)
        self.losses.append(loss.detach())
        return {"loss": loss}

    def answer_logits(
        self, input_ids: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits of the rows that predict a label, and those labels.

        The head over all rows would hold most of the memory.
        """
        (base,) = self._base
        prefix = self.encoder(len(input_ids), base.dtype)
        states = base.model(input_ids=input_ids, use_cache=False, prefix=prefix).last_hidden_state
        following = labels[:, 1:]
        is_wanted = following != IGNORED
        return base.lm_head(states[:, :-1][is_wanted]), following[is_wanted]

    def take_loss(self) -> float:
        """Return the mean of the losses since the last call."""
        mean = float(torch.stack(self.losses).mean())
        self.losses.clear()
        return mean


def collate(samples: list[EncodedSample]) -> dict[str, torch.Tensor]:
    """Return a batch as long as its longest sample; what pads it has no label."""
    longest = max(len(sample.input_ids) for sample in samples)

    def filled(rows: list[list[int]], filler: int) -> torch.Tensor:
        return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])

    return {
        "input_ids": filled([sample.input_ids for sample in samples], 0),
        "labels": filled([sample.labels for sample in samples], IGNORED),
    }
