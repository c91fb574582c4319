"""Positions and sizes of the charts, from which templates draw SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.pages.statistics import RuleRate

COLUMN_HEIGHT = 140
TREND_STEP, TREND_RISE, TREND_EDGE = 18, 14, 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle. `kind` is its CSS class, such as a level."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Column:
    """One position on the axis, its bars from the bottom up, and their sum."""

    label: str
    middle: float
    top: float
    total: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """A chart of columns.

    Attributes:
        most: the value at the top of the scale.
    """

    width: float
    height: float
    most: int
    columns: tuple[Column, ...]


def columns(
    labels: Sequence[str], values: Sequence[Mapping[str, int]], *, step: float = 26, gap: float = 6
) -> Columns:
    """Stack the values of each label into a column."""
    most = max(1, *(sum(parts.values()) for parts in values))
    drawn = []
    for place, (label, parts) in enumerate(zip(labels, values, strict=True)):
        x, y, bars = place * step + gap / 2, float(COLUMN_HEIGHT), []
        for kind, value in parts.items():
            height = round(COLUMN_HEIGHT * value / most, 1)
            if value:
                y = round(y - height, 1)
                bars.append(Bar(round(x, 1), y, step - gap, height, kind))
        total = sum(parts.values())
        drawn.append(Column(label, round(x + (step - gap) / 2, 1), y, total, tuple(bars)))
    return Columns(step * len(labels), COLUMN_HEIGHT, most, tuple(drawn))


@dataclass(frozen=True, slots=True)
class Whisker:
    """A rate and its interval on a scale of 0 to 100."""

    rate: float
    low: float
    high: float


def whisker(rate: RuleRate) -> Whisker | None:
    """Place a rate on the scale, or return None if there is no rate."""
    if rate.rate is None:
        return None
    return Whisker(*(round(100 * value, 1) for value in (rate.rate, rate.low, rate.high)))


@dataclass(frozen=True, slots=True)
class Trend:
    """A person's last levels or moods as a line."""

    width: float
    height: float
    line: str
    points: tuple[tuple[float, float, int], ...]


def trend(values: Sequence[int]) -> Trend:
    """Draw values from 0 to 4 from left to right."""
    height = 4 * TREND_RISE + 2 * TREND_EDGE
    points = tuple(
        (
            float(TREND_EDGE + place * TREND_STEP),
            float(height - TREND_EDGE - value * TREND_RISE),
            value,
        )
        for place, value in enumerate(values)
    )
    width = 2 * TREND_EDGE + max(0, len(values) - 1) * TREND_STEP
    return Trend(width, height, " ".join(f"{x:g},{y:g}" for x, y, _ in points), points)
