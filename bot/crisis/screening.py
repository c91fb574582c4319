"""Screening that cannot fail silently: a screener that breaks puts the service in safe mode.

The canary is screened at the start and every minute; a miss means that nobody can be sure of any
screening.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from safety.screening import canary
from safety.screening.context import DirectQuestion
from safety.screening.levels import Level
from safety.screening.screener import Screener, Screening

log = structlog.get_logger(__name__)
MOST_AT_ONCE = 1_000
"""Letters that are screened within the event loop, in a few milliseconds; more go to a thread."""
MOST_THREADS = 2


class SafeScreener:
    """Screens texts; a failure is told to `on_failure` and answered as nothing found.

    Whoever is told must keep the model silent: see `bot/crisis/safe_mode.py`.
    """

    def __init__(self, screener: Screener, *, on_failure: Callable[[], None]) -> None:
        self._screener = screener
        self._on_failure = on_failure
        self._threads = asyncio.Semaphore(MOST_THREADS)

    @property
    def version(self) -> str:
        """What the screenings of the screener in use bear."""
        return self._screener.version

    def replace(self, screener: Screener) -> None:
        """Take another screener into use, from the next text on.

        Raises:
            CanaryError: It does not give every canary its level; nothing has changed.
        """
        canary.require(screener)
        self._screener = screener

    def present(self) -> Screener:
        """The screener in use, for those who must see a failure; it may change at any time."""
        return self._screener

    def screen(
        self, text: str, before: Sequence[str] = (), *, asked: DirectQuestion | None = None
    ) -> Screening:
        """Screen one text, in the light of the person's words before it and of the question."""
        try:
            return self._screener.screen(text, before, asked=asked)
        except Exception as error:  # whatever it is, the person is answered with reviewed words
            return self._failed(error)

    async def hear(
        self, text: str, before: Sequence[str] = (), *, asked: DirectQuestion | None = None
    ) -> Screening:
        """Screen one text as `screen` does; a long one holds nobody else up."""
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

    def canary_is_found(self) -> bool:
        """Whether every canary gets the level it must have."""
        try:
            missed = canary.missed(self._screener)
        except Exception as error:  # a broken screener finds nothing
            log.critical("canary_failed", error=type(error).__name__)
            return False
        if missed:
            log.critical("canary_missed", numbers=missed)
        return not missed
