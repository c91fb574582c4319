"""A runner whose passes can be slowed down, watched or broken while it serves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from inference.loading.source import OpenModel
from inference.model.model_runner import ModelRunner, Runner


def nothing(*_: Any) -> None:
    """The hook that changes nothing."""


class PlannedRunner:
    """Passes everything on to a runner; hooks may raise.

    Attributes:
        before_prefill: Called with the segments of a prefill.
        before_decode: Called with the slots, ids and stored tokens of a decode pass.
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
        self.after_step: Callable[[bool], object] = nothing

    def slow_down(self, seconds: float, on_decode: Callable[[], object] = nothing) -> None:
        """Let every decode pass take so long; `on_decode` hears of each first."""

        def wait(*_: Any) -> None:
            on_decode()
            time.sleep(seconds)

        self.before_decode = wait

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
        return self._runner.decode(slots, ids, stored)

    def end_step(self, *, is_idle: bool) -> None:
        self._runner.end_step(is_idle=is_idle)
        self.after_step(is_idle)
