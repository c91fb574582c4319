"""A message as several views side by side, each with its way back to the original text.

Total on any `str`; linear in its length.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from safety.text.characters import fold
from safety.text.homophones import substitutes
from safety.text.pinyin import Syllable, syllables
from safety.text.sentences import read_on

# Stands around every syllable of the pinyin view; no other view contains it.
SYLLABLE_MARK = "|"
# Stands in the pinyin view for what is no syllable.
BREAK_MARK = "#"

_LEET = {"0": "o", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "8": "b"}
_LEET_I = _LEET | {"1": "i", "!": "i"}
_LEET_L = _LEET | {"1": "l", "!": "l"}

_LEET_RUN = re.compile(r"[a-z0-9@$]{2,}")
_LEET_SIGN = re.compile(r"[0134578@$]")
_LETTER = re.compile(r"[a-z]")
# From so many words written with digits on, words of digits alone are read as well.
_LEET_WORDS = 2
_TWICE = re.compile(r"([A-Za-z])\1+")
_THRICE = re.compile(r"([^\W\d_\x00-\x7f])\1{2,}")
_LONE = re.compile(r"(?<![a-z0-9@$])[0134578@$]{1,3}(?![a-z0-9@$])")

EMOJI_ZH = {
    "💀": "死",
    "☠": "死",
    "⚰": "死",
    "🪦": "死",
    "🔪": "刀",
    "🗡": "刀",
    "💊": "药",
    "🩸": "血",
    "🔫": "枪",
}
EMOJI_EN = {
    "💀": "die",
    "☠": "die",
    "⚰": "die",
    "🪦": "die",
    "🔪": "knife",
    "🗡": "knife",
    "💊": "pills",
    "🩸": "blood",
    "🔫": "gun",
}


@dataclass(frozen=True, slots=True)
class TextView:
    """One reading of a text.

    Attributes:
        text: What is searched.
        starts: For each character, the index where its source begins in the surface.
        ends: For each character, the index where its source ends in the surface.
        pinyin: Whether this is the syllable view, whose matches need a second look.
        spelled: For the syllable view: how many of the letters before each place were
            typed as Latin letters rather than read off a Chinese character; only zeros
            stand there, and too few, where none was.
    """

    text: str
    starts: list[int]
    ends: list[int]
    pinyin: bool = False
    spelled: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Normalised:
    """A folded text and its views.

    Attributes:
        surface: Folded text with its punctuation; runs of blanks are one blank.
        smooth: The surface, read on over line ends and fragments; its places are the same.
        starts: For each surface character, its index in the original.
        views: What the automaton searches; their offsets point into the surface.
    """

    surface: str
    smooth: str
    starts: list[int]
    views: tuple[TextView, ...]
    original_length: int

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Map a non-empty span of the surface to code points of the original text."""
        return self.starts[start], self.starts[end - 1] + 1


def normalise(text: str) -> Normalised:
    """Fold a text and build its views; never fails on any string."""
    surface, starts = _surface(text)
    views = [squeeze(surface)]
    if _any(surface, _LEET_I):
        meant = _leet(surface, _LEET_I)
        if meant:  # digits alone are read as nothing else
            views.append(squeeze(surface, meant))
        if meant and ("1" in surface or "!" in surface):
            views.append(squeeze(surface, _leet(surface, _LEET_L)))
    if _any(surface, EMOJI_ZH):
        views.append(squeeze(surface, EMOJI_ZH.get))
        views.append(squeeze(surface, EMOJI_EN.get))
    meant = substitutes(surface)
    if meant:
        views.append(squeeze(surface, meant))
    smooth = read_on(surface)
    views.append(_pinyin(smooth))
    return Normalised(surface, smooth, starts, tuple(v for v in views if v.text), len(text))


def _surface(text: str) -> tuple[str, list[int]]:
    out: list[str] = []
    starts: list[int] = []
    for index, char in enumerate(text):
        for plain in fold(char):
            is_blank = plain != "\n" and plain.isspace()
            if is_blank and (not out or out[-1] in " \n"):
                continue
            out.append(" " if is_blank else plain)
            starts.append(index)
    return "".join(out), starts


Substitute = Callable[[str], str | None]


