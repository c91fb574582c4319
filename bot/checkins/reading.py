"""What plain words about times mean: appointments, or a reason to ask.

Knows nothing of who says it, nor of Telegram; zones are in `zones.py`, other wishes (stop, pause,
skip today) in `wishes.py`. Nothing is guessed silently: 8点 without a part of the day comes back
with both readings as choices. Where no day is said, it is every day, and `are_days_said` is False
so that the answer can say so.

    read("每天早上八点和晚上十点") -> Times((8:00, 22:00, every day))
    read("8点") -> Unclear(WHICH_HALF, choices=((8:00,), (20:00,)))
    read("hello") -> None
"""

import itertools
import re
from dataclasses import dataclass
from enum import StrEnum

from bot.checkins.hours import options
from bot.checkins.patterns import Part
from bot.checkins.schedule import EVERY_DAY, MINUTES_A_DAY, Appointment, merged
from bot.checkins.tokens import Clock, Days, PartOfDay, Span, Token, fold, tokens

MOST_CHOICES = 4
MOST_TIMES = 6
"""More times than this in one message are more than a check-in is for."""

NOT_WANTED = re.compile(
    r"(?<!要)不要|(?<!是)不想|不用|(?<![特分区])别|除"
    r"|\bexcept\b|\bbut not\b|\bdon'?t\b|\bnot\b|\bnever\b|\bno\b"
)
NOT_WEEKLY = re.compile(
    r"隔[天日周]|每隔|[每逢](?:两|二|三|四|五|六|\d+)[天日周]|每月|每年|每个月|每个?小时|号|月底"
    r"|every (?:other|second|\d+|few|hour|month|year)|monthly|hourly|fortnight|biweekly|twice"
)
ONCE = re.compile(
    r"(?:从|自)?(?:明天|后天|大后天|今天|这周|下周|下个?星期)(?:开始|起)?|今(?=[早晚])"
    r"|\b(?:(?:starting|from|since)\s+)?(?:tomorrow|today|next|this)\b|\bto(?=night\b)"
)
ANY_WEEK = re.compile(r"每个?(?:周|星期|礼拜)|weekly|every week\b|once a week")


class Why(StrEnum):
    """Why a message cannot be taken as it is."""

    WHICH_HALF = "which_half"  # morning or evening, noon or midnight
    WHICH_MIDNIGHT = "which_midnight"  # at the start or the end of the day that was named
    WHICH_DAYS = "which_days"  # weekly, but on which day?
    WHAT_TIME = "what_time"  # days or a part of the day, without a time
    ONLY_ONCE = "only_once"  # tomorrow at eight; the choice is what it would be every week
    NOT_WEEKLY = "not_weekly"  # every other day, monthly
    TOO_MANY = "too_many"
    UNCLEAR = "unclear"  # a range, a negation, a number that is no time


@dataclass(frozen=True, slots=True)
class Times:
    """Times that were understood.

    Attributes:
        are_days_said: False: no day was named, and every day was taken.
    """

    appointments: tuple[Appointment, ...]
    are_days_said: bool = True


