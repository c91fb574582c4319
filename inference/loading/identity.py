"""What a folder can be, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from inference.loading.layout import PREFIX_KEY, Layout
from inference.loading.tensor_headers import StoredTensor
from inference.loading.weight_files import Shards

EMBEDDING = f"{PREFIX_KEY}embedding.weight"
PEFT_KEY = "prompt_embeddings"


class Kind(StrEnum):
    """The kinds of folders that are of use; OTHER is everything else."""

    CHATGLM2 = "ChatGLM2"
    CHATGLM3 = "ChatGLM3"
    GLM = "GLM"
    GLM4 = "GLM-4-0414"
    P_TUNING = "a P-Tuning v2 prefix"
    PEFT_PREFIX = "a PEFT prefix"
    OTHER = "no model"


NO_SHARDS = Shards(())
PREFIXES = (Kind.P_TUNING, Kind.PEFT_PREFIX)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a folder is.

    Attributes:
        folder: The folder.
        kind: What it is of use for.
        raw: Its `config.json`, or the adapter's.
        layout: The model's sizes, if it is a model that can be computed.
        shards: Its weight files.
        tensors: The tensors in them.
        faults: What stops its use, each with what to do.
    """

    folder: Path
    kind: Kind = Kind.OTHER
    raw: Mapping[str, Any] = field(default_factory=dict)
    layout: Layout | None = None
    shards: Shards = NO_SHARDS
    tensors: Mapping[str, StoredTensor] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def is_model(self) -> bool:
        """Whether it is a whole model, complete or not."""
        return self.kind not in {*PREFIXES, Kind.OTHER}

    @property
    def prefix_tensor(self) -> StoredTensor | None:
        """The tensor of the virtual tokens, if there is one, also inside a model."""
        tensor = self.tensors.get(PEFT_KEY if self.kind is Kind.PEFT_PREFIX else EMBEDDING)
        return tensor if tensor is not None and len(tensor.shape) == 2 else None

    @property
    def nbytes(self) -> int:
        """Bytes of the weight files."""
        return sum(path.stat().st_size for path in self.shards.paths)

    @property
    def parameters(self) -> int:
        """Numbers in all weights together."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors.values())

    @property
    def name(self) -> str:
        """What it is, in words."""
        name = str(self.kind)
        if self.is_model and self.raw.get("rope_ratio", 1) != 1:
            name += f" for long texts (rope_ratio {self.raw['rope_ratio']})"
        tensor = self.prefix_tensor
        if tensor is None:
            return name
        length = f"of {tensor.shape[0]} tokens"
        return f"{name} with a prefix {length} inside" if self.is_model else f"{name} {length}"
