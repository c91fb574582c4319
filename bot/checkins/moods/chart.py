"""The mood chart as a PNG, readable on a phone.

Each answer is a dot, and the means of days, or of weeks over a year, are a line. A day without an
answer leaves no gap. The font has the glyphs of the labels alone (`chart_font.md`).
"""

import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from statistics import fmean

from PIL import Image, ImageDraw, ImageFont

from bot.texts import Texts
from storage.checkins.occurrences import SCALE, CheckIn

WIDTH, HEIGHT = 1080, 810
LEFT, RIGHT, TOP, BOTTOM = 190, 50, 120, 90
TITLE, LABEL = 44, 32
PAPER, INK, SOFT, GRID = "#fbfaf7", "#2b2b2b", "#6b6b6b", "#dedbd3"
COLOURS = ("#8e5a6b", "#b07a62", "#a8955a", "#6f9a72", "#3f8c86")
LINE = "#4d6a8a"
MOST_TICKS = 7
# From so many days on the line is of weeks, because one of days would be a tangle.
LONG = 60
# Drawn twice as large and made smaller, which makes its lines smooth.
SCALE_DOWN = 2


@dataclass(frozen=True, slots=True)
class Labels:
    """The words in the chart: its title, and the moods from 1 to 5."""

    title: str
    moods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One answer."""

    day: date
    mood: int


def labels(texts: Texts, language: str, period: str) -> Labels:
    """Return the labels in a language."""
    title = f"{texts(language, 'chart_title')} · {texts(language, f'chart_{period}')}"
    return Labels(title, tuple(texts(language, f"chart_level_{mood}") for mood in SCALE))


def points(check_ins: Iterable[CheckIn]) -> list[Point]:
    """Return the moods among answers."""
    return [
        Point(check_in.local_date, check_in.answer.mood)
        for check_in in check_ins
        if check_in.answer is not None and check_in.answer.mood is not None
    ]


def means(points: Iterable[Point], since: date, every: int) -> list[tuple[date, float]]:
    """Return the mean of each span of days, in order, with the day in its middle."""
    spans: dict[int, list[int]] = defaultdict(list)
    for point in points:
        spans[(point.day - since).days // every].append(point.mood)
    return [
        (since + timedelta(days=number * every + every // 2), fmean(spans[number]))
        for number in sorted(spans)
    ]


def draw(points: Sequence[Point], since: date, until: date, labels: Labels) -> bytes:
    """Draw moods between two dates, both included, as a PNG."""
    image = Image.new("RGB", (WIDTH * SCALE_DOWN, HEIGHT * SCALE_DOWN), PAPER)
    pen = _Pen(ImageDraw.Draw(image), since, until)
    pen.frame(labels)
    pen.dates()
    pen.moods(points)
    out = io.BytesIO()
    small = image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    small.save(out, "PNG", optimize=True)
    return out.getvalue()


class _Pen:
    """Draw on one chart. Places are those of the small picture."""

    def __init__(self, draw: ImageDraw.ImageDraw, since: date, until: date) -> None:
        self._draw = draw
        self._since = since
        self._days = max(1, (until - since).days)
        self._until = until

    def frame(self, labels: Labels) -> None:
        """Draw the title, and a line with its word for each mood."""
        self._write(LEFT - 140, 34, labels.title, TITLE, INK, "la")
        size = min(map(_fitting, labels.moods))
        for mood, label in zip(SCALE, labels.moods, strict=True):
            y = self._y(mood)
            self._line([(LEFT, y), (WIDTH - RIGHT, y)], GRID, 2)
            self._write(LEFT - 22, y, label, size, COLOURS[mood - 1], "rm")

    def dates(self) -> None:
        """Some dates below, evenly, back from the last."""
        step = -(-(self._days + 1) // MOST_TICKS)
        for number in range(0, self._days + 1, step):
            day = self._until - timedelta(days=number)
            x = self._x(day)
            self._line([(x, HEIGHT - BOTTOM), (x, HEIGHT - BOTTOM + 10)], SOFT, 2)
            self._write(x, HEIGHT - BOTTOM + 18, f"{day.month}/{day.day}", LABEL - 4, SOFT, "ma")

    def moods(self, points: Sequence[Point]) -> None:
        """Draw the line of means, and a dot for every answer."""
        every = 1 if self._days < LONG else 7
        line = [
            (self._x(min(day, self._until)), self._y(mean))
            for day, mean in means(points, self._since, every)
        ]
        if len(line) > 1 and every == 1:
            self._line(line, LINE, 4)  # under the dots
        radius, edge = (13, PAPER) if self._days < LONG else (8, None)  # edges would eat so many
        for point in points:
            x, y = self._x(point.day) * SCALE_DOWN, self._y(point.mood) * SCALE_DOWN
            r = radius * SCALE_DOWN
            self._draw.ellipse(
                (x - r, y - r, x + r, y + r),
                fill=COLOURS[point.mood - 1],
                outline=edge,
                width=2 * SCALE_DOWN,
            )
        if len(line) > 1 and every > 1:
            self._line(line, LINE, 5)

    def _x(self, day: date) -> float:
        room = WIDTH - LEFT - RIGHT - 60
        return LEFT + 30 + room * (day - self._since).days / self._days

    @staticmethod
    def _y(mood: float) -> float:
        room = HEIGHT - TOP - BOTTOM - 60
        return TOP + 30 + room * (SCALE[-1] - mood) / (SCALE[-1] - SCALE[0])

    def _line(self, places: Sequence[tuple[float, float]], colour: str, width: int) -> None:
        scaled = [(x * SCALE_DOWN, y * SCALE_DOWN) for x, y in places]
        self._draw.line(scaled, fill=colour, width=width * SCALE_DOWN, joint="curve")

    def _write(self, x: float, y: float, text: str, size: int, colour: str, anchor: str) -> None:
        self._draw.text(
            (x * SCALE_DOWN, y * SCALE_DOWN),
            text,
            fill=colour,
            font=font(size * SCALE_DOWN),
            anchor=anchor,
        )


def _fitting(label: str) -> int:
    """Return a size at which a label stays left of the chart."""
    room = LEFT - 40
    return next((size for size in range(LABEL, 16, -2) if font(size).getlength(label) <= room), 16)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font of the labels."""
    data = resources.files(__package__).joinpath("chart_font.otf").read_bytes()
    return ImageFont.truetype(io.BytesIO(data), size)
