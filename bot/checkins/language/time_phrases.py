"""Plain words about times: appointments, or a reason to ask.

A message is read only if the closed vocabulary covers the rest of it. What may mean two things
comes back with its readings as choices. Without a day it is every day, and `are_days_said` is
False so that the answer can say so.

    read("每天早上八点和晚上十点") -> ParsedTimes((8:00, 22:00, every day))
    read("8点") -> Ambiguous(WHICH_HALF, choices=((8:00,), (20:00,)))
    read("再加一个晚上十点") -> Ambiguous(UNCLEAR)
    read("凌晨三点又醒了") -> None
"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.checkins.language.lexer import (
    ClockTime,
    Days,
    PartOfDay,
    RangeWord,
    Token,
    normalise,
    tokenise,
)
from bot.checkins.language.resolver import ResolvedTimes, TimeOption, resolve
from bot.checkins.language.vocabulary import is_covered, request_vocabulary
from bot.checkins.rules.schedule import EVERY_DAY, MINUTES_A_DAY, Appointment, merged

MOST_CHOICES = 4
# A person can have this many times.
MOST_TIMES = 6

COUNT = r"(?:两|二|三|四|五|六|七|\d+)"
# Requests that only the buttons can express: not at 8, after 8.
UNSURE = re.compile(
    r"(?<!要)不要|(?<!是)不用|(?<![特分区])别|除了?|(?:以|之|过)[前后]"
    r"|\bexcept\b|\bbut not\b|\bdon'?t\b|\bnot\b|\bnever\b|\bno\b|\bafter\b|\bbefore\b|\bby\b"
)
NOT_WEEKLY = re.compile(
    rf"隔[天日周]|每隔一?[天日周]?|[每逢]{COUNT}[天日周]|每[月年]|每个月|每个?小时|{COUNT}\s*次"
    rf"|{COUNT}\s*(?:天|日|周|个?星期|个?礼拜|个?月)\s*[一1]次|(?:[一二三十]{{1,3}}|\d+)号|月底"
    r"|every (?:other|second|\d+|few|hour|month|year)(?: days?| weeks?)?"
    r"|monthly|hourly|fortnight(?:ly)?|biweekly|twice|\b\d+ times"
)
ONCE = re.compile(
    r"(?:从|自)?(?:明天|后天|大后天|今天|这周|本周|下周|下个?星期|下个?礼拜)(?:开始|起)?|今(?=[早晚])"
    r"|\b(?:(?:starting|from|since)\s+)?(?:tomorrow|today|next|this)\b|\bto(?=night\b)"
)
COMING = re.compile(r"(?:下|这|本)个?(?=(?:周|星期|礼拜)\s*[一二三四五六日天末1-7])")
ANY_WEEK = re.compile(r"每个?(?:周|星期|礼拜)|weekly|every week\b|(?:once )?a week")
# Words that change the times agreed on, which only buttons do.
CHANGING = re.compile(
    r"[改换调](?:成|到|为)|(?:再|另外|额外|多)?(?:加上|加个|加一个|添加|添一个|增加|新增|加)|再来一个|也要"
    r"|去掉|去除|删掉|删除|删了|取消|拿掉|\b(?:add|also|plus|remove|delete|drop|cancel|take out"
    r"|get rid of|change|move|switch|shift|instead of)\b"
)
OF_CHANGING = re.compile(r"[把将由]|原来的?|\b(?:it|them|my)\b")
NO_LONGER = re.compile(r"^\W*(?:我)?不要(.+)了\W*$")
A_BARE_NUMBER = re.compile(r"\s*\d{1,2}\s*")


class AmbiguityReason(StrEnum):
    """Why a message cannot be taken as it is."""

    WHICH_HALF = "which_half"  # morning or evening, noon or midnight, this one or that one
    WHICH_MIDNIGHT = "which_midnight"  # at the start or the end of the day that was named
    WHICH_DAYS = "which_days"  # weekly, but on which day?
    WHAT_TIME = "what_time"  # days or a part of the day, without a time
    ONLY_ONCE = "only_once"  # tomorrow at eight, offered as a weekly time
    NOT_WEEKLY = "not_weekly"  # every other day, monthly
    TOO_MANY = "too_many"
    IS_THIS = "is_this"  # understood, and to be confirmed
    UNCLEAR = "unclear"  # a range, a negation, a change, a number that is not a time


@dataclass(frozen=True, slots=True)
class ParsedTimes:
    """Times that were understood.

    Attributes:
        are_days_said: False if no day was named and every day was taken.
    """

    appointments: tuple[Appointment, ...]
    are_days_said: bool = True


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Words about times that need a question.

    Attributes:
        choices: up to four whole readings to offer. If empty, only buttons can say it.
    """

    why: AmbiguityReason
    choices: tuple[tuple[Appointment, ...], ...] = ()


ParseResult = ParsedTimes | Ambiguous


def read(text: str, *, is_asked: bool = True) -> ParseResult | None:
    """Read the times in a message. Returns None if it is about anything else.

    Unless times were asked for (`is_asked`), a bare number, a bare 三点 and words without a time
    are not a request.
    """
    folded = normalise(text)
    if is_asked and A_BARE_NUMBER.fullmatch(folded):
        folded = f"at {folded.strip()}"
    if not is_asked and not _says_enough(folded):
        return None
    return _plain(NO_LONGER.sub(r"去掉\1", folded))