def squeeze(surface: str, substitute: Substitute | dict[int, str] | None = None) -> TextView:
    """Keep letters and digits only, with repeats closed up.

    Latin runs of the same letter within a word become one; Chinese ones become two from three
    on (死死死). Keys of the lexicon go through the same function, so both sides agree.

    Args:
        surface: Folded text.
        substitute: Optional reading of a character, by itself or by its index.
    """
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    if substitute is None:
        return _squeeze_plain(surface)
    by_index = substitute if isinstance(substitute, dict) else None
    by_char = substitute if callable(substitute) else None
    for index, char in enumerate(surface):
        word: str | None = None
        if by_index is not None:
            word = by_index.get(index)
        elif by_char is not None:
            word = by_char(char)
        if word is None:
            if not char.isalnum():
                continue
            word = char
        for letter in word:
            if _repeats(out, letter) and (not letter.isascii() or ends[-1] == index):
                ends[-1] = index + 1
                continue
            out.append(letter)
            starts.append(index)
            ends.append(index + 1)
    return TextView("".join(out), starts, ends)


def squeezed(surface: str) -> str:
    """Give the text of `squeeze` alone: of a lexicon's many literals no more is asked."""
    letters = "".join(filter(str.isalnum, _TWICE.sub(r"\1", surface)))
    return _THRICE.sub(r"\1\1", letters)


def _squeeze_plain(surface: str) -> TextView:
    """Do the same where nothing is read as something else: the one view every text has."""
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, char in enumerate(surface):
        if not char.isalnum():
            continue
        if _repeats(out, char) and (not char.isascii() or ends[-1] == index):
            ends[-1] = index + 1
            continue
        out.append(char)
        starts.append(index)
        ends.append(index + 1)
    return TextView("".join(out), starts, ends)


def _repeats(out: list[str], letter: str) -> bool:
    """Whether a letter only prolongs what stands before it."""
    if not out or out[-1] != letter or letter.isdecimal():
        return False
    return letter.isascii() or (len(out) > 1 and out[-2] == letter)


def _any(surface: str, keys: dict[str, str]) -> bool:
    return any(key in surface for key in keys)


def _leet(surface: str, table: dict[str, str]) -> dict[int, str]:
    """Read digits and signs as letters where a letter stands beside them."""
    found: dict[int, str] = {}
    lone = _lone_runs(surface, table) if _leet_words(surface) >= _LEET_WORDS else ()
    for index in lone:
        found[index] = table[surface[index]]
    for index, char in enumerate(surface):
        if char in table and index not in found:
            before = surface[index - 1] if index else ""
            after = surface[index + 1 : index + 2]
            is_inside = _latin(after) or (_latin(before) and (char != "!" or after.isalnum()))
            if is_inside or (index - 1 in found and char != "!"):
                found[index] = table[char]
    return found


def _leet_words(surface: str) -> int:
    """Count the words that hold both a letter and a sign that may stand for one."""
    runs = (run.group() for run in _LEET_RUN.finditer(surface))
    return sum(1 for run in runs if _LETTER.search(run) and _LEET_SIGN.search(run))


def _lone_runs(surface: str, table: dict[str, str]) -> list[int]:
    """Give the places of words written in digits alone: 1 for i, 15 for is, 45 for as."""
    runs = _LONE.finditer(surface)
    return [i for run in runs if set(run.group()) <= table.keys() for i in range(*run.span())]


def _latin(char: str) -> bool:
    return char.isascii() and char.isalpha()


def _pinyin(surface: str) -> TextView:
    """Write the text as toneless syllables, those of Chinese characters and spelled ones."""
    out: list[str] = [SYLLABLE_MARK]
    starts, ends, spelled = [0], [0], [0, 0]
    is_typed = any(_latin(char) for char in surface)
    broken = False
    for item in syllables(surface):
        mark = _piece(item)
        if mark == BREAK_MARK and broken:
            continue
        broken = mark == BREAK_MARK
        piece = mark + SYLLABLE_MARK
        out.append(piece)
        starts.extend([item.start] * len(piece))
        ends.extend([item.end] * len(piece))
        if is_typed:
            typed, before = len(mark) if item.spelled else 0, spelled[-1]
            spelled.extend(before + min(i, typed) for i in range(1, len(piece) + 1))
    return TextView("".join(out), starts, ends, pinyin=True, spelled=spelled)


def _piece(item: Syllable) -> str:
    return item.sound or BREAK_MARK
