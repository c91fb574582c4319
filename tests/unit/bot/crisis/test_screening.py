"""The screener is replaced while the service runs, but only by one that finds every canary."""

from dataclasses import replace

import pytest

from bot.crisis.screening import SafeScreener
from safety.screening.canary import CANARIES, CanaryError
from safety.screening.levels import Level
from safety.screening.lexicon import load_lexicon
from safety.screening.outcome import Screening
from safety.screening.screener import Screener


@pytest.fixture(scope="module")
def screener() -> Screener:
    return Screener(load_lexicon())


def _without(screener: Screener, *rules: str) -> Screener:
    lexicon = screener.lexicon
    kept = tuple(entry for entry in lexicon.entries if entry.id not in rules)
    return screener.with_lexicon(replace(lexicon, version="less", entries=kept))


def _screens(screener: Screener) -> SafeScreener:
    return SafeScreener(screener, on_failure=lambda: pytest.fail("it failed"))


def test_a_screener_that_finds_every_canary_is_taken_into_use(screener: Screener) -> None:
    screens = _screens(screener)
    found = {m.rule for m in screener.screen("我好想消失").matches}
    screens.replace(_without(screener, *found))
    assert screens.version == "less"
    assert screens.screen("我好想消失").level == Level.NONE
    assert screens.is_canary_found()


@pytest.mark.parametrize("number", range(len(CANARIES)))
def test_one_that_misses_any_canary_is_not(screener: Screener, number: int) -> None:
    text, level = CANARIES[number]

    class Wrong(Screener):
        """Wrong about one sentence alone."""

        def __init__(self) -> None: ...

        version = "wrong"

        def screen(self, text_: str, *_: object, **__: object) -> Screening:  # type: ignore[override]
            found = screener.screen(text_)
            wrong = Level(level - 1) if level else Level.DISTRESS
            return replace(found, level=wrong) if text_ == text else found

    screens = _screens(screener)
    with pytest.raises(CanaryError, match=text):
        screens.replace(Wrong())
    assert screens.version == screener.version
    assert screens.screen("我好想消失").level >= Level.PASSIVE


def test_one_that_breaks_is_not_taken_into_use(screener: Screener) -> None:
    class Broken(Screener):
        def __init__(self) -> None: ...

        def screen(self, *_: object, **__: object) -> Screening:
            raise ZeroDivisionError

    screens = _screens(screener)
    with pytest.raises(CanaryError, match="ZeroDivisionError"):
        screens.replace(Broken())
    assert screens.version == screener.version
    assert screens.is_canary_found()


def test_a_canary_error_is_a_value_error() -> None:
    assert issubclass(CanaryError, ValueError)  # what commands turn into one line
