"""A disguise keeps what its plain form is caught for."""

from collections.abc import Callable
from urllib.parse import quote

import opencc
import pytest
from pypinyin import Style, lazy_pinyin, pinyin

from safety.screening.levels import Level
from safety.screening.screener import Screener

CHINESE = (
    "我想自杀",
    "我不想活了",
    "我想死",
    "好想去死",
    "我想跳楼",
    "我想结束自己的生命",
    "生不如死",
    "我想割腕",
    "活着没意思",
    "我想杀人",
    "有没有不痛苦的死法",
    "我想自残",
    "你们都得死",
    "没有活下去的勇气",
    "我要杀了他",
    "死了算了",
    "我吃了一瓶安眠药",
    "割伤自己",
    "安眠药吃多少会死",
)
ENGLISH = (
    "I want to kill myself",
    "I want to die",
    "I am suicidal",
    "I don't want to live anymore",
    "I want to end my life",
    "I will kill him",
    "I want to cut myself",
    "no reason to live",
    "better off dead",
    "I took a whole bottle of pills",
)


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


_LEET = str.maketrans("eiaso", "31450")
_CYRILLIC = str.maketrans("aeiopcxy", "аеіорсху")
_TRADITIONAL = opencc.OpenCC("s2t")

_SMALL = str.maketrans("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ")


def _tone_digits(text: str) -> str:
    return " ".join(syllable[0] for syllable in pinyin(text, style=Style.TONE3))


BOTH: dict[str, Callable[[str], str]] = {
    "zero width": "\u200b".join,
    "soft hyphen": "\u00ad".join,
    "full stops": ".".join,
    "asterisks": "*".join,
    "blanks": " ".join,
    "hyphens": "-".join,
    "commas": "，".join,
    "full width": _wide,
    "repeats": lambda text: text + text[-1] * 4,
    "turned by an override": lambda text: f"\u202e{text[::-1]}\u202c",
    "hangul fillers": "\u3164".join,
    "hangul fillers of half width": "\uffa0".join,
    "entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "entities in hexadecimal": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "codes of JSON": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "codes of addresses": quote,
}
CHINESE_ONLY: dict[str, Callable[[str], str]] = {
    "traditional": _TRADITIONAL.convert,
    "pinyin": lambda text: "".join(lazy_pinyin(text)),
    "pinyin with blanks": lambda text: " ".join(lazy_pinyin(text)),
    "letters between": "x".join,
    "digits between": "1".join,
    "pairs between": "ab".join,
    "pinyin letter by letter": lambda text: " ".join("".join(lazy_pinyin(text))),
    "pinyin with dots": lambda text: ".".join("".join(lazy_pinyin(text))),
    "tone digits": _tone_digits,
    "tone digits together": lambda text: _tone_digits(text).replace(" ", ""),
    "tone digits letter by letter": lambda text: " ".join(_tone_digits(text).replace(" ", "")),
    "pinyin before a particle": lambda text: " ".join(lazy_pinyin(text + "吧")),
    "letters and hyphens between": "-x-".join,
    "half pinyin": lambda text: "".join(
        char if index % 2 else lazy_pinyin(char)[0] for index, char in enumerate(text)
    ),
}
ENGLISH_ONLY: dict[str, Callable[[str], str]] = {
    "leet": lambda text: text.translate(_LEET),
    "capitals": str.upper,
    "small capitals": lambda text: text.lower().translate(_SMALL),
    "without blanks": lambda text: text.replace(" ", ""),
    "look-alikes": lambda text: text.translate(_CYRILLIC),
}
CASES = [
    (name, disguise, texts)
    for group, texts in (
        (BOTH, CHINESE + ENGLISH),
        (CHINESE_ONLY, CHINESE),
        (ENGLISH_ONLY, ENGLISH),
    )
    for name, disguise in group.items()
]


@pytest.mark.parametrize(("name", "disguise", "texts"), CASES, ids=[c[0] for c in CASES])
def test_disguised(
    screener: Screener, name: str, disguise: Callable[[str], str], texts: tuple[str, ...]
) -> None:
    missed = [text for text in texts if screener.screen(disguise(text)).level < Level.PASSIVE]
    assert not missed


@pytest.mark.parametrize(
    "text",
    [
        "我想💀",
        "I want to 💀",
        "用🔪割自己",
        "我吃了一瓶💊会死吗",
        "k i l l myself",
        "我想自，杀",
        "我真的要自。杀",
        "好累想紫砂",
        "i want to 死",
        "i dont want to 活",
        "i don't 想活 anymore",
        "ᴋɪʟʟ ᴍʏsᴇʟғ",
        "我想&#33258;&#26432;",
        "今天天气好 \u202e杀自想我\u202c",
        "ǝᴉp oʇ ʇuɐʍ ı",
    ],
)
def test_signs_and_slang(screener: Screener, text: str) -> None:
    assert screener.screen(text).level >= Level.PASSIVE


@pytest.mark.parametrize(
    "text",
    [
        "紫砂壶泡茶真香",
        "我想。死了一只猫",
        "women change the change",
        "side by side",
        "wo xiang si kao yi xia",
        "wo xiang si chuan huo guo",
        "i want to eat 火锅",
        "20 kms to go",
    ],
)
def test_views_do_not_invent(screener: Screener, text: str) -> None:
    assert screener.screen(text).level <= Level.DISTRESS
