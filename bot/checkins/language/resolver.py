"""Resolution of the part of the day and the days that each time of a message has."""

from dataclasses import dataclass

from bot.checkins.language.lexer import ClockTime, Days, OrWord, PartOfDay, RangeWord, Token
from bot.checkins.language.patterns import DayPart
from bot.checkins.rules.schedule import EVERY_DAY, MINUTES_A_DAY


def possible_minutes(clock: ClockTime, part: DayPart | None) -> tuple[int, ...]:
    """Return the minutes that a time may mean: one, two if it is open, none if it is wrong.

    1440 is midnight at the end of the day and 0 at its start: 晚上十二点 is the end.
    """
    hour, minute = clock.hour, clock.minute
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        return ()
    if hour == 24:
        return (MINUTES_A_DAY,)
    hours = _hours(hour, part, is_24h=clock.is_24h)
    return tuple(at * 60 + minute for at in hours)


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


@dataclass(frozen=True, slots=True)
class TimeOption:
    """One time with its days, and the minutes that it may mean.

    A minute of 1440 or more is midnight at the end of the days.
    """

    minutes: tuple[int, ...]
    days: frozenset[int]


@dataclass(frozen=True, slots=True)
class ResolvedTimes:
    """The times of a message.

    Attributes:
        is_choice: one of them is meant: 8 or 9.
    """

    said: list[TimeOption]
    is_choice: bool = False


def resolve(tokens: list[Token]) -> ResolvedTimes | None:
    """Resolve every time with what belongs to it. Returns None if anything belongs to nothing."""
    kept = [token for token in tokens if not isinstance(token, RangeWord)]
    while kept and isinstance(kept[0], OrWord):  # 还是 at the start means rather
        kept = kept[1:]
    ors = [at for at, token in enumerate(kept) if isinstance(token, OrWord)]
    times = _with_parts([token for token in kept if not isinstance(token, OrWord)])
    said = _with_days(times) if times is not None else None
    if said is None:
        return None
    if ors and len(said) != len(ors) + 1:
        return None  # 8 and 9 or 10
    is_between = all(0 < at < len(kept) - 1 and not isinstance(kept[at + 1], OrWord) for at in ors)
    return ResolvedTimes(said, bool(ors)) if is_between else None


def _with_parts(kept: list[Token]) -> list[Days | tuple[int, ...]] | None:
    """Return days unchanged, and each time as the minutes that it may mean."""
    out: list[Days | tuple[int, ...]] = []
    part: DayPart | None = None
    last, waits, is_used = -1, False, False
    for index, token in enumerate(kept):
        after = kept[index + 1] if index + 1 < len(kept) else None
        if isinstance(token, Days):
            out.append(token)
        elif isinstance(token, PartOfDay):
            if is_used:
                is_used = False
                continue
            if waits:
                return None  # the part before it has no time: morning, evening at 8
            part, last = token.part, -1
            waits = token.alone_min is None
            if token.alone_min is not None and not (
                isinstance(after, ClockTime) and not after.part
            ):
                out.append((token.alone_min or MINUTES_A_DAY,))
        elif isinstance(token, ClockTime):
            follows = isinstance(after, PartOfDay) and _follows(kept, index, is_open=part is None)
            own = token.part
            if own is None and follows and isinstance(after, PartOfDay):
                own = after.part
            is_used, waits = follows, False
            is_later = token.hour * 60 + token.minute > last
            minutes = possible_minutes(token, own or (part if is_later else None))
            last = token.hour * 60 + token.minute if own is None else -1
            if not minutes:
                return None
            out.append(minutes)
    return None if waits else out


def _follows(kept: list[Token], index: int, *, is_open: bool) -> bool:
    """Return whether the part of the day after a time belongs to it: 8 in the evening."""
    after = kept[index + 1]
    if not isinstance(after, PartOfDay) or after.alone_min is not None:
        return False
    is_last = index + 2 >= len(kept) or not isinstance(kept[index + 2], ClockTime)
    clock = kept[index]
    return after.follows or (
        is_open and is_last and isinstance(clock, ClockTime) and not clock.part
    )


def _with_days(times: list[Days | tuple[int, ...]]) -> list[TimeOption] | None:
    """Give every time its days: those before it, or those after it if a time comes first."""
    said: list[TimeOption] = []
    waiting: list[tuple[int, ...]] = []
    days: frozenset[int] = frozenset()
    is_leading = bool(times) and isinstance(times[0], Days)
    before: object = None
    for time in times:
        if isinstance(time, Days):
            days = days | time.days if isinstance(before, Days) else time.days
        elif is_leading:
            said.append(TimeOption(time, days))
        else:
            if waiting and days:
                said += [TimeOption(minutes, days) for minutes in waiting]
                waiting, days = [], frozenset()
            waiting.append(time)
        before = time
    if waiting:
        if said and not days:
            return None  # weekdays at 8, and 10: on which days?
        said += [TimeOption(minutes, days or EVERY_DAY) for minutes in waiting]
    if is_leading and isinstance(times[-1], Days) and len(times) > 1:
        return None  # days at the end that no time belongs to
    return said
