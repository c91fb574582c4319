"""Writing a tuned prefix: PICA's published layout and a model card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import torch

from inference.loading.identity import Identity
from inference.loading.layout import PREFIX_KEY
from training.tune.prefix_encoder import PrefixEncoder
from training.tune.run_state import write_whole
from training.tune.samples import TrainingSet
from training.tune.settings import RATE, RATE_PROJECTED, TuningSettings

# How many steps at either end the card's figures are the mean of.
_FEW = 20


@dataclass(frozen=True, slots=True)
class TunedPrefix:
    """A prefix and how it came about.

    Attributes:
        settings: How it was tuned.
        base: The model it is for.
        encoder: Its weights.
        data: What it was trained on.
        losses: Of every step.
    """

    settings: TuningSettings
    base: Identity
    encoder: PrefixEncoder
    data: TrainingSet
    losses: Sequence[float]


def write_prefix(tuned: TunedPrefix) -> None:
    """Write `config.json`, the card and, when they are there, `pytorch_model.bin`.

    Raises:
        OSError: The folder cannot be written.
    """
    folder = tuned.settings.out
    config = {
        "_name_or_path": _base_name(tuned),
        **tuned.base.raw,
        "pre_seq_len": tuned.encoder.length,
        "prefix_projection": tuned.encoder.trans is not None,
    }
    write_whole(folder / "config.json", json.dumps(config, indent=2, ensure_ascii=False).encode())
    write_whole(folder / "README.md", _card(tuned).encode())
    weights = {
        f"{PREFIX_KEY}{name}": tensor.detach().to("cpu", torch.float32).contiguous()
        for name, tensor in tuned.encoder.state_dict().items()
    }
    held = BytesIO()
    torch.save(weights, held)
    write_whole(folder / "pytorch_model.bin", held.getvalue())


def _base_name(tuned: TunedPrefix) -> str:
    return str(tuned.base.raw.get("_name_or_path") or Path(tuned.settings.model).name)


def _card(tuned: TunedPrefix) -> str:
    settings, data = tuned.settings, tuned.data
    rate = RATE if tuned.encoder.trans is None else RATE_PROJECTED
    first, last = tuned.losses[:_FEW], tuned.losses[-_FEW:]
    passes = settings.samples / len(data.encoded)
    has_projection = "with" if tuned.encoder.trans is not None else "without"
    return f"""# {settings.out.resolve().name}

A prefix of {tuned.encoder.length} virtual tokens for {tuned.base.name} ({_base_name(tuned)}),
{has_projection} projection. P-Tuning v2: the base is unchanged, only the prefix was trained.

Try it: `pica generate --model BASE --prefix FOLDER`.

**Not judged yet.** The figures below say how well it repeats its data, not whether its answers do
people good. Read answers and measure before you serve it.

## Data

| | |
|---|---|
| File | `{settings.data.name}`, SHA-256 `{data.digest}` |
| Licence | {settings.licence} |
| Samples trained on | {len(data.encoded)}, of which {data.shortened} lost rounds at the front |
| Left out, too long | {data.refused} |
| Tokens, of which in answers | {_tokens(data)} |

## Training

| | |
|---|---|
| Started from | {settings.init or "random numbers"} |
| Steps | {settings.steps} of {settings.batch} x {settings.accumulate} samples |
| Passes over the data | {passes:.1f} |
| Optimiser | AdamW, rate {settings.rate or rate:g}, {settings.schedule}, clip {settings.clip:g} |
| Dropout | {settings.dropout:g} |
| Order, seed | {settings.order}, {settings.seed} |
| Type of the base | {settings.dtype} |
| Loss, first {len(first)} steps | {sum(first) / len(first):.4f} |
| Loss, last {len(last)} steps | {sum(last) / len(last):.4f} |
| Versions | torch {torch.__version__}, transformers {version("transformers")} |
"""


def _tokens(data: TrainingSet) -> str:
    whole = sum(len(each.input_ids) for each in data.encoded)
    answers = sum(sum(label >= 0 for label in each.labels) for each in data.encoded)
    return f"{whole:,}, {answers:,}"
