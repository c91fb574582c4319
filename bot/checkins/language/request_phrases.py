"""Requests other than times: stop, pause, skip today, go on.

They are read after `/checkin` or in answer to a check-in. In other talk "stop" means something
else (`bot/updates/parsing.py`). A request is the whole message beside politeness:
停止不了胡思乱想 is not one. In answer to a check-in only an unmistakable order counts
(`is_plain`), because there 今天休息 says how the day is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.checkins.language.lexer import normalise, number
from bot.checkins.language.patterns import ZH_N
from bot.checkins.language.vocabulary import EDGES, without_politeness

MOST_DAYS = 366


class Request(StrEnum):
    """What a person asks for, other than times."""

    STOP = "stop"
    SKIP_TODAY = "skip_today"
    RESUME = "resume"
    PAUSE_HOW_LONG = "pause_how_long"  # a pause, without saying until when: ask


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of so many days from now."""

    days: int


UNITS = (
    dict.fromkeys(["天", "日", "晚", "day", "night"], 1)
    | dict.fromkeys(["周", "星期", "礼拜", "week"], 7)
    | dict.fromkeys(["月", "month"], 30)
    | dict.fromkeys(["年", "year"], 365)
)
FEW = {"a couple of": 2, "a few": 3}
ZH_UNIT = r"(?:天|日|晚|周|星期|礼拜|月|年)"
ZH_SPAN = rf"(?:半|{ZH_N}|\d{{3}})\s*个?半?\s*{ZH_UNIT}半?"
ZH_COUNTED = re.compile(rf"(半|{ZH_N}|\d{{3}})\s*个?(半?)\s*({ZH_UNIT})(半?)")
EN_SPAN = (
    r"(?:a couple of|a few|an?|the next \d{1,3}|\d{1,3})\s+"
    r"(?:day|night|week|month|year)s?"
)
EN_COUNTED = re.compile(r"(a couple of|a few|an?|\d{1,3})\s+(day|night|week|month|year)")
OPEN_SPAN = (
    r"(?:(?:the|this|next|the rest of the|the rest of this)"
    r" (?:day|night|weekend|week|month)"
    r"|a (?:while|bit|little while)|some time|until [a-z ]{3,20})"
)
ZH_OPEN_SPAN = (
    r"(?:明天|后天|这周|本周|这星期|这个星期|这个月|下周|这几天|这两天|最近"
    r"|这段时间|这阵子|周末)"
)
TODAY = r"(?:今天|今日|今晚|今早|今儿|今天晚上|今天早上|今天下午)"
ZH_NOT = r"(?:不要|别|不用|不必|不需要|请勿|勿)"
ZH_ASK = (
    r"(?:问|发|提醒|打扰|问候|发消息|发信息|发问候|发提醒|发通知)"
    r"(?:给我|我)?(?:问题|消息)?(?:了)?"
)
ZH_NO_ASK = rf"(?:都|就|也|先|暂时)?{ZH_NOT}(?:你)?(?:再)?(?:也)?(?:来|给我|主动){{0,2}}{ZH_ASK}"
ZH_NEVER = (
    rf"(?:(?:以后|今后|从此|从现在起|从今以后|永远)(?:都|就|也)?{ZH_NOT}(?:你)?(?:再)?"
    rf"|{ZH_NOT}(?:你)?再)(?:也)?(?:来|给我|主动){{0,2}}{ZH_ASK}"
)
ZH_THING = (
    r"(?:这个|这些|所有的?|全部|每日|每天的?|你的)?"
    r"(?:问候|提醒|打卡|签到|推送|通知|消息|订阅)"
)
EN_THING = (
    r"(?:all )?(?:of )?(?:the|these|those|my|your|this|daily|any)?\s?"
    r"(?:check-? ?ins?|questions?|reminders?|messages|notifications)"
)
EN_ME = r"(?: (?:with|on|to))?(?: (?:me|us))?"
EN_ASK = (
    rf"(?:ask|check(?:-| )?(?:in|up)?|text|message|write|contact|remind|disturb|ping|bother)"
    rf"{EN_ME}(?: (?:how i am|questions))?"
)
EN_ASKING = (
    r"(?:asking|checking(?: in| up)?|texting|messaging|bothering|writing|contacting"
    rf"|reminding|disturbing|sending){EN_ME}"
    rf"(?: (?:{EN_THING}|these|those|them|questions))?"
)
EN_NOT = r"(?:don't|do not|dont|no need to)"
EN_EVER = r"(?: any ?more| again| ever again)"


