"""The lexer: plain words cut into days, parts of the day and clock times in both languages."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from opencc import OpenCC

from bot.checkins.language.patterns import (
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
    DayPart,
)
from bot.checkins.rules.schedule import EVERY_DAY, WEEKDAYS, WEEKEND


@dataclass(frozen=True, slots=True)
class Days:
    """Days of the week, 0 is Monday."""

    days: frozenset[int]


@dataclass(frozen=True, slots=True)
class PartOfDay:
    """A part of the day. Noon and midnight alone are a time."""

    part: DayPart
    alone_min: int | None = None
    follows: bool = False  # "in the evening" belongs to the time before it


@dataclass(frozen=True, slots=True)
class ClockTime:
    """A time as it was said, hour 0 to 24."""

    hour: int
    minute: int
    part: DayPart | None = None  # said with it: 8am
    is_24h: bool = False  # 08:00


@dataclass(frozen=True, slots=True)
class RangeWord:
    """A word between two times that makes them a range: 8 to 9."""


@dataclass(frozen=True, slots=True)
class OrWord:
    """A word between two times that leaves open which: 8 or 9."""


Token = Days | PartOfDay | ClockTime | RangeWord | OrWord
FIXED_DAYS = {
    "every": EVERY_DAY,
    "weekdays": WEEKDAYS,
    "weekend": WEEKEND,
    "zh_weekend": WEEKEND,
    "letter_range": WEEKDAYS,
}
ZH_DAYS = re.compile("[一二三四五六日天1-7]")
LETTERS = {"m": 0, "tu": 1, "t": 1, "w": 2, "th": 3, "f": 4, "sa": 5, "su": 6}
RUN_TOGETHER = {"mwf": (0, 2, 4), "tuth": (1, 3), "tth": (1, 3)}


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


def normalise(text: str) -> str:
    """Fold to simplified characters, half width, small letters and digits."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    text = _simplifier().convert(text)
    text = A_LITTLE.sub(" 一些 ", text)  # no time, and no word of a request either
    text = EN_WORDS.sub(lambda match: EN_NUMBERS[match.group(1)], text)
    return SPOKEN.sub(r"\1:\2", text)  # seven thirty


def tokenise(folded: str) -> tuple[list[Token], str]:
    """Return the tokens of a normalised text in order, and the rest of it."""
    tokens: list[Token] = []
    rest, end = [], 0
    for match in MASTER.finditer(folded):
        name = next(key for key in PATTERNS if match.group(key) is not None)
        rest.append(folded[end : match.start()])
        end = match.end()
        again = EACH[name].match(folded, match.start())
        assert again is not None
        tokens.extend(_token(name, again))
    rest.append(folded[end:])
    return tokens, " ".join(rest)


def number(text: str) -> int:
    """Return a number in digits or, up to 99, in Chinese numerals. Returns 100 if it is not one."""
    if text.isdigit():
        return int(text)
    digits = {char: max(0, index - 1) for index, char in enumerate("零〇一二三四五六七八九")}
    digits["两"] = 2
    if "十" not in text:
        return int("".join(str(digits[char]) for char in text))
    tens, _, ones = text.partition("十")
    if "十" in ones or len(tens) > 1 or len(ones) > 2:
        return 100  # no number, and too large for any use
    return (digits[tens] if tens else 1) * 10 + (digits[ones[-1]] if ones else 0)


def _token(name: str, match: re.Match[str]) -> list[Token]:
    days = _days(name, match)
    if days is not None:
        evening = [PartOfDay(DayPart.EVENING)] if "weeknight" in match.group() else []
        return [Days(days), *evening]
    if name == "part":
        return [_part(match.group())]
    if name in ("span", "or"):
        return [RangeWord() if name == "span" else OrWord()]
    return [_clock(name, match)]


