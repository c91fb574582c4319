"""Duty hours in their written form: `mon-fri 09:00-17:00; sat,sun 22:00-06:00`."""

import re

from review.operators.access import Refusal, RefusedError
from storage.review.operators import Shift

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
_TIMES = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


class HoursError(RefusedError, ValueError):
    """A text is not a valid list of hours. `detail` names the bad part and the expected form."""

    def __init__(self, detail: str) -> None:
        super().__init__(Refusal.BAD_HOURS, detail=detail)

    def __str__(self) -> str:
        """Return the message for a terminal."""
        return self.detail


def parse_hours(text: str) -> list[Shift]:
    """Parse hours. An end before the start is on the next day.

    Raises:
        HoursError: a part cannot be parsed.
    """
    shifts: list[Shift] = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        days, _, times = part.partition(" ")
        starts_min, ends_min = _times(times.strip(), part)
        shifts += [Shift(day, starts_min, ends_min) for day in _days(days, part)]
    if not shifts:
        raise HoursError("No hours are given; for example: mon-fri 09:00-17:00; sat 22:00-06:00")
    return sorted(set(shifts), key=_order)


def format_hours(hours: list[Shift]) -> str:
    """Write hours in the form that `parse_hours` reads."""
    return "; ".join(f"{_named(days)} {times}" for times, days in days_by_times(hours).items())


def days_by_times(hours: list[Shift]) -> dict[str, list[int]]:
    """Group the weekdays of hours by their times, such as `09:00-17:00`."""
    by_times: dict[str, list[int]] = {}
    for shift in sorted(hours, key=_order):
        times = f"{_clock(shift.starts_min)}-{_clock(shift.ends_min)}"
        by_times.setdefault(times, []).append(shift.weekday)
    return by_times


def _order(shift: Shift) -> tuple[int, int, int]:
    return shift.weekday, shift.starts_min, shift.ends_min


def _days(text: str, part: str) -> list[int]:
    days: list[int] = []
    for span in text.lower().split(","):
        first, dash, last = span.partition("-")
        begin, end = _day(first, part), _day(last if dash else first, part)
        days += [(begin + step) % 7 for step in range((end - begin) % 7 + 1)]
    return days


def _day(text: str, part: str) -> int:
    if text[:3] not in DAYS or len(text) > len("wednesday"):
        raise HoursError(f"“{part}”: write days as {', '.join(DAYS)}, or mon-fri")
    return DAYS.index(text[:3])


def _times(text: str, part: str) -> tuple[int, int]:
    match = _TIMES.fullmatch(text)
    if match is None:
        raise HoursError(f"“{part}”: write times as 09:00-17:00 after the days")
    hours = [int(digits) for digits in match.groups()]
    starts, ends = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if max(hours[1], hours[3]) > 59 or starts >= DAY_MIN or ends > DAY_MIN:
        raise HoursError(f"“{part}”: there is no such time; a day ends at 24:00")
    if starts == ends:
        raise HoursError(f"“{part}”: start and end are the same; a whole day is 00:00-24:00")
    return starts, ends


def _named(days: list[int]) -> str:
    """Write days, with runs of three or more as a range."""
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    names = [
        [f"{DAYS[run[0]]}-{DAYS[run[-1]]}"] if len(run) > 2 else [DAYS[day] for day in run]
        for run in runs
    ]
    return ",".join(name for run in names for name in run)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
