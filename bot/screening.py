"""Screening that cannot fail silently: a screener that breaks puts the service in safe mode.

Knows nothing of what a level leads to. The canary is a handful of sentences whose level is
known; it is screened at the start and every minute, and a miss means that nobody can be sure
of any screening.
"""

from collections.abc import Callable, Sequence

import structlog

from safety.context import Asked
from safety.levels import Level
from safety.screen import Screener, Screening

log = structlog.get_logger(__name__)
CANARIES: tuple[tuple[str, Level], ...] = (
    ("我想自杀", Level.ACTIVE),
    ("我已經割腕了，正在流血", Level.IMMINENT),
    ("I want to kill myself", Level.ACTIVE),
    ("我要杀了他", Level.ACTIVE),
    ("今天的作业终于写完了", Level.NONE),
)


class CanaryError(ValueError):
    """A screener misses a canary, so it is not taken into use; the one in use stays."""


class Screens:
    """Screens texts; a failure is told to `on_failure` and answered as nothing found.

    Whoever is told must keep the model silent: see `bot/safe_mode.py`.
    """

    def __init__(self, screener: Screener, *, on_failure: Callable[[], None]) -> None:
        self._screener = screener
        self._on_failure = on_failure

    @property
    def version(self) -> str:
        """What the screenings of the screener in use bear."""
        return self._screener.version

    def replace(self, screener: Screener) -> None:
        """Take another screener into use, from the next text on.

        Raises:
            CanaryError: It does not give every canary its level; nothing has changed.
        """
        try:
            missed = _missed(screener)
        except Exception as error:  # a broken screener finds nothing
            raise CanaryError(f"the screener fails ({type(error).__name__})") from error
        if missed:
            texts = ", ".join(CANARIES[number][0] for number in missed)
            raise CanaryError(f"{screener.version} misses canaries: {texts}")
        self._screener = screener

    def screen(
        self, text: str, before: Sequence[str] = (), *, asked: Asked | None = None
    ) -> Screening:
        """Screen one text, in the light of the person's words before it and of the question."""
        try:
            return self._screener.screen(text, before, asked=asked)
        except Exception as error:  # whatever it is, the person is answered with reviewed words
            log.critical("screening_failed", error=type(error).__name__)
            self._on_failure()
            return Screening(Level.NONE, (), (), "failed")

    def canary_is_found(self) -> bool:
        """Whether every canary gets the level it must have."""
        try:
            missed = _missed(self._screener)
        except Exception as error:  # a broken screener finds nothing
            log.critical("canary_failed", error=type(error).__name__)
            return False
        if missed:
            log.critical("canary_missed", numbers=missed)
        return not missed


def _missed(screener: Screener) -> list[int]:
    """Give the numbers of the canaries that a screener does not find."""
    return [
        number
        for number, (text, level) in enumerate(CANARIES)
        if not _fits(screener.screen(text).level, level)
    ]


def _fits(found: Level, wanted: Level) -> bool:
    return found >= wanted if wanted > Level.NONE else found == Level.NONE
