"""Hours on duty as text: `mon-fri 09:00-17:00; sat,sun 22:00-06:00`.

Knows nothing of who is on duty (`review/roster.py`).
"""

import re

from review.access import RefusedError
from storage.operators import Shift

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PART = re.compile(
    r"(?P<days>[a-z]{3}(?:[-,][a-z]{3})*)\s+"
    r"(?P<start>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2})"
)


def parse_hours(text: str) -> list[Shift]:
    """Read hours; none at all where the text is empty.

    Raises:
        RefusedError: `bad_hours`.
    """
    found: list[Shift] = []
    for part in filter(None, (part.strip() for part in text.lower().split(";"))):
        match = _PART.fullmatch(part)
        if match is None:
            raise RefusedError("bad_hours")
        starts, ends = _minutes(match["start"]), _minutes(match["end"])
        if starts in (24 * 60, ends):
            raise RefusedError("bad_hours")
        found += [Shift(day, starts, ends) for day in _days(match["days"])]
    return sorted(set(found), key=lambda shift: (shift.weekday, shift.starts_min, shift.ends_min))


def format_hours(shifts: list[Shift]) -> str:
    """Write hours as they are read; days of the same hours together."""
    days: dict[tuple[int, int], list[int]] = {}
    for shift in sorted(shifts, key=lambda shift: (shift.weekday, shift.starts_min)):
        days.setdefault((shift.starts_min, shift.ends_min), []).append(shift.weekday)
    return "; ".join(
        f"{_runs(those)} {_clock(starts)}-{_clock(ends)}" for (starts, ends), those in days.items()
    )


def _days(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        last = last or first
        if first not in DAYS or last not in DAYS:
            raise RefusedError("bad_hours")
        start, count = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % 7
        found += [(start + step) % 7 for step in range(count + 1)]  # fri-mon goes round the week
    return found


def _minutes(clock: str) -> int:
    hours, minutes = map(int, clock.split(":"))
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise RefusedError("bad_hours")
    return hours * 60 + minutes


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _runs(days: list[int]) -> str:
    """Days in a row as one: 0,1,2,5 is mon-wed,sat."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(
        DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs
    )
