"""Hours on duty as people write them: `mon-fri 09:00-17:00; sat,sun 22:00-06:00`."""

import re

from review.operators.access import Refusal, RefusedError
from storage.review.operators import Shift

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
_TIMES = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


class HoursError(RefusedError, ValueError):
    """A text is none of hours; the message (`detail`) says which part and what is expected."""

    def __init__(self, detail: str) -> None:
        super().__init__(Refusal.BAD_HOURS, detail=detail)

    def __str__(self) -> str:
        """The message for a terminal."""
        return self.detail


def parse_hours(text: str) -> list[Shift]:
    """Read hours; an end before the start is on the next day.

    Raises:
        HoursError: some part cannot be read.
    """
    found: list[Shift] = []
    for part in filter(None, (each.strip() for each in text.split(";"))):
        days, _, times = part.partition(" ")
        starts_min, ends_min = _times(times.strip(), part)
        found += [Shift(day, starts_min, ends_min) for day in _days(days, part)]
    if not found:
        raise HoursError("No hours are given; for example: mon-fri 09:00-17:00; sat 22:00-06:00")
    return sorted(set(found), key=_order)


def format_hours(hours: list[Shift]) -> str:
    """Hours as `parse_hours` reads them; empty where there are none."""
    by_times: dict[tuple[int, int], list[int]] = {}
    for each in sorted(hours, key=_order):
        by_times.setdefault((each.starts_min, each.ends_min), []).append(each.weekday)
    return "; ".join(
        f"{_named(days)} {_clock(starts)}-{_clock(ends)}"
        for (starts, ends), days in by_times.items()
    )


def _order(shift: Shift) -> tuple[int, int, int]:
    return shift.weekday, shift.starts_min, shift.ends_min


def _days(text: str, part: str) -> list[int]:
    days: list[int] = []
    for each in text.lower().split(","):
        first, dash, last = each.partition("-")
        begin, end = _day(first, part), _day(last if dash else first, part)
        days += [(begin + step) % 7 for step in range((end - begin) % 7 + 1)]
    return days


def _day(text: str, part: str) -> int:
    if text[:3] not in DAYS or len(text) > len("wednesday"):
        raise HoursError(f"“{part}”: days are written {', '.join(DAYS)}, or mon-fri")
    return DAYS.index(text[:3])


def _times(text: str, part: str) -> tuple[int, int]:
    found = _TIMES.fullmatch(text)
    if found is None:
        raise HoursError(f"“{part}”: times are written 09:00-17:00 after the days")
    hours = [int(each) for each in found.groups()]
    starts, ends = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if max(hours[1], hours[3]) > 59 or starts >= DAY_MIN or ends > DAY_MIN:
        raise HoursError(f"“{part}”: no such time; a day ends at 24:00")
    if starts == ends:
        raise HoursError(f"“{part}”: it ends when it starts; the whole day is 00:00-24:00")
    return starts, ends


def _named(days: list[int]) -> str:
    """Days with runs of three and more as a range."""
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
