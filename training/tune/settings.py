"""What is tuned on what and how, checked before anything is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

# ChatGLM2's chat script; a projection at 1e-2 is on the edge of diverging.
RATE, RATE_PROJECTED = 1e-2, 2e-3
LENGTH = 128
# Holds 99.8% of SMILECHAT's samples.
LONGEST = 1024


class TuningError(ValueError):
    """Tuning cannot start or go on; says why and what to do."""


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """One run of tuning; the defaults are those of ChatGLM2's published chat script.

    Attributes:
        data: JSON lines, see `read_samples`.
        model: A ChatGLM or GLM folder, or a hub name.
        out: The folder that the prefix is written to.
        init: A prefix to continue from; None starts with random numbers.
        length: Virtual tokens. None: those of `init`, or 128.
        has_projection: Whether a new prefix goes through two layers, as published.
        longest: The most tokens of prompt and answer. None: 1024, or what the model takes.
        steps: Steps of the optimiser.
        batch: Samples that one pass sees.
        accumulate: Passes a step.
        rate: Learning rate. None: 1e-2, with a projection 2e-3.
        schedule: `constant`, or `linear` down to 0.
        dropout: Of keys and values.
        clip: The largest norm of a gradient; 0 does not clip.
        order: `file`, or `shuffled` anew in each pass over the data.
        dtype: Of the base: `float32`, `bfloat16`, or `auto`: bfloat16 on a GPU.
        device: `auto`, `cpu` or `cuda:N`; one device.
        checkpointing: Whether to compute layers twice to save memory. None: from 100M weights on.
        seed: Of the start, the order and the dropout.
        save_every: Steps between two states that a run can go on from.
        licence: Of the data, for the model card.
    """

    data: Path
    model: str
    out: Path
    init: str | None = None
    length: int | None = None
    has_projection: bool = False
    longest: int | None = None
    steps: int = 3000
    batch: int = 1
    accumulate: int = 16
    rate: float | None = None
    schedule: str = "linear"
    dropout: float = 0.1
    clip: float = 1.0
    order: str = "shuffled"
    dtype: str = "auto"
    device: str = "auto"
    checkpointing: bool | None = None
    seed: int = 42
    save_every: int = 50
    licence: str = "not stated"

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulate", "save_every"):
            if getattr(self, name) < 1:
                raise TuningError(f"{_flag(name)} must be at least 1.")
        for name in ("length", "longest"):
            if (getattr(self, name) or 1) < 1:
                raise TuningError(f"{_flag(name)} must be at least 1.")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise TuningError("--rate must be above 0.")
        if not 0 <= self.dropout < 1:
            raise TuningError("--dropout must be at least 0 and below 1.")
        if not 0 <= self.clip < math.inf:
            raise TuningError("--clip must be 0 (no clipping) or more.")
        if not 0 <= self.seed < 2**32:
            raise TuningError("--seed must be between 0 and 4294967295.")
        for name, values in _CHOICES.items():
            if getattr(self, name) not in values:
                raise TuningError(f"{_flag(name)} must be one of {', '.join(values)}.")
        if self.init is not None and (self.length is not None or self.has_projection):
            raise TuningError(
                "--init: its prefix decides the length and the projection. Leave --length and "
                "--projection out."
            )

    @property
    def samples(self) -> int:
        """How many samples a whole run sees."""
        return self.steps * self.batch * self.accumulate

    def kept(self, digest: str) -> dict[str, str]:
        """Return what a run that goes on must share with the run that it continues.

        Args:
            digest: Of the data.
        """
        names: tuple[str, ...] = (
            "model",
            "init",
            "length",
            "has_projection",
            "longest",
            "batch",
            "accumulate",
        )
        names += ("rate", "schedule", "dropout", "clip", "order", "dtype", "seed")
        same = {_flag(name): str(getattr(self, name)) for name in names}
        if self.schedule == "linear":  # each step's rate depends on how many there will be
            same["--steps"] = str(self.steps)
        return {"DATA": f"SHA-256 {digest}"} | same


_CHOICES = {
    "schedule": ("constant", "linear"),
    "order": ("file", "shuffled"),
    "dtype": ("auto", "float32", "bfloat16"),
}


def _flag(name: str) -> str:
    return f"--{name.removeprefix('has_').replace('_', '-')}"
