"""The chart: its data, its labels, a picture that a phone can show."""

import io
from datetime import date, timedelta

import pytest
from PIL import Image

from bot.checkins.moods import chart
from bot.checkins.moods.chart import Point
from bot.texts import LANGUAGES, Texts

TEXTS = Texts()
UNTIL = date(2026, 11, 25)
SINCE = UNTIL - timedelta(days=6)


def test_means_are_of_days_and_over_a_year_of_weeks() -> None:
    points = [Point(SINCE, 2), Point(SINCE, 5), Point(UNTIL, 1)]
    assert chart.means(points, SINCE, 1) == [(SINCE, 3.5), (UNTIL, 1.0)]
    assert chart.means(points, SINCE, 7) == [(SINCE + timedelta(days=3), pytest.approx(8 / 3))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_letter_of_the_labels_is_in_the_font(language: str) -> None:
    font = chart.font(40)
    missing = font.getmask("\uffff").getbbox(), bytes(font.getmask("\uffff"))
    for period in ("week", "month", "year"):
        labels = chart.labels(TEXTS, language, period)
        for letter in set("".join([labels.title, *labels.moods]) + "0123456789/") - {" "}:
            assert (font.getmask(letter).getbbox(), bytes(font.getmask(letter))) != missing, letter


@pytest.mark.parametrize("days", [7, 31, 366])
def test_a_dot_stands_at_its_mood(days: int) -> None:
    since = UNTIL - timedelta(days=days - 1)
    labels = chart.labels(TEXTS, "zh", "week")
    best, worst = (
        Image.open(io.BytesIO(chart.draw([Point(UNTIL, mood)], since, UNTIL, labels)))
        for mood in (5, 1)
    )
    assert best.size == (chart.WIDTH, chart.HEIGHT)
    x = chart.WIDTH - chart.RIGHT - 30
    top, bottom = chart.TOP + 30, chart.HEIGHT - chart.BOTTOM - 30
    assert best.getpixel((x, top)) == _colour(chart.COLOURS[4])
    assert worst.getpixel((x, bottom)) == _colour(chart.COLOURS[0])
    assert worst.getpixel((x, top)) != _colour(chart.COLOURS[4])


def _colour(text: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(text[1:]))


@pytest.mark.parametrize("days", [7, 31, 366])
def test_the_last_date_is_named_and_a_single_dot_of_a_year_is_seen(days: int) -> None:
    since = UNTIL - timedelta(days=days - 1)
    labels = chart.labels(TEXTS, "en", "year")
    drawn = Image.open(io.BytesIO(chart.draw([Point(UNTIL, 1)], since, UNTIL, labels)))
    x, y = chart.WIDTH - chart.RIGHT - 30, chart.HEIGHT - chart.BOTTOM
    assert drawn.getpixel((x, y + 5)) != _colour(chart.PAPER)  # a tick at today
    # On a phone of 390 px the dot is five wide at least.
    width = 5 * chart.WIDTH // 390 // 2
    for off in (-width, width):
        seen = drawn.getpixel((x + off, y - 30))
        assert isinstance(seen, tuple)
        wanted = _colour(chart.COLOURS[0])
        assert all(abs(one - other) <= 8 for one, other in zip(seen, wanted, strict=True))
