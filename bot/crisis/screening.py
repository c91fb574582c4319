"""Screening that does not fail silently: a screener that fails puts the service in safe mode."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from safety.screening import canary
from safety.screening.levels import Level
from safety.screening.outcome import Screening
from safety.screening.screener import Screener

log = structlog.get_logger(__name__)
# Characters that the event loop screens itself, in a few milliseconds. More go to a thread.
MOST_AT_ONCE = 1_000
# Python runs one thread at a time, so more would only take turns with the event loop more often.
MOST_THREADS = 1


class SafeScreener:
    """Screens texts, and calls `on_failure` if the screener fails.

    A failed screening has level 0, so `on_failure` must silence the model.
    """

    def __init__(self, screener: Screener, *, on_failure: Callable[[], None]) -> None:
        self._screener = screener
        self._on_failure = on_failure
        self._threads = asyncio.Semaphore(MOST_THREADS)

    @property
    def version(self) -> str:
        """The version of the lexicon in use."""
        return self._screener.version

    def replace(self, screener: Screener) -> None:
        """Use another screener from the next text on.

        Raises:
            CanaryError: it misses a canary. The old one stays.
        """
        canary.require(screener)
        self._screener = screener

    def current(self) -> Screener:
        """Return the screener in use, which raises if it fails."""
        return self._screener

    def screen(
        self, text: str, before: Sequence[str] = (), *, asked: str | None = None
    ) -> Screening:
        """Screen a text in the context of earlier messages and of the question it answers."""
        try:
            return self._screener.screen(text, before, asked=asked)
        except Exception as error:  # any failure silences the model
            return self._failed(error)

    async def screen_async(
        self, text: str, before: Sequence[str] = (), *, asked: str | None = None
    ) -> Screening:
        """Screen a text like `screen`. A long one does not block the event loop."""
        if len(text) <= MOST_AT_ONCE:
            return self.screen(text, before, asked=asked)
        try:
            async with self._threads:
                return await asyncio.to_thread(self._screener.screen, text, before, asked=asked)
        except Exception as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> Screening:
        log.critical("screening_failed", error=type(error).__name__)
        self._on_failure()
        return Screening(Level.NONE, (), (), "failed")

    def is_canary_found(self) -> bool:
        """Return whether every canary gets its level."""
        try:
            missed = canary.missed(self._screener)
        except Exception as error:  # a broken screener finds nothing
            log.critical("canary_failed", error=type(error).__name__)
            return False
        if missed:
            log.critical("canary_missed", numbers=missed)
        return not missed
