"""Quiet hours in plain words, from a time to a time.

Readings may differ by half a day. Those of more than sixteen hours are dropped if a shorter one
is left: from 22 to 8 is a night.
"""

import itertools
import re

from bot.checkins.language.lexer import (
    ClockTime,
    Days,
    PartOfDay,
    RangeWord,
    Token,
    normalise,
    tokenise,
)
from bot.checkins.language.patterns import DayPart
from bot.checkins.language.resolver import possible_minutes
from bot.checkins.language.vocabulary import is_covered, without_politeness, words
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import EVERY_DAY, MINUTES_A_DAY

MOST_CHOICES = 4
# A longer silence is likelier the other half of the day.
LONGEST_MIN = 16 * 60
A_BARE_NUMBER = re.compile(
    r"(?<![\d:.])(\d{1,2})(?![\d:.]|\s*(?:[ap]\.?m\b|[点时分刻天周个月:]|o'?\s?clock|minutes?|past))"
)
NEXT_DAY = re.compile(r"明(?=早)|第二天的?|次日|翌日|隔天|\bthe next(?: day)?\b")
NOT_ASKING = re.compile(r"别|不要|不用|勿|\bdon'?t\b|\bdo not\b|\bno\b|\bnothing\b|\bquiet\b")
NONE = {
    *["不需要", "不用", "没有", "无", "不设", "不要", "不要安静时段", "不需要安静时段"],
    *("none", "no", "no quiet hours", "not needed", "no need"),
}


def is_none(text: str) -> bool:
    """Return whether words say that no hours are to be quiet."""
    return without_politeness(normalise(text)) in NONE


def says_not_to_ask(text: str) -> bool:
    """Return whether words are about silence at all. Hours alone may be times."""
    return bool(NOT_ASKING.search(normalise(text)))


def read(text: str) -> tuple[QuietHours, ...]:
    """Return the quiet hours that a message may mean: one, several to choose from, or none."""
    folded = A_BARE_NUMBER.sub(r"\1点", NEXT_DAY.sub(" ", normalise(text)))
    tokens, rest = tokenise(folded)
    spans = [token for token in tokens if isinstance(token, RangeWord)]
    days = [token for token in tokens if isinstance(token, Days)]
    if len(spans) != 1 or any(token.days != EVERY_DAY for token in days):
        return ()
    if not is_covered([rest], words("asking", "polite", "joining", "silence")):
        return ()
    times = _times(
        [token for token in tokens if isinstance(token, PartOfDay | ClockTime | RangeWord)]
    )
    if times is None or len(times) != 2:
        return ()
    pairs = [
        (start % MINUTES_A_DAY, end % MINUTES_A_DAY) for start, end in itertools.product(*times)
    ]
    likely = [pair for pair in pairs if 0 < _length(pair) <= LONGEST_MIN]
    may_be = likely or [pair for pair in pairs if _length(pair)]
    may_be.sort(key=lambda pair: pair[0] < pair[1])  # nights first
    unique = tuple(dict.fromkeys(QuietHours(*pair) for pair in may_be))
    return unique if len(unique) <= MOST_CHOICES else ()


def _length(pair: tuple[int, int]) -> int:
    return (pair[1] - pair[0]) % MINUTES_A_DAY


def _times(tokens: list[Token]) -> list[tuple[int, ...]] | None:
    """Return the possible minutes of each time, or None if a part of the day has no time."""
    out: list[tuple[int, ...]] = []
    part: DayPart | None = None
    is_used = False
    for index, token in enumerate(tokens):
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        if isinstance(token, PartOfDay):
            if is_used:
                is_used = False
            elif token.alone_min is not None and not isinstance(after, ClockTime):
                out.append((token.alone_min,))
            elif part is None and isinstance(after, ClockTime):
                part = token.part
            else:
                return None
        elif isinstance(token, ClockTime):
            follows = isinstance(after, PartOfDay) and part is None and token.part is None
            own = after.part if follows and isinstance(after, PartOfDay) else None
            minutes = possible_minutes(token, token.part or part or own)
            part, is_used = None, follows
            if not minutes:
                return None
            out.append(minutes)
    return out
