"""The views of a message, each with positions mapped back to the original text.

It accepts any `str` and is linear in its length.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from safety.text.characters import fold
from safety.text.escapes import characters
from safety.text.fillers import fillers
from safety.text.homophones import substitutes
from safety.text.pinyin import Syllable, syllables
from safety.text.sentences import read_on

# Encloses every syllable of the pinyin view. No other view contains it.
SYLLABLE_MARK = "|"
# Replaces text of the pinyin view that is not a syllable.
BREAK_MARK = "#"

# Fewer typed syllables may be words of any language.
_FEWEST_TYPED = 3

_LEET = {"0": "o", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "8": "b"}
_LEET_I = _LEET | {"1": "i", "!": "i"}
_LEET_L = _LEET | {"1": "l", "!": "l"}

_LEET_RUN = re.compile(r"[a-z0-9@$]{2,}")
_LEET_SIGN = re.compile(r"[0134578@$]")
_LETTER = re.compile(r"[a-z]")
# With this many words that mix digits and letters, words of digits alone are read too.
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
        text: The text to search.
        starts: For each character, the start of its source in the surface.
        ends: For each character, the end of its source in the surface.
        pinyin: Whether this is the syllable view, whose matches need a second check.
        spelled: For the syllable view, how many letters before each position were typed in
            Latin. If none was, it is a short list of zeros.
        only_spelled: For the syllable view, whether all its Latin words are typed syllables.
    """

    text: str
    starts: list[int]
    ends: list[int]
    pinyin: bool = False
    spelled: list[int] = field(default_factory=list)
    only_spelled: bool = False


@dataclass(frozen=True, slots=True)
class Normalised:
    """A folded text and its views.

    Attributes:
        surface: The folded text with its punctuation. Runs of blanks become one blank.
        smooth: The surface with blanks for line ends inside a sentence (`read_on`).
        starts: For each surface character, its index in the original.
        views: The texts to search. Their offsets point into the surface.
    """

    surface: str
    smooth: str
    starts: list[int]
    views: tuple[TextView, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Map a non-empty span of the surface to code points of the original text."""
        return self.starts[start], self.starts[end - 1] + 1


def normalise(text: str) -> Normalised:
    """Fold a text and build its views. Accepts any string."""
    surface, starts = _surface(text)
    views = [squeeze(surface)]
    if _any(surface, _LEET_I):
        meant = _leet(surface, _LEET_I)
        if meant:  # digits alone have no other reading
            views.append(squeeze(surface, meant))
        if meant and ("1" in surface or "!" in surface):
            views.append(squeeze(surface, _leet(surface, _LEET_L)))
    if _any(surface, EMOJI_ZH):
        views.append(squeeze(surface, EMOJI_ZH.get))
        views.append(squeeze(surface, EMOJI_EN.get))
    for meant in (substitutes(surface), fillers(surface)):
        if meant:
            views.append(squeeze(surface, meant))
    smooth = read_on(surface)
    views.append(_pinyin(smooth))
    return Normalised(surface, smooth, starts, tuple(v for v in views if v.text))


def _surface(text: str) -> tuple[str, list[int]]:
    out: list[str] = []
    starts: list[int] = []
    for index, char in characters(text):
        for plain in fold(char):
            is_blank = plain != "\n" and plain.isspace()
            if is_blank and (not out or out[-1] in " \n"):
                continue
            out.append(" " if is_blank else plain)
            starts.append(index)
    return "".join(out), starts


Substitute = Callable[[str], str | None]


def squeeze(surface: str, substitute: Substitute | dict[int, str] | None = None) -> TextView:
    """Keep only letters and digits, with repeats closed up.

    Runs of a Latin letter within a word become one letter, and runs of three or more of a
    Chinese character (死死死) become two. The keys of the lexicon are squeezed the same way.

    Args:
        surface: Folded text.
        substitute: An optional reading of characters, by character or by index.
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
    """Return the text of `squeeze` alone, which is faster for a lexicon's many literals."""
    letters = "".join(filter(str.isalnum, _TWICE.sub(r"\1", surface)))
    return _THRICE.sub(r"\1\1", letters)


def _squeeze_plain(surface: str) -> TextView:
    """Squeeze without substitutes, for the one view that every text has."""
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
    """Return whether a letter only prolongs the run before it."""
    if not out or out[-1] != letter or letter.isdecimal():
        return False
    return letter.isascii() or (len(out) > 1 and out[-2] == letter)


def _any(surface: str, keys: dict[str, str]) -> bool:
    return any(key in surface for key in keys)


def _leet(surface: str, table: dict[str, str]) -> dict[int, str]:
    """Read digits and signs as letters if a letter is beside them."""
    letters: dict[int, str] = {}
    lone = _lone_runs(surface, table) if _leet_words(surface) >= _LEET_WORDS else ()
    for index in lone:
        letters[index] = table[surface[index]]
    for index, char in enumerate(surface):
        if char in table and index not in letters:
            before = surface[index - 1] if index else ""
            after = surface[index + 1 : index + 2]
            is_inside = _latin(after) or (_latin(before) and (char != "!" or after.isalnum()))
            if is_inside or (index - 1 in letters and char != "!"):
                letters[index] = table[char]
    return letters


def _leet_words(surface: str) -> int:
    """Count the words that mix letters with signs that may stand for letters."""
    runs = (run.group() for run in _LEET_RUN.finditer(surface))
    return sum(1 for run in runs if _LETTER.search(run) and _LEET_SIGN.search(run))


def _lone_runs(surface: str, table: dict[str, str]) -> list[int]:
    """Return the positions of words in digits alone: 1 for i, 15 for is, 45 for as."""
    runs = _LONE.finditer(surface)
    return [i for run in runs if set(run.group()) <= table.keys() for i in range(*run.span())]


def _latin(char: str) -> bool:
    return char.isascii() and char.isalpha()


def _pinyin(surface: str) -> TextView:
    """Write the text as toneless syllables of Chinese characters and of typed pinyin."""
    out: list[str] = [SYLLABLE_MARK]
    starts, ends, spelled = [0], [0], [0, 0]
    is_typed = any(_latin(char) for char in surface)
    broken = False
    typed_syllables, has_other_word = 0, False
    for item in syllables(surface):
        mark = _piece(item)
        typed_syllables += item.spelled
        has_other_word |= not mark.isalpha() and _latin(surface[item.start])
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
    return TextView(
        "".join(out),
        starts,
        ends,
        pinyin=True,
        spelled=spelled,
        only_spelled=typed_syllables >= _FEWEST_TYPED and not has_other_word,
    )


def _piece(item: Syllable) -> str:
    return item.sound or BREAK_MARK
