"""The syllables of a folded text: the sounds of its Chinese characters, and typed pinyin.

English words that happen to split into syllables count as syllables too. The matcher checks such
matches again.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pypinyin.constants import PINYIN_DICT

_LONGEST_SYLLABLE = 6
_WORD = re.compile("[a-zA-Z]+")
# At least four single letters with a separator after each, and perhaps the numbers of their tones.
_APART = re.compile(
    r"(?<![a-zA-Z])[a-z](?:[ ._*~\-,，·/|]{1,3}(?:[1-5][ ._*~\-,，·/|]{1,3})?[a-z](?![a-zA-Z])){3,}"
)
_BETWEEN_TONES = re.compile("[a-z](?:[^1-5]*[a-z])?")
# The number of a tone: wo3 xiang3.
_TONE = re.compile("[1-5](?![0-9])")


@dataclass(frozen=True, slots=True)
class Syllable:
    """One syllable. An empty `sound` marks text that is not a syllable."""

    sound: str
    start: int
    end: int
    spelled: bool


def _plain(sound: str) -> str:
    """Drop the tone, and write ü, which is typed as v or u, as u."""
    letters = unicodedata.normalize("NFD", sound)
    return "".join(c for c in letters if not unicodedata.combining(c)).replace("v", "u")


@lru_cache(maxsize=32_768)
def sound_of(char: str) -> str:
    """Return a Chinese character's most usual reading without its tone, or an empty text."""
    readings: str = PINYIN_DICT.get(ord(char), "") if "\u3400" <= char <= "\u9fff" else ""
    return _plain(readings.split(",", maxsplit=1)[0])


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    sounds = {sound_of(chr(code)) for code in range(0x4E00, 0x9FA6)}
    return frozenset(s for s in sounds if s and s.isascii() and (len(s) > 1 or s in "aeo"))


def split(word: str) -> list[str] | None:
    """Split Latin letters into pinyin syllables.

    Args:
        word: Lower-case ASCII letters.

    Returns:
        The fewest syllables, or None if the word is not pinyin.
    """
    known = _known()
    best: list[tuple[int, int] | None] = [None] * (len(word) + 1)
    best[len(word)] = (0, len(word))
    for start in range(len(word) - 1, -1, -1):
        for end in range(start + 1, min(start + _LONGEST_SYLLABLE, len(word)) + 1):
            rest = best[end]
            if rest is None or word[start:end].replace("v", "u") not in known:
                continue
            mine = best[start]
            if mine is None or rest[0] + 1 <= mine[0]:
                best[start] = (rest[0] + 1, end)
    parts: list[str] = []
    at = 0
    while at < len(word):
        step = best[at]
        if step is None:
            return None
        parts.append(word[at : step[1]].replace("v", "u"))
        at = step[1]
    return parts


_split_cached = lru_cache(maxsize=4_096)(split)


def syllables(surface: str) -> Iterator[Syllable]:
    """Yield the syllables of a folded text. Separators are skipped."""
    index, size = 0, len(surface)
    while index < size:
        char = surface[index]
        sound = sound_of(char)
        if sound:
            yield Syllable(sound, index, index + 1, spelled=False)
            index += 1
        elif char.isascii() and char.isalpha():
            is_spelled = False
            for places in _words_from(surface, index):
                for syllable in _spelled(surface, places):
                    is_spelled = syllable.spelled
                    yield syllable
                index = places[-1] + 1
            if is_spelled and _TONE.match(surface, index):
                index += 1
        else:
            if char.isalnum() or char in "。！？!?;\n":
                yield Syllable("", index, index + 1, spelled=False)
            index += 1


def _words_from(surface: str, index: int) -> Iterator[Sequence[int]]:
    """Yield the places of a word's letters, or of words whose letters stand apart (w o 3 x i a)."""
    apart = _APART.match(surface, index)
    if apart is None:
        word = _WORD.match(surface, index)
        assert word is not None
        yield range(*word.span())
        return
    for word in _BETWEEN_TONES.finditer(surface, *apart.span()):
        yield [place for place in range(*word.span()) if surface[place].isalpha()]


def _spelled(surface: str, places: Sequence[int]) -> Iterator[Syllable]:
    word = "".join(surface[place] for place in places)
    parts = _split_cached(word) if len(word) <= 64 else split(word)
    if parts is None:
        yield Syllable("", places[0], places[-1] + 1, spelled=False)
        return
    at = 0
    for part in parts:
        yield Syllable(part, places[at], places[at + len(part) - 1] + 1, spelled=True)
        at += len(part)
