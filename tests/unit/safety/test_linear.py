"""Screening and the guard stay linear on the texts that cost most; nothing here is a speed."""

import time
from collections.abc import Callable

import pytest

from benchmarks.hostile_texts import hostile_texts
from safety.response.hotlines import Hotlines
from safety.response.output_guard import OutputGuard, strip_artefacts
from safety.screening.screener import Screener

SHORT, TIMES = 1_024, 8
MOST_GROWTH = 32.0
"""Linear is 8, quadratic 64; the rest is for a busy machine."""
KINDS = hostile_texts()


def growth(work: Callable[[str], object], make: Callable[[int], str]) -> float:
    """How much longer a text takes that is eight times as long, in time of this thread.

    A high measure is taken again: a pause of the machine is not growth.
    """

    def seconds(text: str) -> float:
        started = time.thread_time()
        work(text)
        return time.thread_time() - started

    for _ in range(3):
        short = max(min(seconds(make(SHORT)) for _ in range(3)), 0.004)
        grown = seconds(make(SHORT * TIMES)) / short
        if grown < MOST_GROWTH:
            break
    return grown


@pytest.mark.parametrize("make", [make for _, make in KINDS], ids=[repr(name) for name, _ in KINDS])
def test_screening_is_linear(screener: Screener, make: Callable[[int], str]) -> None:
    assert growth(screener.screen, make) < MOST_GROWTH


@pytest.mark.parametrize("make", [make for _, make in KINDS], ids=[repr(name) for name, _ in KINDS])
def test_the_guard_is_linear(screener: Screener, make: Callable[[int], str]) -> None:
    guard = OutputGuard(lambda: screener, Hotlines.load())
    assert growth(guard.check, make) < MOST_GROWTH
    assert growth(strip_artefacts, make) < MOST_GROWTH