def _says_enough(folded: str) -> bool:
    """Return whether words may be about times that were not asked for."""
    tokens, _rest = tokenise(folded)
    times = [
        token
        for token in tokens
        if isinstance(token, ClockTime)
        or (isinstance(token, PartOfDay) and token.alone_min is not None)
    ]
    if times and CHANGING.search(folded):
        return True
    if len(tokens) == 1 and times:  # three o'clock is not a request, 3am may be one
        (only,) = times
        return isinstance(only, ClockTime) and (
            only.part is not None or only.minute > 0 or only.hour > 12
        )
    return bool(times) or (bool(tokens) and bool(re.search("别|不要|no |don'?t", folded)))


def _is_time(token: Token) -> bool:
    is_alone = isinstance(token, PartOfDay) and token.alone_min is not None
    return is_alone or isinstance(token, ClockTime)


def _plain(folded: str) -> ParsedTimes | Ambiguous | None:
    if ONCE.search(folded) or COMING.search(folded):
        return _once(_plain(ONCE.sub(" ", COMING.sub(" ", folded))))
    tokens, rest = tokenise(NOT_WEEKLY.sub(" ", folded))
    beside = UNSURE.sub(" ", rest)
    if CHANGING.search(beside):
        beside = CHANGING.sub(" ", OF_CHANGING.sub(" ", beside))
    if not is_covered([re.sub(r"\d+", " ", beside)], request_vocabulary()):
        return None
    if NOT_WEEKLY.search(folded):
        return Ambiguous(AmbiguityReason.NOT_WEEKLY)
    if not any(isinstance(token, Days | ClockTime | PartOfDay) for token in tokens):
        return Ambiguous(AmbiguityReason.WHICH_DAYS) if ANY_WEEK.search(rest) else None
    why, said = _obstacle(tokens, rest), resolve(tokens)
    if why is not None or said is None:
        return Ambiguous(why or AmbiguityReason.UNCLEAR)
    return _together(said, are_days_said=any(isinstance(token, Days) for token in tokens))


def _once(weekly: ParsedTimes | Ambiguous | None) -> ParsedTimes | Ambiguous | None:
    """Return the times of one day as weekly times."""
    choices = (
        (weekly.appointments,) if isinstance(weekly, ParsedTimes) else weekly and weekly.choices
    )
    return Ambiguous(AmbiguityReason.ONLY_ONCE, choices) if choices else weekly


def _obstacle(tokens: list[Token], rest: str) -> AmbiguityReason | None:
    """Return why the words cannot be taken as times of every week, or None."""
    if any(pattern.search(rest) for pattern in (UNSURE, CHANGING)) or re.search(r"\d", rest):
        return AmbiguityReason.UNCLEAR
    beside = zip([None, *tokens], tokens, [*tokens[1:], None], strict=False)
    if any(
        isinstance(token, RangeWord)
        and (isinstance(before, ClockTime) or isinstance(after, ClockTime))
        for before, token, after in beside
    ):
        return AmbiguityReason.UNCLEAR
    if not any(map(_is_time, tokens)):
        return AmbiguityReason.WHAT_TIME
    if ANY_WEEK.search(rest) and not any(isinstance(token, Days) for token in tokens):
        return AmbiguityReason.WHICH_DAYS
    return None


def _together(resolved: ResolvedTimes, *, are_days_said: bool) -> ParsedTimes | Ambiguous:
    said = resolved.said
    if len(said) > MOST_TIMES:
        return Ambiguous(AmbiguityReason.TOO_MANY)
    if resolved.is_choice:
        alone = [(minute, option) for option in said for minute in option.minutes]
        return _which(
            merged(_at_end(TimeOption((minute,), option.days))) for minute, option in alone
        )
    readings = []
    for minutes in itertools.product(*(option.minutes for option in said)):
        readings.append(
            [
                TimeOption((minute,), option.days)
                for minute, option in zip(minutes, said, strict=True)
            ]
        )
    if len(readings) > 1:
        return _which(merged(itertools.chain.from_iterable(map(_at_end, e))) for e in readings)
    only = readings[0]
    if any(_is_open_midnight(option) for option in only):
        ends = merged(itertools.chain.from_iterable(map(_at_end, only)))
        starts = merged(
            Appointment(option.days, option.minutes[0] % MINUTES_A_DAY) for option in only
        )
        return Ambiguous(AmbiguityReason.WHICH_MIDNIGHT, (ends, starts))
    appointments = merged(itertools.chain.from_iterable(map(_at_end, only)))
    return ParsedTimes(appointments, are_days_said)


def _which(choices: Iterable[tuple[Appointment, ...]]) -> Ambiguous:
    unique = tuple(dict.fromkeys(choices))
    return (
        Ambiguous(AmbiguityReason.WHICH_HALF, unique)
        if len(unique) <= MOST_CHOICES
        else Ambiguous(AmbiguityReason.UNCLEAR)
    )


def _is_open_midnight(said: TimeOption) -> bool:
    """Return whether midnight of a named day may be its start or its end."""
    return said.minutes[0] >= MINUTES_A_DAY and said.days != EVERY_DAY


def _at_end(said: TimeOption) -> list[Appointment]:
    over, minute = divmod(said.minutes[0], MINUTES_A_DAY)
    return [Appointment(frozenset((day + over) % 7 for day in said.days), minute)]
