"""The scripts of a text, and its words folded for languages other than Chinese and English."""

import re
import unicodedata

# Scripts by the first and last code points of their letters and marks.
_RANGES = {
    "kana": "\u3041-\u3096\u30a1-\u30fa\u30fc",
    "hangul": "\uac00-\ud7a3\u1100-\u11ff\u3131-\u318e",
    "cyrillic": "\u0400-\u052f",
    "arabic": "\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff",
    "devanagari": "\u0900-\u097f",
    "bengali": "\u0980-\u09ff",
    "thai": "\u0e01-\u0e4e",
    "han": "\u3400-\u9fff",
    "latin": "a-z\u00df-\u00f6\u00f8-\u024f\u1e00-\u1eff",
}
_WORDS = {name: re.compile(f"[{letters}]{{2,}}") for name, letters in _RANGES.items()}
_WHOLE = {
    name: re.compile(f"(?<![a-z\u0400-\u052f])[{letters}]{{2,}}(?![a-z\u0400-\u052f])")
    for name, letters in _RANGES.items()
}
_LETTERS = {name: re.compile(f"[{letters}]") for name, letters in _RANGES.items()}
_KNOWN = re.compile(f"[{''.join(_RANGES.values())}]")

_NO_WORD = re.compile("[^a-z0-9]+")
_REPEATED = re.compile(r"(\w)\1{2,}")
# One letter of Arabic script is written in several ways. Yo, nukta and chandrabindu are left out.
_ONE_WAY = str.maketrans(
    {
        **dict.fromkeys("أإآٱ", "ا"),
        **dict.fromkeys("ىی", "ي"),
        "ک": "ك",
        "ة": "ه",
        "ؤ": "و",
        "ـ": None,
        "ё": "е",
        "ँ": "ं",
        "\u093c": None,
        "\u09bc": None,
    }
)
_PLAIN_LATIN = str.maketrans({"ı": "i", "đ": "d", "ł": "l", "ø": "o"})


def one_way(text: str) -> str:
    """Write the letters of other languages in one way. Keeps the marks that are vowels."""
    text = unicodedata.normalize("NFKD", text).translate(_ONE_WAY)
    text = "".join(char for char in text if not _is_dropped(char))
    return unicodedata.normalize("NFC", text).translate(_ONE_WAY)


def _is_dropped(char: str) -> bool:
    """Return whether a character is invisible or a mark that Arabic writers leave out."""
    return "\u064b" <= char <= "\u0655" or unicodedata.category(char) in ("Cf", "Me")


def without_marks(text: str) -> str:
    """Write Latin letters without their marks, as people type them in a hurry."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text)
    bare = "".join(char for char in parts if not "\u0300" <= char <= "\u036f")
    return unicodedata.normalize("NFC", bare).translate(_PLAIN_LATIN)


def words_in_line(text: str) -> str:
    """Return the words of a text between single blanks, with a blank at both ends."""
    if text.isascii():  # most messages in Latin letters; the same, but quicker
        spaced = _NO_WORD.sub(" ", text.lower())
        return " " + _REPEATED.sub(r"\1", spaced.strip()) + " "
    folded = one_way(text.casefold())
    spaced = "".join(char if _is_of_word(char) else " " for char in folded)
    return " " + _REPEATED.sub(r"\1", " ".join(spaced.split())) + " "


def _is_of_word(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char) in ("Mn", "Mc")


def scripts_in(line: str) -> frozenset[str]:
    """Return the names of the scripts that a folded text uses."""
    return frozenset(name for name, letters in _LETTERS.items() if letters.search(line))


def letters_in(script: str, line: str) -> list[str]:
    """Return every letter of a script."""
    return _LETTERS[script].findall(line)


def letters_of(script: str, line: str) -> int:
    """Count the letters of a script in words of two letters or more.

    A word that mixes scripts is a disguise and does not count.
    """
    return sum(len(word) for word in _WHOLE[script].findall(line))


def words_of(script: str, line: str) -> list[str]:
    """Return the words of two letters or more in a script."""
    return _WORDS[script].findall(line)


def unknown_letters(line: str) -> int:
    """Count the letters of scripts that have no name here."""
    rest = _KNOWN.sub(" ", line)
    return sum(char.isalpha() for char in rest if ord(char) > 0x24F)
