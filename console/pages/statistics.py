"""Figures of the charts: from rows of cases to counts, times and rates.

A count under `FEW` stays a count: no rate is made of it.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from safety.evaluation.metrics import interval
from storage.review.case_queue import CaseFigures

FEW = 5
LEVELS = (2, 3, 4)
EDGES_MIN = (1, 2, 5, 10, 30, 60)
"""Upper ends of the buckets of waiting, in minutes; the last bucket has none."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long cases of one level waited to be acknowledged.

    Attributes:
        cases: opened in the range.
        acknowledged: of these.
        median_s: None where nobody acknowledged any.
    """

    level: int
    cases: int
    acknowledged: int
    median_s: float | None
    p90_s: float | None


@dataclass(frozen=True, slots=True)
class RuleRate:
    """How often a rule was wrong.

    Attributes:
        rate: None where there are too few resolved cases.
        low: of the 95% interval, as `high`.
    """

    rule: str
    resolved: int
    wrong: int
    rate: float | None
    low: float
    high: float


def by_level(opened: Sequence[CaseFigures]) -> dict[int, int]:
    """Cases of each level."""
    counted = Counter(each.level for each in opened)
    return {level: counted[level] for level in LEVELS}


def by_hour(opened: Sequence[CaseFigures], zone: ZoneInfo) -> list[dict[int, int]]:
    """For each hour of the day, in the roster's time: cases of each level."""
    counted = Counter((each.opened_at.astimezone(zone).hour, each.level) for each in opened)
    return [{level: counted[hour, level] for level in LEVELS} for hour in range(24)]


def waiting(opened: Sequence[CaseFigures]) -> list[Waiting]:
    """How long cases waited, by level."""
    return [_waiting(level, [each for each in opened if each.level == level]) for level in LEVELS]


def _waiting(level: int, opened: Sequence[CaseFigures]) -> Waiting:
    waits = sorted(_waits_s(opened))
    return Waiting(level, len(opened), len(waits), percentile(waits, 50), percentile(waits, 90))


def _waits_s(opened: Sequence[CaseFigures]) -> list[float]:
    return [
        max(0.0, (each.acknowledged_at - each.opened_at).total_seconds())
        for each in opened
        if each.acknowledged_at is not None
    ]


def histogram(opened: Sequence[CaseFigures]) -> list[int]:
    """How many cases waited how long: a count for each bucket of `EDGES_MIN`, and above."""
    counts = [0] * (len(EDGES_MIN) + 1)
    for wait_s in _waits_s(opened):
        place = next((i for i, edge in enumerate(EDGES_MIN) if wait_s < edge * 60), len(EDGES_MIN))
        counts[place] += 1
    return counts


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The smallest value that so many percent do not exceed; `values` in order."""
    if not values:
        return None
    return values[max(0, math.ceil(len(values) * percent / 100) - 1)]


def rates(verdicts: Mapping[str, tuple[int, int]]) -> list[RuleRate]:
    """False alarms by rule: those with enough cases first, the worst on top."""
    found = []
    for rule, (resolved, wrong) in verdicts.items():
        low, high = interval(wrong, resolved)
        rate = wrong / resolved if resolved >= FEW else None
        found.append(RuleRate(rule, resolved, wrong, rate, low, high))
    return sorted(
        found, key=lambda r: (r.rate is None, -(r.rate or 0.0), -r.resolved, -r.wrong, r.rule)
    )


def since(days: int, now: datetime, zone: ZoneInfo) -> datetime:
    """The midnight at which a range of days, today included, begins."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return datetime.fromtimestamp(midnight.timestamp() - (days - 1) * 86400, tz=zone)