def _days(name: str, match: re.Match[str]) -> frozenset[int] | None:
    """Return the days that a match names, or None if it is of another kind."""
    if name in FIXED_DAYS:
        return FIXED_DAYS[name]
    read = {
        "zh_days": lambda: frozenset(map(_zh_day, ZH_DAYS.findall(match.group(1)))),
        "zh_listed": lambda: frozenset(map(_zh_day, ZH_DAYS.findall(match.group(1)))),
        "en_day": lambda: frozenset((_en_day(match.group(1)),)),
        "letters": lambda: _lettered(match.group(1)),
        "zh_range": lambda: _from_to(_zh_day(match.group(1)), _zh_day(match.group(2))),
        "en_range": lambda: _from_to(_en_day(match.group(1)), _en_day(match.group(2))),
    }.get(name)
    return read() if read else None


def _zh_day(char: str) -> int:
    return int(char) - 1 if char.isdigit() else "一二三四五六日".index(char.replace("天", "日"))


def _en_day(word: str) -> int:
    return ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(word[:3])


def _lettered(text: str) -> frozenset[int]:
    if text in RUN_TOGETHER:
        return frozenset(RUN_TOGETHER[text])
    names = re.findall("[a-z]+", text.replace(" and ", " "))
    return frozenset(LETTERS.get(name[:2], LETTERS.get(name[:1], 0)) for name in names)


def _from_to(first: int, last: int) -> frozenset[int]:
    return frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))


def _part(text: str) -> PartOfDay:
    if text in ZH_PARTS:
        return PartOfDay(ZH_PARTS[text], ALONE.get(text))
    word = re.findall(r"[a-z]+", text)[-1]
    word = word if word in EN_PARTS else word.rstrip("s")
    follows = text.startswith(("in ", "at night"))
    part = DayPart.DAWN if "early" in text and word == "morning" else EN_PARTS[word]
    return PartOfDay(part, ALONE.get(word), follows)


def _clock(name: str, match: re.Match[str]) -> ClockTime:
    groups = match.groups()
    if name == "zh_clock":
        hour, half, quarter, minute = groups
        minutes = 30 if half else 15 * (1 if quarter in "一1" else 3) if quarter else 0
        return ClockTime(number(hour), number(minute) if minute else minutes)
    if name in ("zh_to", "zh_less"):
        quarter, minute, hour = groups if name == "zh_to" else (*groups[1:], groups[0])
        return _before(number(hour), 15 if quarter else number(minute))
    return _half_past(groups) if name == "half_past" else _in_digits(name, groups)


def _half_past(groups: Sequence[str | None]) -> ClockTime:
    how, side, hour, ap = groups
    assert how is not None
    assert hour is not None
    minutes = {"half": 30, "quarter": 15}.get(how) or int(how.split()[0])
    if side in ("past", "after"):
        return ClockTime(int(hour), minutes, _am_pm(ap))
    return _before(int(hour), minutes, _am_pm(ap))


def _in_digits(name: str, groups: Sequence[str | None]) -> ClockTime:
    minute: str | None = None
    if name == "digits":
        hour, minute = groups[0] or groups[2], groups[1] or groups[3]
        part = _am_pm(groups[5])
    elif name == "colon":
        hour, minute, part = groups[0], groups[1], _am_pm(groups[2])
    else:
        hour, minute = groups[0], "30" if name == "half_hour" else "0"
        part = next((half for group in groups[1:] if (half := _am_pm(group))), None)
    hour = hour or ""
    is_24h = hour.startswith("0") and name in ("digits", "colon")
    return ClockTime(int(hour), int(minute or 0), part, is_24h=is_24h)


def _before(hour: int, minutes: int, part: DayPart | None = None) -> ClockTime:
    """Return a time some minutes before an hour. Before one o'clock it is past twelve."""
    total = hour * 60 - minutes
    total = total if total >= 60 else total + 12 * 60
    return ClockTime(total // 60, total % 60, part)


def _am_pm(text: str | None) -> DayPart | None:
    if not text or "clock" in text:
        return None
    return DayPart.AM if text.startswith("a") else DayPart.PM
