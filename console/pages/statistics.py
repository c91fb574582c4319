"""The figures of the charts: counts, waiting times and rates of cases."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from safety.evaluation.metrics import interval
from storage.review.case_queue import CaseFigures

# With fewer resolved cases than this, a rule gets no rate.
FEW = 5
LEVELS = (2, 3, 4)
# Upper ends of the waiting buckets, in minutes. The last bucket is open.
EDGES_MIN = (1, 2, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long cases of one level waited to be claimed.

    Attributes:
        cases: how many were opened in the range.
        acknowledged: how many of these were claimed.
        median_s: None if no case was claimed.
    """

    level: int
    cases: int
    acknowledged: int
    median_s: float | None
    p90_s: float | None


@dataclass(frozen=True, slots=True)
class RuleRate:
    """How often a rule raised a false alarm.

    Attributes:
        rate: None if there are too few resolved cases.
        low: the lower end of the 95% interval. `high` is the upper end.
    """

    rule: str
    resolved: int
    wrong: int
    rate: float | None
    low: float
    high: float


def by_level(opened: Sequence[CaseFigures]) -> dict[int, int]:
    """Count the cases of each level."""
    counted = Counter(case.level for case in opened)
    return {level: counted[level] for level in LEVELS}


def by_hour(opened: Sequence[CaseFigures], zone: ZoneInfo) -> list[dict[int, int]]:
    """Count the cases of each level for each hour of the day in a time zone."""
    counted = Counter((case.opened_at.astimezone(zone).hour, case.level) for case in opened)
    return [{level: counted[hour, level] for level in LEVELS} for hour in range(24)]


def waiting(opened: Sequence[CaseFigures]) -> list[Waiting]:
    """Summarise how long cases waited, by level."""
    return [_waiting(level, [case for case in opened if case.level == level]) for level in LEVELS]


def _waiting(level: int, opened: Sequence[CaseFigures]) -> Waiting:
    waits = sorted(_waits_s(opened))
    return Waiting(level, len(opened), len(waits), percentile(waits, 50), percentile(waits, 90))


def _waits_s(opened: Sequence[CaseFigures]) -> list[float]:
    return [
        max(0.0, (case.acknowledged_at - case.opened_at).total_seconds())
        for case in opened
        if case.acknowledged_at is not None
    ]


def histogram(opened: Sequence[CaseFigures]) -> list[int]:
    """Count the claimed cases in each waiting bucket of `EDGES_MIN`."""
    counts = [0] * (len(EDGES_MIN) + 1)
    for wait_s in _waits_s(opened):
        place = next((i for i, edge in enumerate(EDGES_MIN) if wait_s < edge * 60), len(EDGES_MIN))
        counts[place] += 1
    return counts


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Return the nearest-rank percentile of sorted values, or None if there are no values."""
    if not values:
        return None
    return values[max(0, math.ceil(len(values) * percent / 100) - 1)]


def rates(verdicts: Mapping[str, tuple[int, int]]) -> list[RuleRate]:
    """Return false alarms by rule: rules with enough cases first, then by highest rate."""
    rows = []
    for rule, (resolved, wrong) in verdicts.items():
        low, high = interval(wrong, resolved)
        rate = wrong / resolved if resolved >= FEW else None
        rows.append(RuleRate(rule, resolved, wrong, rate, low, high))
    return sorted(
        rows, key=lambda r: (r.rate is None, -(r.rate or 0.0), -r.resolved, -r.wrong, r.rule)
    )


def since(days: int, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the midnight at which a range of days up to today starts."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return datetime.fromtimestamp(midnight.timestamp() - (days - 1) * 86400, tz=zone)
