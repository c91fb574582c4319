"""What the sandbox's tests share: a clock that stands still, and a maker of bots."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from telegram import Bot

BotFactory = Callable[..., AbstractAsyncContextManager[Bot]]


@dataclass
class Clock:
    """Seconds that pass only when a test says so."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now