@dataclass(frozen=True, slots=True)
class Unclear:
    """Words about times that need a question.

    Attributes:
        choices: whole readings to offer, at most four; empty: ask for other words.
    """

    why: Why
    choices: tuple[tuple[Appointment, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class _Said:
    """One time with its days, and the minutes that it may mean.

    A minute of a whole day or more is midnight at the end of the days.
    """

    minutes: tuple[int, ...]
    days: frozenset[int]


def read(text: str) -> Times | Unclear | None:
    """What a message says about times; None where it says nothing of them."""
    folded = fold(text)
    if re.fullmatch(r"\s*\d{1,2}\s*", folded):
        folded = f"at {folded.strip()}"
    found, rest = tokens(folded)
    if not any(isinstance(token, Days | Clock | PartOfDay) for token in found):
        return Unclear(Why.NOT_WEEKLY) if NOT_WEEKLY.search(folded) else None
    if ONCE.search(folded):
        weekly = read(ONCE.sub(" ", folded))
        return Unclear(Why.ONLY_ONCE, (weekly.appointments,) if isinstance(weekly, Times) else ())
    why = _obstacle(folded, found, rest)
    if why is not None:
        return Unclear(why)
    placed = _with_days(_with_parts(found))
    if isinstance(placed, Why):
        return Unclear(placed)
    are_days_said = any(isinstance(token, Days) for token in found)
    return _together(placed, are_days_said=are_days_said)


def _obstacle(folded: str, found: list[Token], rest: str) -> Why | None:
    """What stands in the way of taking the words as times of every week."""
    has_time = any(
        isinstance(token, Clock) or (isinstance(token, PartOfDay) and token.alone_min is not None)
        for token in found
    )
    if NOT_WEEKLY.search(folded):
        return Why.NOT_WEEKLY
    if NOT_WANTED.search(folded) or re.search(r"\d", rest):
        return Why.UNCLEAR
    if any(
        isinstance(span, Span) and (isinstance(before, Clock) or isinstance(after, Clock))
        for before, span, after in zip(found, found[1:], found[2:], strict=False)
    ):
        return Why.UNCLEAR
    if not has_time:
        return Why.WHAT_TIME
    if ANY_WEEK.search(rest) and not any(isinstance(token, Days) for token in found):
        return Why.WHICH_DAYS
    return None


def _with_parts(found: list[Token]) -> list[Days | tuple[int, ...] | None]:
    """Days as they stand, and each time as the minutes that it may mean (None: no time)."""
    out: list[Days | tuple[int, ...] | None] = []
    part: Part | None = None
    last = -1
    kept = [token for token in found if not isinstance(token, Span)]
    for index, token in enumerate(kept):
        after = kept[index + 1] if index + 1 < len(kept) else None
        if isinstance(token, Days):
            out.append(token)
        elif isinstance(token, PartOfDay):
            if index and _belongs_to(kept[index - 1], token, after):
                continue
            part, last = token.part, -1
            binds = isinstance(after, Clock) and after.part is None
            if token.alone_min is not None and not binds:
                out.append((token.alone_min or MINUTES_A_DAY,))
        else:
            own = token.part
            if own is None and isinstance(after, PartOfDay):
                is_last = index + 2 >= len(kept) or not isinstance(kept[index + 2], Clock)
                if part is None and (after.follows or is_last):
                    own = after.part
            is_later = token.hour * 60 + token.minute > last
            minutes = options(token, own or (part if is_later else None))
            last = token.hour * 60 + token.minute if own is None else -1
            out.append(minutes or None)
    return out


def _belongs_to(before: Token, token: PartOfDay, after: Token | None) -> bool:
    """Whether a part of the day was said after its time: 8 in the evening."""
    return isinstance(before, Clock) and (token.follows or not isinstance(after, Clock)) and (
        token.alone_min is None
    )  # fmt: skip


def _with_days(placed: list[Days | tuple[int, ...] | None]) -> list[_Said] | Why:
    """Give every time its days: those before it, or those after it where a time comes first."""
    said: list[_Said] = []
    waiting: list[tuple[int, ...]] = []
    days: frozenset[int] = frozenset()
    is_leading = bool(placed) and isinstance(placed[0], Days)
    before: object = None
    for each in placed:
        if each is None:
            return Why.UNCLEAR
        if isinstance(each, Days):
            days = days | each.days if isinstance(before, Days) else each.days
        elif is_leading:
            said.append(_Said(each, days))
        else:
            if waiting and days:
                said += [_Said(minutes, days) for minutes in waiting]
                waiting, days = [], frozenset()
            waiting.append(each)
        before = each
    if waiting:
        if said and not days:
            return Why.UNCLEAR  # weekdays at 8, and 10: on which days?
        said += [_Said(minutes, days or EVERY_DAY) for minutes in waiting]
    if is_leading and isinstance(placed[-1], Days) and len(placed) > 1:
        return Why.UNCLEAR  # days at the end that no time belongs to
    return said


def _together(said: list[_Said], *, are_days_said: bool) -> Times | Unclear:
    if len(said) > MOST_TIMES:
        return Unclear(Why.TOO_MANY)
    readings = []
    for minutes in itertools.product(*(each.minutes for each in said)):
        readings.append([_Said((minute,), each.days)
                         for minute, each in zip(minutes, said, strict=True)])  # fmt: skip
    if len(readings) > 1:
        choices = [merged(itertools.chain.from_iterable(map(_at_end, each))) for each in readings]
        unique = tuple(dict.fromkeys(choices))
        return Unclear(Why.WHICH_HALF, unique if len(unique) <= MOST_CHOICES else ())
    only = readings[0]
    if any(_is_open_midnight(each) for each in only):
        ends = merged(itertools.chain.from_iterable(map(_at_end, only)))
        starts = merged(Appointment(each.days, each.minutes[0] % MINUTES_A_DAY) for each in only)
        return Unclear(Why.WHICH_MIDNIGHT, (ends, starts))
    appointments = merged(itertools.chain.from_iterable(map(_at_end, only)))
    return Times(appointments, are_days_said)


def _is_open_midnight(said: _Said) -> bool:
    """Midnight of a day that was named: its start or its end? Every day it is the same."""
    return said.minutes[0] >= MINUTES_A_DAY and said.days != EVERY_DAY


def _at_end(said: _Said) -> list[Appointment]:
    over, minute = divmod(said.minutes[0], MINUTES_A_DAY)
    return [Appointment(frozenset((day + over) % 7 for day in said.days), minute)]
