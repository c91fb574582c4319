"""The minutes of the day that a clock time may mean, with or without a part of the day."""

from bot.checkins.patterns import DayPart
from bot.checkins.schedule import MINUTES_A_DAY
from bot.checkins.tokens import ClockTime


def possible_minutes(clock: ClockTime, part: DayPart | None) -> tuple[int, ...]:
    """The minutes that a time may mean: one, two if it is open, none if it is wrong.

    1440 is midnight at the end of the day and 0 at its start: 晚上十二点 is the end.
    """
    hour, minute = clock.hour, clock.minute
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        return ()
    if hour == 24:
        return (MINUTES_A_DAY,)
    hours = _hours(hour, part, is_24h=clock.is_24h)
    return tuple(each * 60 + minute for each in hours)


def _hours(hour: int, part: DayPart | None, *, is_24h: bool) -> tuple[int, ...]:
    if hour > 12 or (hour == 0 and part is None):
        wrong = part in (DayPart.AM, DayPart.DAWN, DayPart.MORNING) and hour > 12
        return () if wrong else (hour,)
    if is_24h and part is None:
        return (hour,)
    if part is None:
        return (12, 24) if hour == 12 else (hour, hour + 12)
    late = 24 if hour in (0, 12) else hour + 12
    early = 0 if hour == 12 else hour
    return {
        DayPart.AM: (early,),
        DayPart.PM: (12,) if hour == 12 else (late,),
        DayPart.DAWN: (early,),
        DayPart.MORNING: (hour,) if hour != 12 else (12, 24),
        DayPart.NOON: (hour,) if hour >= 10 else (hour + 12,) if 1 <= hour <= 3 else (),
        DayPart.AFTERNOON: (12,) if hour == 12 else (hour + 12,),
        DayPart.EVENING: (late,) if hour == 0 or hour >= 5 else (hour, hour + 12),
        DayPart.NIGHT: (late,) if hour == 0 or hour >= 6 else (hour + 24,),
    }[part]
