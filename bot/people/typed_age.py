"""The reader of an age that a person types in place of a button.

A message counts only if it says nothing else, because a wrong "under 14" would erase a person.
"""

import re
import unicodedata

YOUNGEST, OLDEST, LONGEST = 6, 99, 40
# A smaller number needs a word that says that it is an age.
BARE = 10


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


UNITS = {c: n for n, c in enumerate("一二三四五六七八九", 1)}
CHINESE = re.compile(r"(?:([二三四五六七八九])?(十))?([一二三四五六七八九])?")
VARIANTS = dict(zip("歲兩两剛滿馬個還過經後’", "岁二二刚满马个还过经后'", strict=True))
TENS_IN_ONE = {"廿": "二十", "卅": "三十"}
NORMAL = str.maketrans(VARIANTS | TENS_IN_ONE)
BEFORE = _listed(
    "我 俺 本人 系 今年 现在 目前 刚 啱 已经 才 就 都 差不多 大概 也 年龄 年纪 是 满 到 有 嗯 哦 "
    "其实 还 只 过 周岁 虚岁 实岁 :"
)
ALMOST = _listed("快要 快 马上 即将 就要 差一点 差点 差几天 差几个月 下个月 过几天 明年")
AFTER = _listed("周岁 岁 半 .5 了 啦 喇 哦 喔 呀 啊 吧 的 多 出头 左右 呢 嘛 哈 ~ ! 。 .")
EXTRAS = _listed(
    "男 女 男生 女生 男孩 女孩 学生 上班 初一 初二 初三 高一 高二 高三 大一 大二 大三 大四"
)
ONES = _listed(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
TENS = _listed("twenty thirty forty fifty sixty seventy eighty ninety")
WORDS = {word: n for n, word in enumerate(ONES, 1)} | {w: n * 10 for n, w in enumerate(TENS, 2)}
SOON = frozenset(_listed("almost nearly soon turning gonna going to be will"))
ABOVE = frozenset(_listed("over above or more plus older than +"))
# Words of time, which need one of `SAYS_SELF` beside them.
TIME = frozenset(_listed("year years yr yrs"))
SAYS_SELF = frozenset(_listed("i'm im am aged age old yo turned turning"))
FILLERS = frozenset(
    _listed(
        "i is it's its i my just only already about around now currently well um uh so hi hello ok "
        "okay y o f m male female girl boy woman man student a an this today still "
        "last week month yesterday and half"
    )
)
# One of these stands beside an article: "a 27 year old", "and a half".
COUNTED = frozenset(_listed("old half"))
KNOWN = FILLERS | SOON | ABOVE | TIME | SAYS_SELF
SAID = {
    words: age
    for age, texts in {
        "adult": (
            "成年 成年人 成年了 已成年 我成年了 我是成年人 我是成年人了 adult anadult imanadult "
            "i'manadult"
        ),
        "unsaid": (
            "不想说 不想讲 不说 不告诉你 不想告诉你 保密 秘密 不方便说 跳过 不愿意说 不想透露 "
            "唔想讲 skip secret rathernotsay i'drathernotsay prefernottosay iprefernottosay "
            "idontwanttosay idon'twanttosay notsaying rathernot prefernotto nocomment "
            "noneofyourbusiness"
        ),
        "14_17": "14-17 14到17 14至17 14~17 14\u201317 十四到十七 14to17",
        "under_14": (
            "14以下 不满14 不到14 未满14 小于14 14岁以下 不满14岁 不到14岁 未满14岁 under14"
        ),
    }.items()
    for words in _listed(texts)
}


def read_age(text: str) -> str | None:
    """Return the age group that a message says, or None if it is not only an age."""
    if len(text) > LONGEST:
        return None
    words = unicodedata.normalize("NFKC", text).translate(NORMAL).casefold().strip(" .!。?~\n")
    if said := SAID.get("".join(words.split())):
        return said
    years = _english(words) if re.search("[a-z]", words) else _chinese(words)
    if years is None or not YOUNGEST <= years <= OLDEST:
        return None
    if years >= 18:
        return "adult"
    return "14_17" if years >= 14 else "under_14"


def _chinese(words: str) -> int | None:
    """Return the years if one part is an age and no other part says more than who it is."""
    parts = [part for part in re.split(r"[,，、;；/\s]+", words) if part and part not in EXTRAS]
    if len(parts) != 1:
        return None
    word, is_soon, is_above = parts[0], False, False
    while rest := next((part for part in (*ALMOST, *BEFORE) if word.startswith(part)), None):
        word, is_soon = word[len(rest) :], is_soon or rest in ALMOST
    if word.endswith(("+", "以上")):
        word, is_above = word.removesuffix("+").removesuffix("以上"), True
    while rest := next((part for part in AFTER if word.endswith(part)), None):
        word = word[: -len(rest)]
    years = _number(word)
    is_age = "岁" in words or word != parts[0]
    if years is None or (years < BARE and not is_age) or (is_above and years < 18):
        return None
    return years - 1 if is_soon else years


def _number(word: str) -> int | None:
    if word.isascii() and word.isdecimal():
        return int(word) if len(word) <= 3 else None
    found = CHINESE.fullmatch(word)
    if not word or found is None:
        return None
    tens = UNITS[found[1]] if found[1] else 1
    return (tens * 10 if found[2] else 0) + (UNITS[found[3]] if found[3] else 0)


def _english(words: str) -> int | None:
    tokens = re.findall(r"[a-z']+|\d+|\+", re.sub(r"(?<=\d)\.5\b", "", words))
    if any(character.isalpha() and character > "z" for character in words):
        return None
    if any(not token.isdecimal() and token not in KNOWN | WORDS.keys() for token in tokens):
        return None
    return _years(_numbers(tokens), set(tokens))


def _numbers(tokens: list[str]) -> list[int]:
    """Return the numbers, with "twenty" and "three" as one."""
    found: list[int] = []
    for token in tokens:
        number = int(token) if token.isdecimal() else WORDS.get(token)
        if number is None:
            continue
        if found and token in ONES[:9] and found[-1] in range(20, 100, 10):
            found[-1] += number
        else:
            found.append(number)
    return found


def _years(found: list[int], said: set[str]) -> int | None:
    if said & SOON and len(found) == 2 and found[1] == found[0] + 1:  # "17, turning 18"
        return found[0]
    says_self = bool(said & SAYS_SELF)
    is_partial = (bool(said & TIME) and not says_self) or ("a" in said and not said & COUNTED)
    if len(found) != 1 or is_partial or (found[0] < BARE and not says_self):
        return None
    if said & ABOVE:
        return found[0] if found[0] >= 18 else None
    return found[0] - 1 if said & SOON else found[0]