def _whole(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


# The first of each pair also counts in answer to a check-in, the second only after a page.
STOP = (
    _whole(
        rf"停|停止|取消|退订|关掉|(?:停止|停掉|停|取消|退订|关掉|关闭|关了){ZH_THING}",
        rf"(?:把)?{ZH_THING}(?:给我)?(?:都|全)?(?:停止|停掉|停了|停|取消|退订|关掉|关闭|关了|关)",
        rf"{ZH_NEVER}|(?:{ZH_NOT}(?:再)?(?:有)?|不想要){ZH_THING}了?",
        r"stop|cancel|unsubscribe",
        rf"(?:stop|cancel|end|quit) (?:{EN_THING}|{EN_ASKING}){EN_EVER}?",
        rf"(?:turn|switch) off {EN_THING}|(?:turn|switch) {EN_THING} off|no more {EN_THING}",
        rf"{EN_NOT} {EN_ASK}{EN_EVER}",
        rf"{EN_NOT} (?:send|want)(?: me)? (?:any more )?{EN_THING}{EN_EVER}?",
    ),
    _whole(
        rf"停下|停掉|停了|关|关闭|(?:把)?(?:它|这个)?(?:停止|停掉|停了|取消|关掉|关闭|关了)|取消它|{ZH_NO_ASK}",
        r"别(?:再)?(?:来)?(?:烦|找|联系|吵)我",
        rf"off|quit|(?:stop|cancel) (?:it|this|these|them)|{EN_NOT} {EN_ASK}",
        r"(?:turn|switch) (?:it|this|them) off|(?:turn|switch) off",
    ),
)
SKIP_TODAY = (
    _whole(
        rf"{TODAY}(?:就|先|可以)?{ZH_NO_ASK}|{TODAY}(?:就|先)?不用了?|{ZH_NO_ASK}{TODAY}",
        rf"{TODAY}(?:就|先|可以)?(?:跳过|略过)(?:一次|一下)?",
        rf"(?:跳过|略过|免了)(?:{TODAY}|这次|这一次)(?:的问候|的)?",
        r"skip(?: (?:it|this|this one))?(?: for)? (?:today|tonight)|skip (?:it|this one)",
        r"skip (?:today|tonight|this)(?:'s)?(?: check-? ?in)?",
        rf"no {EN_THING} (?:for )?(?:today|tonight)|{EN_NOT} {EN_ASK} (?:today|tonight)",
        r"(?:pause|stop) (?:it |them |asking me |check-?ins )?(?:just )?for (?:today|tonight)",
    ),
    _whole(
        rf"{TODAY}(?:就|先)?(?:算了?|免了?|休息|停|停一天|停一次|暂停)(?:一次|一天|一下)?|跳过",
        r"skip|not (?:today|tonight)|(?:nothing|pass) (?:for )?(?:today|tonight)",
    ),
)
RESUME = _whole(
    rf"{TODAY}(?:还是|照常|照样|照旧)(?:来|给我|主动){{0,2}}{ZH_ASK}",
    rf"(?:取消|不|别|不要)跳过(?:{TODAY})?了?|{EN_ASK} (?:today|tonight) after all",
    rf"{EN_NOT} skip(?: (?:it|today|tonight))?|unskip(?: today)?",
    rf"(?:可以)?(?:继续|恢复|重新开始|重启|再开始|接着问|取消暂停|解除暂停)(?:问|问我|{ZH_THING})?",
    r"(?:resume|unpause|unmute|continue|restart|start again|begin again|carry on|keep going)"
    rf"(?: (?:it|them|asking me|asking|checking in|{EN_THING}))?",
    rf"(?:start|begin) (?:it|them|{EN_THING}) again",
    rf"(?:turn|switch) (?:it |them |{EN_THING} )?(?:back )?on(?: {EN_THING})?",
)
ZH_PAUSE = r"(?:暂停|先停|停止|停|停一下)(?:问候|提醒|打卡|签到|问我)?"
EN_OF_IT = rf"(?: (?:it|them|this|{EN_THING}|{EN_ASKING}))?"
EN_PAUSE = rf"(?:pause|snooze|mute|hold off){EN_OF_IT}"
EN_QUIET = rf"(?:stop{EN_OF_IT}|leave me alone|{EN_NOT} {EN_ASK}|no {EN_THING})"
PAUSE_FOR = (
    _whole(
        rf"(?:把)?{ZH_PAUSE}{ZH_SPAN}|{ZH_SPAN}(?:之?内|里)?{ZH_NO_ASK}",
        rf"{ZH_SPAN}(?:之?内|里)?暂停|{ZH_NO_ASK}{ZH_SPAN}|{ZH_THING}(?:暂停|停){ZH_SPAN}",
        rf"{EN_PAUSE}(?: for)? {EN_SPAN}|{EN_QUIET} for {EN_SPAN}",
    ),
    _whole(rf"(?:休息|歇){ZH_SPAN}", rf"take a break(?: for)? {EN_SPAN}"),
)
PAUSE_OPEN = (
    _whole(
        rf"(?:先)?暂停(?:一下|一阵|一阵子|几天|{ZH_THING})?|(?:把)?{ZH_THING}暂停(?:一下|几天)?",
        rf"(?:先|暂时)(?:不要|别|不用)(?:再)?{ZH_ASK}",
        rf"{ZH_OPEN_SPAN}(?:都|就|也|先)?{ZH_NO_ASK}|{ZH_OPEN_SPAN}(?:先)?暂停",
        rf"{EN_PAUSE}|{EN_PAUSE}(?: for)? {OPEN_SPAN}|{EN_QUIET} for {OPEN_SPAN}",
    ),
    _whole(
        r"先停|(?:先停|停)(?:一下|一停|一阵|一阵子|几天|一段时间|一会儿?)",
        rf"take a break(?: for)? {OPEN_SPAN}",
    ),
)
ANSWERS_HOW_LONG = _whole(
    rf"(?:{ZH_PAUSE})?(?:大概|大约|差不多)?{ZH_SPAN}(?:左右|就行|就好)?",
    rf"(?:(?:{EN_PAUSE}|{EN_QUIET}) )?(?:for )?(?:about |around )?{EN_SPAN}",
)
BARE = frozenset({"停", "停止", "取消", "关掉", "stop", "cancel", "unsubscribe"})


def read(text: str, *, is_plain: bool = False) -> Request | Pause | None:
    """Read the request in a message. Returns None if it says anything else.

    `is_plain` accepts only a plain request, as in answer to a check-in.
    """
    folded = normalise(text)
    core = without_politeness(folded)
    if is_plain and core in BARE and not _is_an_order(folded):
        return None  # "I want to stop" and 停了: what?
    last = 1 if is_plain else 2
    if _is(SKIP_TODAY[:last], core):
        return Request.SKIP_TODAY
    if _is(PAUSE_FOR[:last], core):
        days = _days(core)
        return Pause(days) if days else Request.PAUSE_HOW_LONG
    if _is(PAUSE_OPEN[:last], core):
        return Request.PAUSE_HOW_LONG
    if not is_plain and RESUME.fullmatch(without_politeness(folded, is_wanted=False)):
        return Request.RESUME
    return Request.STOP if _is(STOP[:last], core) else None


def read_length(text: str) -> Pause | None:
    """Read the length of a pause after the question for it: 三天, "for two weeks"."""
    folded = normalise(text)
    core = without_politeness(folded)
    if folded.rstrip(" .。!！").endswith("了"):  # 七天了 says how long something has been
        return None
    days = _days(core) if ANSWERS_HOW_LONG.fullmatch(core) else None
    return Pause(days) if days else None


def is_cancel(text: str) -> bool:
    """Return whether words may also cancel the open question and not check-ins: 取消."""
    return without_politeness(normalise(text)) in {
        "取消",
        "cancel",
        "取消它",
        "cancel it",
        "cancel this",
    }


def _is_an_order(folded: str) -> bool:
    is_past = folded.strip(EDGES).endswith("了")
    return not is_past and without_politeness(folded, is_wanted=False) in BARE


def _is(patterns: Sequence[re.Pattern[str]], core: str) -> bool:
    return any(pattern.fullmatch(core) for pattern in patterns)


def _days(core: str) -> int | None:
    """Return a length of time in days, or None if none was said or it is too long for a pause."""
    match = ZH_COUNTED.search(core)
    if match:
        count, half, unit, more = match.groups()
        halves = 1 if count == "半" else number(count) * 2 + (1 if half or more else 0)
        days = halves * UNITS[unit] // 2
    else:
        match = EN_COUNTED.search(core)
        if not match:
            return None
        count, unit = match.groups()
        days = (FEW.get(count) or (int(count) if count.isdigit() else 1)) * UNITS[unit]
    return days if 0 < days <= MOST_DAYS else None
