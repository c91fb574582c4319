"""One run of tuning, from files to a prefix in its folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainingArguments

from inference.loading.checkpoint import load_model
from inference.loading.device_map import free_on
from inference.loading.hub import fetch
from inference.loading.identify import require_model, require_prefix
from inference.loading.identity import Identity
from inference.loading.prefix_file import trainable_weights
from inference.loading.tokenizer_choice import open_tokenizer
from training.tune.prefix_encoder import PrefixEncoder
from training.tune.prefix_folder import TunedPrefix, write_prefix
from training.tune.run_state import open_run, state_folder
from training.tune.samples import EncodedSample, TrainingSet, encode_samples
from training.tune.settings import (
    LENGTH,
    LONGEST,
    RATE,
    RATE_PROJECTED,
    TuningError,
    TuningSettings,
)
from training.tune.step_watcher import Progress, StepWatcher
from training.tune.tuned_model import TunedModel, collate

# A base of fewer weights has room for what checkpointing would compute twice.
_LARGE = 100_000_000
# How torch says that a disk is full.
_FAILED_WRITES = ("PytorchStreamWriter", "enforce fail")


@dataclass(frozen=True, slots=True)
class TuningResult:
    """What a run came to.

    Attributes:
        losses: Of every step so far.
        is_finished: Whether the prefix is written; False if it was asked to stop.
        data: What it was trained on.
    """

    losses: Sequence[float]
    is_finished: bool
    data: TrainingSet


def tune(
    settings: TuningSettings,
    *,
    is_resumed: bool = False,
    report: Path | None = None,
    loading: Callable[[int, int], None] | None = None,
    progress: Progress | None = None,
    is_asked_to_stop: Callable[[], bool] = lambda: False,
) -> TuningResult:
    """Tune a prefix and write it.

    Args:
        settings: What and how.
        is_resumed: Whether to go on with the run in the folder.
        report: Gets a JSON line a step with `step` and `loss`.
        loading: Called with (bytes read, bytes in all) while the base loads.
        progress: Called after each step with (step, steps, loss).
        is_asked_to_stop: Asked after each step; the run can go on from there later.

    Raises:
        TuningError: The run cannot start or go on; says why.
        TalksError: The data cannot be read.
        ModelError: The base or the prefix to start from cannot be loaded.
        OSError: A file cannot be written.
    """
    known = require_model(fetch(settings.model))
    start = None if settings.init is None else require_prefix(fetch(settings.init), known)
    length = _prefix_length(settings, start)
    tokenizer = open_tokenizer(known)
    data = encode_samples(settings.data, tokenizer, _longest(settings, known, length))
    checkpoint = open_run(settings.out, settings.kept(data.digest), is_resumed=is_resumed)
    model = _build(settings, known, start, length, loading)
    watcher = StepWatcher(model, report, progress, is_asked_to_stop)
    trainer = _trainer(settings, model, data.encoded, watcher)
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except (RuntimeError, SafetensorError) as error:
        raise _explained(settings, error) from error
    finally:
        watcher.close()
    is_finished = len(watcher.losses) >= settings.steps
    if is_finished:
        watcher.require_finite_weights()
        write_prefix(TunedPrefix(settings, known, model.encoder, data, watcher.losses))
    return TuningResult(watcher.losses, is_finished, data)


def sample_order(samples: int, total: int, order: str, seed: int) -> list[int]:
    """Return which samples a run sees, one pass over the data after the other.

    More steps only add to its end, so a run can be made longer.

    Args:
        samples: How many there are.
        total: How many a run sees.
        order: `file` or `shuffled`.
        seed: Of shuffling.
    """
    if order == "file":
        return [place % samples for place in range(total)]
    generator = torch.Generator().manual_seed(seed)
    passes = (torch.randperm(samples, generator=generator).tolist() for _ in count())
    return list(islice((place for each in passes for place in each), total))


class _Ordered(Dataset[EncodedSample]):
    """All samples of a run as one long pass: accumulation never stops at the end of the data."""

    def __init__(self, encoded: Sequence[EncodedSample], order: Sequence[int]) -> None:
        self._encoded, self._order = encoded, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, place: int) -> EncodedSample:
        return self._encoded[self._order[place]]


class _OneDevice(TrainingArguments):
    """With several GPUs visible, the Trainer would copy the module to each."""

    @property
    def n_gpu(self) -> int:
        visible: int = super().n_gpu
        return min(1, visible)


def _prefix_length(settings: TuningSettings, start: Identity | None) -> int:
    if start is None:
        return settings.length or LENGTH
    assert start.prefix_tensor is not None
    return start.prefix_tensor.shape[0]


def _longest(settings: TuningSettings, known: Identity, length: int) -> int:
    context = int(known.raw.get("seq_length") or known.raw["max_position_embeddings"])
    room = context - length
    if room < 2 or (settings.longest or 0) > room:
        raise TuningError(
            f"The model takes {context} tokens, which leaves {max(0, room)} behind {length} "
            "virtual tokens. Use a smaller --longest or a shorter prefix."
        )
    return settings.longest or min(LONGEST, room)


def _build(
    settings: TuningSettings,
    known: Identity,
    start: Identity | None,
    length: int,
    loading: Callable[[int, int], None] | None,
) -> TunedModel:
    free = free_on(settings.device)
    if free:
        free = dict(islice(free.items(), 1))
    dtype = settings.dtype
    if dtype == "auto":
        dtype = "bfloat16" if free else "float32"
    base = load_model(known, free=free, dtype=dtype, progress=loading)
    torch.manual_seed(settings.seed)
    if start is None:
        projected = base.config.hidden_size if settings.has_projection else None
        encoder = PrefixEncoder(base.config, length, projected, settings.dropout)
    else:
        weights = trainable_weights(start, base.config)
        encoder = PrefixEncoder.from_weights(base.config, weights, settings.dropout)
    checkpoints = settings.checkpointing
    if checkpoints is None:
        checkpoints = known.parameters >= _LARGE
    return TunedModel(base, encoder, checkpoints)


def _trainer(
    settings: TuningSettings,
    model: TunedModel,
    encoded: Sequence[EncodedSample],
    watcher: StepWatcher,
) -> Trainer:
    usual = RATE if model.encoder.trans is None else RATE_PROJECTED
    on_gpu = model.device.type == "cuda"
    args = _OneDevice(
        output_dir=str(state_folder(settings.out)),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=usual if settings.rate is None else settings.rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=0,
        # The fused form rounds otherwise than the published code.
        optim="adamw_torch",
        weight_decay=0.0,
        max_grad_norm=settings.clip,
        seed=settings.seed,
        train_sampling_strategy="sequential",
        save_strategy="steps",
        save_steps=settings.save_every,
        save_total_limit=1,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=not on_gpu,
        dataloader_pin_memory=on_gpu,
    )
    order = sample_order(len(encoded), settings.samples, settings.order, settings.seed)
    logging.getLogger("transformers.trainer").setLevel(logging.ERROR)
    trainer = Trainer(
        model=model,
        args=args,
        data_collator=collate,
        train_dataset=_Ordered(encoded, order),
        callbacks=[watcher],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _explained(settings: TuningSettings, error: Exception) -> Exception:
    """Return what the user can do about an error of torch's, or the error itself."""
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError) or "not enough memory" in text:
        return TuningError(
            "Out of memory. Use --batch 1, a smaller --longest, --checkpointing or --dtype "
            "bfloat16, and --resume to go on."
        )
    if (
        isinstance(error, SafetensorError)
        or "PytorchStreamWriter" in text
        or "enforce fail" in text
    ):
        return TuningError(
            f"{settings.out} cannot be written ({text.splitlines()[0]}). Free some space, then go "
            "on with --resume."
        )
    return error
