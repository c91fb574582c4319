"""What happens around each step: its loss is recorded and shown, and a run can be stopped."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState

from training.tune.settings import TuningError
from training.tune.tuned_model import TunedModel

Progress = Callable[[int, int, float], None]


class StepWatcher(TrainerCallback):
    """Keeps every step's loss, in the trainer's state and in a report.

    Attributes:
        losses: Of all steps, those before a stop included.
    """

    def __init__(
        self,
        model: TunedModel,
        report: Path | None,
        progress: Progress | None,
        is_asked_to_stop: Callable[[], bool],
    ) -> None:
        """Watch one run.

        Args:
            model: What trains.
            report: Gets a JSON line a step.
            progress: Called with (step, steps, loss).
            is_asked_to_stop: Whether the run should end after this step.
        """
        self._model = model
        self._path = report
        self._progress = progress or (lambda step, steps, loss: None)
        self._is_asked_to_stop = is_asked_to_stop
        self._file: IO[str] | None = None
        self._loss = math.nan
        self.losses: list[float] = []

    def on_train_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin the report, with the steps before a stop."""
        if self._path is not None:
            self._file = self._path.open("w", encoding="utf-8")
        for line in state.log_history:
            self._write(int(line["step"]), line["loss"])

    def on_pre_optimizer_step(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Refuse a step that would spoil the weights."""
        self._loss = self._model.take_loss()
        gradients = (each.grad for each in self._model.parameters() if each.grad is not None)
        if not math.isfinite(self._loss) or not _are_finite(gradients):
            raise _diverged(state.global_step + 1, "loss or its gradient")

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Record the loss, and stop the run if asked."""
        # The state is saved with each checkpoint, so a run that goes on knows all its losses.
        state.log_history.append({"step": state.global_step, "loss": self._loss})
        self._write(state.global_step, self._loss)
        self._progress(state.global_step, state.max_steps, self._loss)
        if self._is_asked_to_stop():
            control.should_save = True
            control.should_training_stop = True

    def require_finite_weights(self) -> None:
        """Refuse a prefix that the last step spoiled.

        Raises:
            TuningError: Its numbers are not finite.
        """
        if not _are_finite(self._model.parameters()):
            raise _diverged(len(self.losses), "prefix")

    def close(self) -> None:
        """Close the report."""
        if self._file is not None:
            self._file.close()

    def _write(self, step: int, loss: float) -> None:
        self.losses.append(loss)
        if self._file is not None:
            self._file.write(json.dumps({"step": step, "loss": loss}) + "\n")
            self._file.flush()


def _are_finite(tensors: Iterable[torch.Tensor]) -> bool:
    return all(bool(torch.isfinite(each).all()) for each in tensors)


def _diverged(step: int, what: str) -> TuningError:
    return TuningError(
        f"Step {step}: the {what} is not finite. Start again with a smaller --rate, with --clip 1 "
        "or with --dtype float32."
    )
