"""Plain words cut into days, parts of the day and clock times, in Chinese and English.

Knows nothing of what they add up to (`reading.py`). Traditional characters, full width and
capital letters are folded first.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from opencc import OpenCC

from bot.checkins.patterns import (
    A_LITTLE,
    ALONE,
    EACH,
    EN_NUMBERS,
    EN_PARTS,
    EN_WORDS,
    MASTER,
    PATTERNS,
    SPOKEN,
    ZH_PARTS,
    Part,
)
from bot.checkins.schedule import EVERY_DAY, WEEKDAYS, WEEKEND


@dataclass(frozen=True, slots=True)
class Days:
    """Days of the week, 0 is Monday."""

    days: frozenset[int]


@dataclass(frozen=True, slots=True)
class PartOfDay:
    """A part of the day; alone it is a time where it is noon or midnight."""

    part: Part
    alone_min: int | None = None
    follows: bool = False  # "in the evening" belongs to the time before it


@dataclass(frozen=True, slots=True)
class Clock:
    """A time as it was said: hour 0 to 24."""

    hour: int
    minute: int
    part: Part | None = None  # said with it: 8am
    is_24h: bool = False  # 08:00


@dataclass(frozen=True, slots=True)
class Span:
    """A word between two times that makes them a range: 8 to 9."""


Token = Days | PartOfDay | Clock | Span
FIXED_DAYS = {"every": EVERY_DAY, "weekdays": WEEKDAYS, "weekend": WEEKEND,
              "zh_weekend": WEEKEND}  # fmt: skip


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


def fold(text: str) -> str:
    """Simplified characters, half width, small letters, English numbers as digits."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    text = _simplifier().convert(text)
    text = A_LITTLE.sub(" ", text)
    text = EN_WORDS.sub(lambda match: EN_NUMBERS[match.group(1)], text)
    return SPOKEN.sub(r"\1:\2", text)  # seven thirty


def tokens(folded: str) -> tuple[list[Token], str]:
    """The tokens of a folded text in order, and what is left of it."""
    found: list[Token] = []
    rest, end = [], 0
    for match in MASTER.finditer(folded):
        name = next(key for key, _ in PATTERNS if match.group(key) is not None)
        rest.append(folded[end : match.start()])
        end = match.end()
        again = EACH[name].match(folded, match.start())
        assert again is not None
        found.extend(_token(name, again))
    rest.append(folded[end:])
    return found, " ".join(rest)


def number(text: str) -> int:
    """A number up to 99, in digits or Chinese numerals."""
    if text.isdigit():
        return int(text)
    digits = {char: max(0, index - 1) for index, char in enumerate("零〇一二三四五六七八九")}
    digits["两"] = 2
    if "十" not in text:
        return int("".join(str(digits[char]) for char in text))
    tens, _, ones = text.partition("十")
    return (digits[tens] if tens else 1) * 10 + (digits[ones[-1]] if ones else 0)


def _token(name: str, match: re.Match[str]) -> list[Token]:
    days = _days(name, match)
    if days is not None:
        evening = [PartOfDay(Part.EVENING)] if "weeknight" in match.group() else []
        return [Days(days), *evening]
    if name == "part":
        return [_part(match.group())]
    if name == "span":
        return [Span()]
    return [_clock(name, match)]


def _days(name: str, match: re.Match[str]) -> frozenset[int] | None:
    """The days that a match names; None where it is of another kind."""
    if name in FIXED_DAYS:
        return FIXED_DAYS[name]
    if name == "zh_days":
        return frozenset(map(_zh_day, re.findall("[一二三四五六日天1-7]", match.group(1))))
    if name == "en_day":
        return frozenset((_en_day(match.group(1)),))
    if name in ("zh_range", "en_range"):
        day = _zh_day if name == "zh_range" else _en_day
        return _from_to(day(match.group(1)), day(match.group(2)))
    return None


def _zh_day(char: str) -> int:
    return int(char) - 1 if char.isdigit() else "一二三四五六日".index(char.replace("天", "日"))


def _en_day(word: str) -> int:
    return ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(word[:3])


def _from_to(first: int, last: int) -> frozenset[int]:
    return frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))


def _part(text: str) -> PartOfDay:
    if text in ZH_PARTS:
        return PartOfDay(ZH_PARTS[text], ALONE.get(text))
    word = re.findall(r"[a-z]+", text)[-1]
    word = word if word in EN_PARTS else word.rstrip("s")
    follows = text.startswith(("in ", "at night"))
    part = Part.DAWN if "early" in text and word == "morning" else EN_PARTS[word]
    return PartOfDay(part, ALONE.get(word), follows)


def _clock(name: str, match: re.Match[str]) -> Clock:
    groups = match.groups()
    if name == "zh_clock":
        hour, half, quarter, minute = groups
        minutes = 30 if half else 0
        if quarter:
            minutes = 15 if quarter in "一1" else 45
        elif minute:
            minutes = number(minute)
        return Clock(number(hour), minutes)
    if name == "half_past":
        how, side, hour, ap = groups
        minutes = {"half": 30, "quarter": 15}.get(how) or int(how)
        total = int(hour) * 60 + (minutes if side in ("past", "after") else -minutes)
        total = total if total >= 60 else total + 12 * 60  # quarter to one
        return Clock(total // 60, total % 60, _am_pm(ap))
    if name == "colon":
        hour, minute, ap = groups
        return Clock(int(hour), int(minute), _am_pm(ap), is_24h=hour.startswith("0"))
    if name == "marked":
        hour, mark, ap = groups
        return Clock(int(hour), 0, _am_pm(mark) or _am_pm(ap))
    return Clock(int(groups[0]), 0)


def _am_pm(text: str | None) -> Part | None:
    if not text or "clock" in text:
        return None
    return Part.AM if text.startswith("a") else Part.PM
