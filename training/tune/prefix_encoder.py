"""The part that trains: virtual tokens as keys and values of every layer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from transformers import GlmConfig

from inference.model.attention import head_sizes


class PrefixEncoder(nn.Module):
    """ChatGLM2's prefix encoder, with its names and its start.

    Attributes:
        embedding: The virtual tokens.
        trans: The projection, or None.
        dropout: Acts on unrotated keys and values, apart for each sample.
    """

    def __init__(
        self, config: GlmConfig, length: int, projected: int | None, dropout: float
    ) -> None:
        """Start with torch's defaults, as published.

        Args:
            config: Of the base.
            length: Virtual tokens.
            projected: Width inside the projection, or None without one.
            dropout: Probability.
        """
        super().__init__()
        sizes = head_sizes(config)
        self._shape = (2 * config.num_hidden_layers, sizes.groups, sizes.dim)
        width = self._shape[0] * self._shape[1] * self._shape[2]
        self.embedding = nn.Embedding(length, width)
        self.trans: nn.Sequential | None = None
        if projected is not None:
            self.trans = nn.Sequential(
                nn.Linear(width, projected), nn.Tanh(), nn.Linear(projected, width)
            )
        self.dropout: nn.Module = nn.Dropout(dropout)

    @classmethod
    def from_weights(
        cls, config: GlmConfig, weights: Mapping[str, torch.Tensor], dropout: float
    ) -> PrefixEncoder:
        """Continue from what `trainable_weights` read."""
        inner = weights.get("trans.0.bias")
        length = len(weights["embedding.weight"])
        encoder = cls(config, length, None if inner is None else len(inner), dropout)
        encoder.load_state_dict(dict(weights))
        return encoder

    @property
    def length(self) -> int:
        """Virtual tokens."""
        return self.embedding.num_embeddings

    def forward(self, samples: int, dtype: torch.dtype) -> torch.Tensor:
        """Return keys and values in turn: (2·layers, samples, groups, length, head_dim)."""
        flat = self.embedding.weight
        if self.trans is not None:
            flat = self.trans(flat)
        each = flat.to(dtype).view(self.length, *self._shape).expand(samples, -1, -1, -1, -1)
        dropped: torch.Tensor = self.dropout(each)
        return dropped.permute(2, 0, 3, 1, 4)
