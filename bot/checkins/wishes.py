"""Other things that plain words about check-ins ask for: stop, pause, skip today, go on.

Knows nothing of times of the day (`reading.py`). To be read while check-ins are the subject: after
`/checkin`, or in answer to one. In other talk "stop" means something else (`bot/stop_words.py`).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from bot.checkins.patterns import ZH_N
from bot.checkins.tokens import fold, number

MOST_DAYS = 366


class Wish(StrEnum):
    """What a person wants, other than times."""

    STOP = "stop"
    SKIP_TODAY = "skip_today"
    RESUME = "resume"
    PAUSE_HOW_LONG = "pause_how_long"  # a pause, without saying until when: ask


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of so many days, from now on."""

    days: int


UNITS = {"天": 1, "日": 1, "晚": 1, "周": 7, "星期": 7, "礼拜": 7, "月": 30, "年": 365,
         "day": 1, "night": 1, "week": 7, "month": 30, "year": 365}  # fmt: skip
ZH_SPAN = re.compile(rf"(半|{ZH_N})\s*个?\s*(天|日|晚|周|星期|礼拜|月|年)")
EN_SPAN = re.compile(
    r"\b(a couple of|a few|an?|the|this|next|\d{1,3})\s+(day|night|week|month|year)s?\b"
)
PAUSE = re.compile(
    r"暂停|先停|停(?:一下|一停|一阵|几)|歇|休息|先别问|先不要问|暂时(?:别|不)"
    r"|\bpause\b|\bsnooze\b|\btake a break\b|\bleave me alone for\b|\bmute\b|\bhold off\b"
)
QUIET_FOR = re.compile(
    r"(?:别|不要|不用|不必|勿)(?:再)?(?:来)?(?:问|打扰|发|提醒)"
    r"|\bdon'?t (?:ask|check|bother)\b|\bno check-?ins?\b|\bnot for\b"
)
SKIP_TODAY = re.compile(
    r"(?:今[天日晚早]|今儿)\s*(?:就|先)?\s*(?:不用|不要|别|跳过|算了|免了|不必|不想|休息|停|略过)"
    r"|(?:跳过|略过|免了|不要|别问我?|不用)\s*今[天日晚早]"
    r"|\bskip (?:it )?(?:for )?(?:today|tonight|this one)\b|\bnot (?:today|tonight)\b"
    r"|\b(?:no check-?ins?|nothing|pass|off) (?:for )?(?:today|tonight)\b"
    r"|\bdon'?t (?:ask|check in|bother)(?: me| with me| on me)? (?:today|tonight)\b"
)
RESUME = re.compile(
    r"继续|恢复|重新开始|重启|再开始|接着问|取消暂停|\bresume\b|\bunpause\b|\bunmute\b"
    r"|\b(?:start|begin)(?: them| it)? again\b|\brestart\b|\bcontinue\b"
    r"|\bturn (?:it |them )?(?:back )?on\b"
)
STOP = re.compile(
    r"^\s*(?:停|停止|停下|关|退订|取消|stop|cancel|off|end|quit|unsubscribe|enough)[。.!！\s]*$"
    r"|停止|停掉|停了吧|退订|取消(?:每[天日])?(?:问候|打卡|提醒|签到|它|吧)|关(?:掉|闭|了)"
    r"|(?:不要|别|不用|不想|不必)(?:你)?再?(?:来|给我)?(?:问|发|提醒|打扰)"
    r"|\bstop (?:it|asking|the|these|all|them|checking|my|sending|check-?ins?)\b"
    r"|\bstop\s*,?\s*please\b|\bplease stop\b|\bturn (?:it |them |this )?off\b|\bno more\b"
    r"|\bcancel (?:it|the|my|all|check)|\bunsubscribe\b"
    r"|\bdon'?t ask(?: me)?(?: any ?more| again)?\s*[.!]*$"
)
NOT_STOP = re.compile(
    r"(?:不要|别|不想|不会|没有?)(?:取消|停|关|退订)"
    r"|\b(?:don'?t|do not|never) (?:stop|cancel|turn|pause)"
)


def read(text: str) -> Wish | Pause | None:
    """What a message wants of check-ins, other than times; None: nothing of this.

    "Don't stop" is nothing: only what is plainly meant is done.
    """
    folded = fold(text)
    if NOT_STOP.search(folded):
        return None
    if SKIP_TODAY.search(folded):
        return Wish.SKIP_TODAY
    days = _days(folded)
    if RESUME.search(folded) and not days:
        return Wish.RESUME
    if PAUSE.search(folded):
        return Pause(days) if days else Wish.PAUSE_HOW_LONG
    if days and QUIET_FOR.search(folded):
        return Pause(days)
    return Wish.STOP if STOP.search(folded) else None


def _days(folded: str) -> int | None:
    """A length of time in days; None: none was said, or one that is no pause."""
    match = ZH_SPAN.search(folded)
    if match:
        count, unit = match.groups()
        days = UNITS[unit] // 2 if count == "半" else number(count) * UNITS[unit]
    else:
        match = EN_SPAN.search(folded)
        if not match:
            return None
        count, unit = match.groups()
        if count in ("this", "next", "the"):
            return None  # until Sunday, or seven days? Ask.
        few = {"a couple of": 2, "a few": 3}
        days = (few.get(count) or (int(count) if count.isdigit() else 1)) * UNITS[unit]
    return days if 0 < days <= MOST_DAYS else None
