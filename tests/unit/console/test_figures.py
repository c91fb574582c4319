"""Figures of the charts."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from console.pages import statistics, svg
from storage.review.case_queue import CaseFigures

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def opened(level: int = 3, wait_s: float | None = None, at: datetime = NOON) -> CaseFigures:
    acknowledged_at = at + timedelta(seconds=wait_s) if wait_s is not None else None
    return CaseFigures(level, at, acknowledged_at, None)


def test_hours_are_the_roster_s() -> None:
    hours = statistics.by_hour([opened(), opened(level=2)], SHANGHAI)
    assert hours[20] == {2: 1, 3: 1, 4: 0}
    assert sum(sum(each.values()) for each in hours) == 2


def test_waiting_by_level() -> None:
    rows = [opened(wait_s=60 * n) for n in range(1, 11)] + [opened(), opened(level=4)]
    two, three, four = statistics.waiting(rows)
    assert (three.cases, three.acknowledged, three.median_s, three.p90_s) == (11, 10, 300, 540)
    assert (two.cases, two.median_s) == (0, None)
    assert (four.cases, four.acknowledged, four.p90_s) == (1, 0, None)


@pytest.mark.parametrize(
    ("percent", "value"), [(50, 2), (90, 4), (100, 4), (1, 1), (25, 1), (75, 3), (76, 4)]
)
def test_percentiles(percent: int, value: float) -> None:
    assert statistics.percentile([1, 2, 3, 4], percent) == value


def test_the_histogram_s_edges() -> None:
    rows = [opened(wait_s=s) for s in (0, 59, 60, 119, 3599, 3600, -5)] + [opened()]
    assert statistics.histogram(rows) == [3, 2, 0, 0, 0, 1, 1]


def test_few_cases_are_counts_and_no_rates() -> None:
    many, few, never = statistics.rates({"few": (4, 4), "many": (10, 3), "never": (4, 0)})
    assert (many.rule, many.rate) == ("many", 0.3)
    assert many.low == pytest.approx(0.1078, abs=1e-4) and many.high == pytest.approx(0.6032, 1e-3)
    assert (few.rate, few.resolved, few.wrong) == (None, 4, 4) and never.rate is None
    assert svg.whisker(few) is None


def test_the_range_begins_at_midnight() -> None:
    assert statistics.since(1, NOON, SHANGHAI).isoformat() == "2026-05-01T00:00:00+08:00"
    assert statistics.since(7, NOON, SHANGHAI).isoformat() == "2026-04-25T00:00:00+08:00"


def test_columns_stand_on_one_another() -> None:
    chart = svg.columns(["a", "b"], [{"x": 1, "y": 3}, {"x": 0, "y": 0}])
    lower, upper = chart.columns[0].bars
    assert chart.most == 4 and chart.columns[0].total == 4 and chart.columns[1].bars == ()
    assert lower.y + lower.height == chart.height
    assert upper.y + upper.height == pytest.approx(lower.y) and upper.y == 0
