"""The language of a text that is neither Chinese nor English.

Scripts decide where they can. For Latin letters py3langid decides, and in doubt the text counts as
one that can be answered: a companion that falls silent over a typo is worse than an odd reply.
"""

from collections.abc import Mapping
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from safety.text.frequent import frequent_words
from safety.text.pinyin import split
from safety.text.scripts import (
    letters_in,
    letters_of,
    scripts_in,
    unknown_letters,
    without_marks,
    words_in_line,
    words_of,
)

# A language without a text of its own.
UNKNOWN = "und"
# Letters that are looked at. A language shows in far fewer.
_MOST = 600

_BY_SCRIPT = {
    "hangul": "ko",
    "cyrillic": "ru",
    "arabic": "ar",
    "devanagari": "hi",
    "bengali": "bn",
    "thai": "th",
}
# Letters that Russian, Arabic and Hindi do not have, but their neighbours do.
_NOT_RUSSIAN = frozenset("іїєґўћђљњџјәғқңөұүһ")
_PERSIAN = frozenset("پچژگیک")
_NOT_PERSIAN = frozenset("ٹڈڑےںہۓ")
# Chinese characters that Japanese does not write.
_ONLY_CHINESE = frozenset("你您吗吧呢啊这那很们么没说还什给让谁怎觉欢为会个说对过来时间喜")

# A Han character weighs as much as this many letters of another script.
_HAN_WEIGHT = 2
_FEWEST_KANA = 3
_LATIN_LANGUAGES = ("es", "fr", "de", "pt", "it", "nl", "pl", "tr", "vi", "id", "ms", "tl")
# Languages without a text, so that they are not taken for one that has a text.
_OTHERS = ("sv", "da", "no", "fi", "ro", "hu", "cs", "sw", "hr")
# py3langid's share of its best guess, and of English, from which on it is believed.
_SURE, _SURE_OF_TWO, _LIKELY, _UNLIKE_ENGLISH = 0.6, 0.8, 0.4, 0.02
# Too alike for a short text to tell apart.
_ALIKE = {"id": "ms", "ms": "id"}


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(["en", *_LATIN_LANGUAGES, *_OTHERS])
    return identifier


def prepare_languages() -> None:
    """Load the detector, which takes a second, before the first message needs it."""
    _identifier()


def other_language(text: str) -> str | None:
    """Return the language of a text that is neither Chinese nor English.

    Returns:
        A code of two letters, `UNKNOWN`, or None for Chinese, English, a mixture with enough of
        either, and whatever cannot be told.
    """
    line = words_in_line(text[:_MOST])
    scripts = scripts_in(line)
    if "kana" in scripts and _is_japanese(line):
        return "ja"
    counts = {script: letters_of(script, line) for script in scripts & _BY_SCRIPT.keys()}
    script = max(counts, key=lambda name: counts[name], default=None)
    if script is not None and counts[script] > 1:
        return None if _weight_of_ours(line) >= counts[script] else _of_script(script, text, line)
    unknown = unknown_letters(line)
    if unknown > 2 and unknown > _weight_of_ours(line):
        return UNKNOWN
    return _latin(text, line) if "latin" in scripts else None


def is_partly_ours(text: str) -> bool:
    """Return whether a text has Chinese characters or a few English words."""
    return _weight_of_ours(words_in_line(text[:_MOST])) > 0


def _weight_of_ours(line: str) -> int:
    """Return the weight of the Chinese and English in a text, in letters."""
    han = sum("\u3400" <= char <= "\u9fff" for char in line)
    english = [word for word in words_of("latin", line) if word in frequent_words("english")]
    weight = _HAN_WEIGHT * han
    if len(english) >= 3:
        weight += sum(map(len, words_of("latin", line)))
    return weight


def _is_japanese(line: str) -> bool:
    kana = letters_in("kana", line)
    han = letters_in("han", line)
    if not han:
        return len(kana) > 1 and len(kana) > _weight_of_ours(line)
    # The same letter again and again is an ornament (我の猫), and a few words are a quotation.
    if len(set(kana)) < _FEWEST_KANA or (_ONLY_CHINESE.intersection(han) and len(han) > 1):
        return False
    return len(kana) * 3 >= len(han) and len(kana) > _weight_of_ours(line) - _HAN_WEIGHT * len(han)


def _of_script(script: str, text: str, line: str) -> str:
    letters = set(text.lower())
    if script == "cyrillic":
        return UNKNOWN if letters & _NOT_RUSSIAN else "ru"
    if script == "arabic":
        if letters & _NOT_PERSIAN:
            return UNKNOWN
        is_persian = (
            letters & _PERSIAN or len(frequent_words("persian").intersection(line.split())) > 1
        )
        return "fa" if is_persian else "ar"
    return _BY_SCRIPT[script]


def _latin(text: str, line: str) -> str | None:
    words = [word for word in words_of("latin", line) if word not in frequent_words("laughter")]
    if not words or any("\u3400" <= char <= "\u9fff" for char in line):
        return _latin_beside_han(line, words)
    if len(words) < 2 or _is_code(text):
        return None
    if sum(word in frequent_words("english") for word in words) * 2 >= len(words) or _is_pinyin(
        words
    ):
        return None
    shares = {code: float(share) for code, share in _identifier().rank(" ".join(words))}
    code = max(shares, key=lambda name: shares[name])
    if code == "en" or not _is_sure(code, shares, len(words)):
        return None
    return _nearer(words, code) if code in _ALIKE else _known(code)


def _nearer(words: list[str], code: str) -> str:
    """Return Malay or Indonesian, by the words that they do not share."""
    malay = len(frequent_words("malay").intersection(words))
    indonesian = len(frequent_words("indonesian").intersection(words))
    return code if malay == indonesian else "ms" if malay > indonesian else "id"


def _is_sure(code: str, shares: Mapping[str, float], words: int) -> bool:
    share = shares[code] + shares.get(_ALIKE.get(code, ""), 0.0)
    if words == 2:
        return share >= _SURE_OF_TWO
    return share >= _SURE or (share >= _LIKELY and shares["en"] <= _UNLIKE_ENGLISH)


def _known(code: str) -> str:
    return code if code in _LATIN_LANGUAGES else UNKNOWN


def _latin_beside_han(line: str, words: list[str]) -> str | None:
    """Judge Latin words beside a few Chinese characters, which may be a name or a smile."""
    han = sum("\u3400" <= char <= "\u9fff" for char in line)
    if not words or han * _HAN_WEIGHT * 4 > sum(map(len, words)):
        return None
    return _latin(" ".join(words), f" {' '.join(words)} ")


def _is_code(text: str) -> bool:
    return "://" in text or sum(char in "{}();=<>_/\\#@" for char in text) * 8 > len(text)


def _is_pinyin(words: list[str]) -> bool:
    bare = [without_marks(word) for word in words]
    known = sum(word.isascii() and split(word) is not None for word in bare)
    return known * 5 >= 4 * len(words)
