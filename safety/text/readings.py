"""Other readings of a disguised text, each a text of its own.

`normalise` reads characters in another way where they stand. These readings change their order or
add words, so their positions mean nothing.
"""

import re
from collections.abc import Iterator
from functools import cache

from safety.text.frequent import frequent_words

# A longer text is a text and no disguise.
_MOST = 400
_OVERRIDE = re.compile("\u202e([^\u202c\u202d\n]*)")
# Letters that people type upside down, in reverse order.
_TURNED = re.compile("[ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ]")
_JOINED = re.compile(r"[a-z']{8,40}")
_LONGEST_WORD = 10
_FEWEST_WORDS = 2
_HAN_IN_ENGLISH = re.compile("[\u3400-\u9fff]+")
_LATIN_WORD = re.compile(r"[a-z']{1,20}")
_IN_ENGLISH = {
    "我": "i",
    "不": "do not",
    "没": "no",
    "真的": "really",
    "好": "really",
    "很": "really",
    "就": "just",
    "了": "",
    "去": "",
    "掉": "",
    "着": "",
    "再": "anymore",
    "想": "want to",
    "要": "want to",
    "想要": "want to",
    "不想": "do not want to",
    "不要": "do not want to",
    "今晚": "tonight",
    "现在": "now",
    "自己": "myself",
    "死": "die",
    "自杀": "kill myself",
    "自尽": "kill myself",
    "杀": "kill",
    "自残": "hurt myself",
    "割腕": "cut my wrists",
    "割": "cut",
    "跳楼": "jump off a building",
    "跳桥": "jump off a bridge",
    "活": "live",
    "结束": "end",
    "生命": "my life",
    "人生": "my life",
    "命": "my life",
    "一切": "it all",
    "消失": "disappear forever",
}
_LONGEST_HAN = max(map(len, _IN_ENGLISH))
_MOST_RUNS, _MOST_HAN = 4, 8


def other_readings(text: str) -> Iterator[str]:
    """Yield the other readings of a text, at most three."""
    if "\u202e" in text:
        yield _OVERRIDE.sub(lambda part: part.group(1)[::-1], text)
    text = text[:_MOST].lower()
    if len(_TURNED.findall(text)) > 2:
        yield text[::-1].translate(_upside_down())
    plain = text.replace("’", "'")
    parted = _JOINED.sub(_part, plain)
    if parted != plain:
        yield parted
    yield from _in_english(plain)


@cache
def _upside_down() -> dict[int, int]:
    turned = "ɐqɔpǝɟƃɥᴉıɾʞɯuodbɹʇnʌʍʎ"
    meant = "abcdefghiijkmnopqrtuvwy"
    return str.maketrans(turned, meant)


def _part(word: re.Match[str]) -> str:
    """Put blanks between the words of a run of letters, if it is nothing but frequent words."""
    letters = word.group()
    known = frequent_words("english") | frequent_words("joined")
    best: list[tuple[int, int] | None] = [None] * len(letters) + [(0, len(letters))]
    for start in range(len(letters) - 1, -1, -1):
        for end in range(start + 1, min(start + _LONGEST_WORD, len(letters)) + 1):
            rest = best[end]
            if rest is None or letters[start:end] not in known:
                continue
            mine = best[start]
            if mine is None or rest[0] + 1 < mine[0]:
                best[start] = (rest[0] + 1, end)
    words, at = [], 0
    while at < len(letters):
        step = best[at]
        if step is None:
            return letters
        words.append(letters[at : step[1]])
        at = step[1]
    return " ".join(words) if len(words) > _FEWEST_WORDS else letters


def _in_english(text: str) -> Iterator[str]:
    """Yield a sentence of English with a few Chinese words, all in English."""
    runs = _HAN_IN_ENGLISH.findall(text)
    if not 1 <= len(runs) <= _MOST_RUNS or len(_LATIN_WORD.findall(text)) < _FEWEST_WORDS:
        return
    meant = {run: _word_by_word(run) for run in runs}
    if all(meant.values()):
        yield _HAN_IN_ENGLISH.sub(lambda run: f" {meant[run.group()]} ", text)


def _word_by_word(run: str) -> str:
    """Return Chinese words one by one in English, or an empty text if one is unknown."""
    words, at = [], 0
    while at < len(run) <= _MOST_HAN:
        sizes = range(_LONGEST_HAN, 0, -1)
        size = next((n for n in sizes if run[at : at + n] in _IN_ENGLISH), 0)
        if not size:
            return ""
        words.append(_IN_ENGLISH[run[at : at + size]])
        at += size
    return " ".join(filter(None, words))
