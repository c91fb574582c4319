"""Screening and the guard stay linear on the texts that cost most; nothing here is a speed."""

import time
from collections.abc import Callable

import pytest

from safety.response.hotlines import Hotlines
from safety.response.output_guard import OutputGuard, strip_artefacts
from safety.screening.screener import Screener

SHORT, TIMES = 1_024, 8
MOST_GROWTH = 32.0
"""Linear is 8, quadratic 64; the rest is for a busy machine."""
REPEATED = [
    "1",
    "12",
    "4",
    "$",
    "a",
    " ",
    "\n",
    "我",
    "不",
    "想死",
    "wo",
    "xiangsi",
    "si ",
    "“我想死”",
    "💊",
    "去死吧",
    "i want to ",
    "i want\nto die\n",
    "i want. to. die. ",
    "don't ",
    "one two ",
    "12356 ",
    "我爱你“",
    "quiero me ya no ",
    "я хочу просто ",
    "に死",
    "죽고살",
    "ฆ่าตัวตายอยาก",
    "&#33258;",
    "%E6",
    "我x",
    "w ",
    "wo3 ",
    "iwantto",
    "\u202e杀",
    "ǝ",
    "overdos",
    "问\n",
    "刀",
    "你有抑郁症",
]
AFTER = [("我", "刚"), ("嗨", " "), ("杀", "-"), ("想死", "今晚"), ("1", " "), ("friend", " ")]


def growth(work: Callable[[str], object], make: Callable[[int], str]) -> float:
    """How much longer a text takes that is eight times as long, in time of this thread."""

    def seconds(text: str) -> float:
        started = time.thread_time()
        work(text)
        return time.thread_time() - started

    short = max(min(seconds(make(SHORT)) for _ in range(3)), 0.004)
    return seconds(make(SHORT * TIMES)) / short


def texts() -> list[tuple[str, Callable[[int], str]]]:
    made: list[tuple[str, Callable[[int], str]]] = []
    for unit in REPEATED:
        made.append((unit, lambda size, unit=unit: (unit * size)[:size]))  # type: ignore[misc]
    for head, tail in AFTER:
        made.append((head + tail, lambda size, h=head, t=tail: h + t * size))  # type: ignore[misc]
        made.append(
            (head + head + tail, lambda size, h=head, t=tail: h * (size // 2) + t * (size // 2))  # type: ignore[misc]
        )
    return made


@pytest.mark.parametrize("make", [make for _, make in texts()], ids=[repr(n) for n, _ in texts()])
def test_screening_is_linear(screener: Screener, make: Callable[[int], str]) -> None:
    assert growth(screener.screen, make) < MOST_GROWTH


@pytest.mark.parametrize("make", [make for _, make in texts()], ids=[repr(n) for n, _ in texts()])
def test_the_guard_is_linear(screener: Screener, make: Callable[[int], str]) -> None:
    guard = OutputGuard(lambda: screener, Hotlines.load())
    assert growth(guard.check, make) < MOST_GROWTH
    assert growth(strip_artefacts, make) < MOST_GROWTH
