"""The phone numbers in a text, in any notation.

A unit marks years, amounts and ages, which are not phone numbers. A short number counts only with
a word of calling beside it.
"""

import re
from collections.abc import Iterator

_SPOKEN = dict(zip("零〇一二三四五六七八九幺", "001234567891", strict=True))
_WORDS = {
    "zero": "0",
    "oh": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
}
_WORD_RUN = re.compile(r"\b(?:(?:%s)[\s-]+){2,}(?:%s)\b" % ((("|".join(_WORDS)),) * 2))
_SPOKEN_RUN = re.compile(r"[零〇一二三四五六七八九幺](?:[\s\-、]?[零〇一二三四五六七八九幺]){2,}")
_RUN = re.compile(r"\+?\d(?:[\d()\s.\-‐–—·/]{0,3}\d)*")
_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)")
_UNIT = re.compile(
    r"^\s*(?:年|月|日|号[楼院]|岁|元|块|人|个|次|字|步|分|秒|小时|天|周|米|公里|千克|公斤|斤|度|%|倍|万|亿|点"
    r"|people|years?|dollars?|days?|hours?|minutes?|words|steps|percent|times|km|kg)"
)
_CALL_BEFORE = re.compile(
    r"(?:拨打?|打|致电|呼叫|热线|专线|电话|号码|求助|联系|报警|急救|短信|call|dial|text|phone|hotline|helpline|lifeline"
    r"|number|reach)"
    r"(?:is|at|to|us|:|：|是|为|到|了|给|一下|这个|全国|当地|危机|心理|援助|the|a|or|或者?|和|、|\s|“|\"|「|\(){0,8}$"
)
_CALL_AFTER = re.compile(
    r"^\s*[\"”」)]?\s*(?:热线|专线|电话|求助|报警|急救|号码|hotline|helpline|lifeline)"
)
# How near a number a word of calling or a unit must be, in characters.
_BEFORE, _AFTER = 24, 12


def dialled(folded: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Find the numbers that a reader could dial.

    Args:
        folded: Text after `fold`, so that wide digits are plain.

    Yields:
        All digits of a run, and the digits of each of its groups. Two numbers side by side are
        one run.
    """
    folded = _DATE.sub(" ", folded)
    plain = _SPOKEN_RUN.sub(_read_spoken, _WORD_RUN.sub(_read_words, folded))
    for run in _RUN.finditer(plain):
        digits = re.sub(r"\D", "", run.group())
        before = plain[max(0, run.start() - _BEFORE) : run.start()]
        after = plain[run.end() : run.end() + _AFTER]
        called = bool(_CALL_BEFORE.search(before) or _CALL_AFTER.search(after))
        if len(digits) < 3 or (not called and (len(digits) < 5 or _UNIT.match(after))):
            continue
        if called and _UNIT.match(after):
            continue
        yield digits, tuple(g for g in re.split(r"\D+", run.group()) if g)


def _read_words(run: "re.Match[str]") -> str:
    return "".join(_WORDS[word] for word in re.split(r"[\s-]+", run.group()))


def _read_spoken(run: "re.Match[str]") -> str:
    return "".join(_SPOKEN.get(char, "") for char in run.group())
