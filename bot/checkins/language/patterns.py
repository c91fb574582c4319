"""The words for days, parts of the day and times in both languages, as patterns.

All of them are for normalised text (`tokens.normalise`).
"""

import re
from collections.abc import Mapping
from enum import StrEnum


class DayPart(StrEnum):
    """A part of the day, which decides on the hour that is meant."""

    DAWN = "dawn"  # 凌晨: 0 to 6
    MORNING = "morning"
    NOON = "noon"
    AFTERNOON = "afternoon"
    EVENING = "evening"
    NIGHT = "night"  # 半夜, at night: late or after midnight
    AM = "am"
    PM = "pm"


def _by_word(words: Mapping[DayPart, str]) -> dict[str, DayPart]:
    return {word: part for part, listed in words.items() for word in listed.split()}


NUMERAL = "零〇一二两三四五六七八九十"
ZH_N = rf"(?:[{NUMERAL}]{{1,3}}|\d{{1,2}})"
WEEK = r"(?:周|星期|礼拜)"
# 周日十点 is Sunday. In 周一二十点 the 二 belongs to the hour, and 周五十点 can only be Friday.
ZH_FIRST_DAY = r"(?:[一二三四五六日天](?!\s*[点时])|[1-7](?!\s*[点时:十.]|\d))"
ZH_DAY = r"(?:[三四五六日天](?!\s*[点时])|[一二](?!\s*[点时十])|[1-7](?!\s*[点时:十.]|\d))"
ZH_LISTED = r"一?二?三?四?五?六?日?"
EN_DAY = (
    r"(?:(?!thus\b)(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?"
    r"|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)s?)"
)
EN_LETTER = r"(?:mo?|th|tu|t|w|fr?|sat?|su)"
AM_PM = r"(a\.?m\b\.?|p\.?m\b\.?)"
EACH_OF = r"(?:every\s+|each\s+|on\s+)?"
ZH_PARTS = _by_word(
    {
        DayPart.DAWN: "凌晨 拂晓",
        DayPart.MORNING: "清晨 早晨 早上 早间 今早 朝早 上午 早",
        DayPart.NOON: "中午 正午 晌午 午间",
        DayPart.AFTERNOON: "下午 午后",
        DayPart.EVENING: "傍晚 黄昏 晚上 今晚 晚间 夜晚 晚",
        DayPart.NIGHT: "夜里 夜间 深夜 半夜 午夜 子夜 夜",
    }
)
EN_PARTS = _by_word(
    {
        DayPart.MORNING: "morning",
        DayPart.NOON: "noon midday noontime",
        DayPart.AFTERNOON: "afternoon",
        DayPart.EVENING: "evening",
        DayPart.NIGHT: "night tonight midnight nightly",
    }
)
ALONE = dict.fromkeys(["中午", "正午", "晌午", "noon", "midday", "noontime"], 720) | dict.fromkeys(
    ["午夜", "子夜", "半夜", "midnight"], 0
)
ZH_PART = "|".join(sorted(ZH_PARTS, key=len, reverse=True))

