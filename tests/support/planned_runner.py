"""A runner whose passes can be slowed down, watched or broken while it serves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from inference.loading.source import OpenModel
from inference.model.model_runner import ModelRunner, Runner


def nothing(*_: Any) -> None:
    """The hook that changes nothing."""


class PlannedRunner:
    """Passes everything on to a runner; hooks may raise.

    Attributes:
        before_prefill: Called with the segments of a prefill.
        before_decode: Called with the slots, ids and stored tokens of a decode pass.
        on_logits: Called with the logits of a decode pass; returns those to use.
        after_step: Called as the last act of a step, with whether no chat runs any more.
    """

    def __init__(self, opened: OpenModel | None = None) -> None:
        """Wrap a new runner over an open model, or what `wrap` is given later."""
        self.mend()
        if opened is not None:
            self.wrap(ModelRunner(opened.model, opened.prefix))

    def wrap(self, runner: Runner) -> PlannedRunner:
        """Wrap a runner; `InferenceWorker.start` takes it as `wrap_runner`."""
        self._runner = runner
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def mend(self) -> None:
        """Change nothing from now on."""
        self.before_prefill: Callable[..., object] = nothing
        self.before_decode: Callable[..., object] = nothing
        self.on_logits: Callable[[torch.Tensor], torch.Tensor] = lambda logits: logits
        self.after_step: Callable[[bool], object] = nothing

    def slow_down(self, seconds: float, on_decode: Callable[[], object] = nothing) -> None:
        """Let every decode pass take so long; `on_decode` hears of each first."""

        def wait(*_: Any) -> None:
            on_decode()
            time.sleep(seconds)

        self.before_decode = wait

    def say(self, *tokens: int) -> None:
        """Let these tokens come next, the same in every chat."""
        coming = iter(tokens)

        def favour(logits: torch.Tensor) -> torch.Tensor:
            favoured = torch.zeros_like(logits)
            favoured[:, next(coming)] = 1e4
            return favoured

        self.on_logits = favour

    def spoil(self) -> None:
        """Let no logits be finite."""
        self.on_logits = lambda logits: torch.full_like(logits, torch.nan)

    def break_down(self, error: BaseException) -> None:
        """Let every decode pass fail."""

        def fail(*_: Any) -> None:
            raise error

        self.before_decode = fail

    def prefill(self, segments: Any) -> None:
        self.before_prefill(segments)
        self._runner.prefill(segments)

    def decode(self, slots: Any, ids: Any, stored: Any) -> Any:
        self.before_decode(slots, ids, stored)
        return self.on_logits(self._runner.decode(slots, ids, stored))

    def end_step(self, *, is_idle: bool) -> None:
        self._runner.end_step(is_idle=is_idle)
        self.after_step(is_idle)
