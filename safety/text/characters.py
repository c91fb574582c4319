"""The folding of one character to its plain form: width, case, traditional, look-alikes.

Folding depends on the character alone, which makes the offset map of `normalise` exact and cheap.
"""

import unicodedata
from functools import lru_cache

import opencc

# Replaces a lone surrogate, which no UTF-8 consumer accepts.
REPLACEMENT = "\ufffd"

# Look-alikes of Latin letters that NFKC keeps (Cyrillic, Greek, Armenian, Latin extensions), and a
# rare character that people write for 死 to evade filters.
_CONFUSABLES = {
    **dict(zip("аеорсухіјѕһԁԛԝкмтвнгп", "aeopcyxijshdqwkmtbhrn", strict=True)),
    **dict(zip("οαερτικνυχω", "oaeptikvuxw", strict=True)),
    **dict(zip("ոսօɑɡɩıłøđ", "nuoagiilod", strict=True)),
    "亖": "死",
    "𠝹": "割",  # to cut, in Cantonese
    # Small capitals, and letters upside down.
    **dict(zip("ᴀʙᴄᴅᴇꜰғɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢǫ", "abcdeffghijklmnopqrstuvwyzq", strict=True)),
    # Hangul letters without a sound, which show as a blank.
    **dict.fromkeys("\u115f\u1160\u3164\uffa0", ""),
}

_FIRST_HAN, _LAST_HAN = 0x3400, 0x9FFF
_REGIONAL_A, _NEGATIVE_SQUARED_A, _NEGATIVE_CIRCLED_A = 0x1F1E6, 0x1F170, 0x1F150
_KEPT_CONTROLS = {"\n": "\n", "\r": "\n", "\t": " ", "\v": "\n", "\f": "\n"}
_DROPPED = frozenset({"Mn", "Me", "Cf", "Cc", "Co", "Cn"})


@lru_cache(maxsize=1)
def _simplified() -> dict[str, str]:
    """Map every traditional Han character of the basic planes to its simplified form."""
    han = [chr(c) for c in range(_FIRST_HAN, _LAST_HAN + 1)]
    plain = opencc.OpenCC("t2s").convert("\n".join(han)).split("\n")
    # OpenCC keeps 著 (as in 睡著), 妳 and 牠. In chat each stands for a plain word.
    return {t: s for t, s in zip(han, plain, strict=True) if t != s and len(s) == 1} | {
        "妳": "你",
        "著": "着",
        "牠": "它",
    }


def _lettered(char: str) -> str | None:
    """Return the letter of an emoji: a regional indicator or a white-on-black capital."""
    code = ord(char)
    for base in (_REGIONAL_A, _NEGATIVE_SQUARED_A, _NEGATIVE_CIRCLED_A):
        if base <= code < base + 26:
            return chr(ord("a") + code - base)
    return None


@lru_cache(maxsize=65_536)
def fold(char: str) -> str:
    """Fold one character.

    Args:
        char: Any single code point, lone surrogates included.

    Returns:
        Its plain lower-case form, usually one character. Invisible characters (format characters,
        variation selectors, soft hyphens, combining marks) give none, and ligatures several.
    """
    if char.isascii() and char.isprintable():
        return char.lower()
    if char in _KEPT_CONTROLS:
        return _KEPT_CONTROLS[char]
    if 0xD800 <= ord(char) <= 0xDFFF:
        return REPLACEMENT
    lettered = _lettered(char)
    if lettered is not None:
        return lettered
    simplified = _simplified()
    out = []
    for part in unicodedata.normalize("NFKD", char).lower():
        if unicodedata.category(part) in _DROPPED:
            continue
        plain = simplified.get(part, part)
        out.append(_CONFUSABLES.get(plain, plain))
    return "".join(out)
