"""Runs that the published training code computed, and a base to tune."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import GlmForCausalLM

from inference.loading.checkpoint import load_model
from inference.loading.identify import require_model, require_prefix
from inference.loading.identity import Identity
from inference.loading.prefix_file import trainable_weights
from inference.loading.tokenizer_choice import open_tokenizer
from training.tune.prefix_encoder import PrefixEncoder
from training.tune.samples import EncodedSample, Sample, encode_sample
from training.tune.tuned_model import TunedModel

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "tests" / "data" / "reference"
PUBLISHED = ROOT.parent / "shared" / "reference"


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny models: a second thread costs more than it computes."""
    torch.set_num_threads(1)


@dataclass(frozen=True)
class PublishedRun:
    """What the published code computed while it trained one prefix."""

    folder: Path
    said: dict[str, Any]
    tensors: dict[str, torch.Tensor]

    @property
    def base(self) -> Path:
        return self.folder / self.said["base"]

    @property
    def prefix(self) -> Path:
        return self.folder / self.said["starting_prefix"]

    @property
    def known(self) -> Identity:
        return require_model(self.base)

    def tensor_group(self, start: str) -> dict[str, torch.Tensor]:
        return {
            name.removeprefix(start): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(start)
        }

    def samples(self) -> list[EncodedSample]:
        tokenizer = open_tokenizer(self.known)
        rows = self.said["samples"]
        return [
            encode_sample(
                Sample(row["prompt"], row["response"], tuple(map(tuple, row["history"]))), tokenizer
            )
            for row in rows
        ]

    def write_talks(self, path: Path) -> Path:
        lines = [json.dumps(row, ensure_ascii=False) for row in self.said["samples"]]
        path.write_text("\n".join(lines), "utf-8")
        return path

    def open_base(self) -> GlmForCausalLM:
        return load_model(self.known)

    def model(self, *, checkpoints: bool = False) -> TunedModel:
        base, known = self.open_base(), self.known
        weights = trainable_weights(require_prefix(self.prefix, known), base.config)
        return TunedModel(base, PrefixEncoder.from_weights(base.config, weights, 0), checkpoints)


@pytest.fixture(scope="session", params=["pica-layout", "projected-prefix"])
def published(request: pytest.FixtureRequest) -> PublishedRun:
    folder = PUBLISHED / request.param
    if not (folder / "tuning.json").is_file():
        pytest.skip(f"{folder} holds no published training run")
    said = json.loads((folder / "tuning.json").read_text("utf-8"))
    return PublishedRun(folder, said, load_file(folder / "tuning.safetensors"))
