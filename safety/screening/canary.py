"""The canary: sentences of known level, of which a working screener misses none."""

from safety.screening.levels import Level
from safety.screening.screener import Screener

CANARIES: tuple[tuple[str, Level], ...] = (
    ("我想自杀", Level.ACTIVE),
    ("我已經割腕了，正在流血", Level.IMMINENT),
    ("I want to kill myself", Level.ACTIVE),
    ("我要杀了他", Level.ACTIVE),
    ("今天的作业终于写完了", Level.NONE),
)


class CanaryError(ValueError):
    """A screener misses a canary, so the one in use stays."""


def missed(screener: Screener) -> list[int]:
    """Return the indices of the canaries that a screener misses."""
    return [
        number
        for number, (text, level) in enumerate(CANARIES)
        if not _fits(screener.screen(text).level, level)
    ]


def require(screener: Screener) -> None:
    """Refuse a screener that misses a canary.

    Raises:
        CanaryError: It misses one or fails.
    """
    try:
        numbers = missed(screener)
    except Exception as error:  # a broken screener finds nothing
        raise CanaryError(f"the screener fails ({type(error).__name__})") from error
    if numbers:
        texts = ", ".join(CANARIES[number][0] for number in numbers)
        raise CanaryError(f"{screener.version} misses canaries: {texts}")


def _fits(level: Level, wanted: Level) -> bool:
    return level >= wanted if wanted > Level.NONE else level == Level.NONE