PATTERNS = {
    "zh_range": rf"每?{WEEK}([一二三四五六日天])\s*(?:到|至|-|~|—)\s*{WEEK}?({ZH_DAY})",
    "zh_weekend": rf"每?(?:个)?(?:{WEEK}末|双休日)",
    "zh_days": rf"(?:每个?|逢)?{WEEK}\s*({ZH_FIRST_DAY}"
    rf"(?:(?:[\s、,/和跟与及]|以及|还有)*(?:{WEEK}{ZH_FIRST_DAY}|{ZH_DAY}))*)(?!\s*次)",
    "zh_listed": rf"(?<![{NUMERAL}周期拜第])(?=[一二三四五六日]{{2}})({ZH_LISTED})"
    rf"(?<![一二三四五]日)(?=\s*的?\s*(?:{ZH_PART}|每))",
    "weekdays": r"每?个?(?:工作日|平日|平时上班|上班日|上学日|周内)"
    rf"|\b{EACH_OF}(?:week\s?days?|work\s?days?|working days|weeknights?)\b",
    "weekend": rf"\b{EACH_OF}(?:the\s+)?weekends?\b",
    "every": r"每[天日]|天天|日日|每一天|每个?(?=早|晚|上午|下午|中午|清晨|傍晚|凌晨|半夜|深夜)"
    r"|\b(?:every\s?day|each day|daily|all days)\b"
    r"|\b(?:every|each)\s+(?=morning|afternoon|evening|night|noon|midnight|midday)"
    r"|\b(?=nightly\b)",
    "en_range": rf"(?<!-)\b({EN_DAY})\s*(?:-|–|—|to|through|thru|till|until)\s*({EN_DAY})\b(?!-)",
    "en_day": rf"\b{EACH_OF}({EN_DAY})\b",
    "letter_range": r"(?<![\w'])(m)\s*(?:-|–|to)\s*(f)(?![\w'])",
    "letters": rf"(?<![\w'])((?:{EN_LETTER}(?:\s*[/&,+]\s*|\s+and\s+))+{EN_LETTER}|mwf|tuth|tth)"
    r"(?![\w'])",
    "zh_to": rf"差\s*(?:([一1])刻钟?|({ZH_N})\s*分钟?)\s*(?:到|就)?\s*({ZH_N})\s*点钟?",
    "zh_less": rf"(?<!第)({ZH_N})\s*点钟?\s*(?:还)?差\s*(?:([一1])刻钟?|({ZH_N})\s*分钟?)",
    "zh_clock": rf"(?<!第)({ZH_N})\s*(?:点钟?|时(?![候间]))\s*(?:过\s*)?"
    rf"(?:(半)|([一1三3])刻|({ZH_N})\s*分?(?![\s\d]*[点时:])|整|)",
    "half_past": r"\b(half|quarter|\d{1,2}\s+minutes|\d{1,2}(?=\s+past))"
    rf"\s+(past|to|after|before)\s+(\d{{1,2}})(?:\s*{AM_PM})?(?!\s*[:h.]?\s*\d)",
    "half_hour": rf"\bhalf\s+(\d{{1,2}})(?:\s*{AM_PM})?(?!\s*[:.]?\d)",
    "colon": r"(?<![\d:.])(\d{1,2})\s?[:h.]\s?(\d{2})(?:\s*分)?(?!\d)"
    rf"(?:\s*{AM_PM})?",
    "digits": r"(?<![\d:.,-])(?:(0\d|1\d|2[0-3])(00|15|30|45|(?<=0\d)[0-5]\d)(?![\d:.])"
    rf"(?:\s*(?:h|hrs|hours)\b)?|(\d{{1,2}})([0-5]\d)\s*(?={AM_PM}))(?:\s*{AM_PM})?",
    "marked": r"(?<![\d:.])(\d{1,2})\s*(a\.?m\b\.?|p\.?m\b\.?|o'?\s?clock)"
    rf"(?:\s*{AM_PM})?",
    "at": r"(?:\bat|\baround|\babout|@)\s*(\d{1,2})(?!\d|\s?[:h.]\s?\d"
    r"|\s*(?:[ap]\.?m\b|o'?\s?clock|点|时))",
    "bare": r"(?<![\d:.])(\d{1,2})(?=\s*(?:in the\s+(?:early\s+)?(?:morning|afternoon|evening)"
    r"|at night|tonight|every|each)\b)",
    "part": rf"{ZH_PART}|\b(?:(?:in|at|around)\s+)?(?:the\s+)?(?:early\s+|late\s+)?"
    r"(?:mornings?|afternoons?|evenings?|nights?|nightly|tonight"
    r"|noon(?:time)?|midday|midnight)\b",
    "or": r"或者|或是|或|还是|\bor\b",
    "span": r"到|至|~|—|–|-|\bto\b|\bbetween\b|\btill\b|\buntil\b",
}
MASTER = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in PATTERNS.items()))
EACH = {name: re.compile(pattern) for name, pattern in PATTERNS.items()}
# 早一点, 晚一点, 一点时间 are not times, but 一点半 is.
A_LITTLE = re.compile(rf"[早晚快慢有多少好]一点(?![半钟整\d{NUMERAL}])|一点(?=时间)")
UP_TO_TWELVE = "zero one two three four five six seven eight nine ten eleven twelve"
EN_NUMBERS = {word: str(number) for number, word in enumerate(UP_TO_TWELVE.split())} | {
    "fifteen": "15",
    "twenty": "20",
    "twenty-five": "25",
    "thirty": "30",
    "forty five": "45",
    "forty-five": "45",
}
EN_WORDS = re.compile(r"\b(" + "|".join(sorted(EN_NUMBERS, key=len, reverse=True)) + r")\b")
SPOKEN = re.compile(r"\b(\d{1,2})\s+(10|15|20|25|30|45)\b")
