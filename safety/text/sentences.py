"""Where a sentence of a folded text ends, and where it only seems to.

People break a sentence over lines, or write its pieces as sentences: `i want. to. die.`
"""

import re
from itertools import accumulate, islice

_HARD = frozenset("。!?;！？；\n")
_BORDER = re.compile(r"[ \n。.!?;！？；]*[\n。.!?;！？；][ \n。.!?;！？；]*")
_UNIT = re.compile(r"[a-z0-9']+|[^\W\d_]")
# Han characters or Latin words up to which a sentence may be a piece of one.
_FRAGMENT = 3
# What may follow a word at the end of its line.
_TAIL = frozenset("们了啦呀啊哦呢喽咯~ ")


def ends_sentence(surface: str, index: int) -> bool:
    """Whether the character there ends a sentence (and is not a separator within a word)."""
    char = surface[index]
    if char in ".!?":
        before = surface[index - 1 : index]
        after = surface[index + 1 : index + 2]
        if char == ".":
            # "I. .w.a.n.t": a separator goes on after the blank, a sentence does not.
            return not after or (after.isspace() and surface[index + 2 : index + 3] != ".")
        return not (before.isascii() and before.isalnum() and after.isascii() and after.isalnum())
    return char in _HARD


def read_on(surface: str) -> str:
    """Read a text on over its line ends, and over the ends of mere fragments.

    Args:
        surface: Folded text.

    Returns:
        A text of the same length, with blanks for what parts nothing.
    """
    borders = [run for run in _BORDER.finditer(surface) if _parts(surface, run.span())]
    if not borders:
        return surface
    starts = [0, *(run.end() for run in borders)]
    ends = [*(run.start() for run in borders), len(surface)]
    pieces = [surface[start:end] for start, end in zip(starts, ends, strict=True)]
    short = [_is_fragment(piece) for piece in pieces]
    out: list[str] = []
    for index, run in enumerate(borders):
        out.append(pieces[index])
        is_soft = not _is_ended(surface, run.span()) or (short[index] and short[index + 1])
        out.append(" " * len(run.group()) if is_soft else run.group())
    out.append(pieces[-1])
    return "".join(out)


def _parts(surface: str, span: tuple[int, int]) -> bool:
    return any(ends_sentence(surface, index) for index in range(*span))


def _is_ended(surface: str, span: tuple[int, int]) -> bool:
    """Whether something else than a line's end ends the sentence."""
    return any(surface[i] != "\n" and ends_sentence(surface, i) for i in range(*span))


def _is_fragment(piece: str) -> bool:
    return bool(_UNIT.search(piece)) and counts_at_most(piece, _FRAGMENT)


def counts_at_most(text: str, most: int) -> bool:
    """Whether a lower-case text holds at most so many Han characters and Latin words."""
    return next(islice(_UNIT.finditer(text), most, None), None) is None


class Borders:
    """The borders of a text that are read over.

    Args:
        surface: Folded text.
        smooth: The same as `read_on` gives it.
    """

    def __init__(self, surface: str, smooth: str) -> None:
        self._surface = surface
        self._counts: list[int] = []
        if smooth is not surface:
            changed = (a != b for a, b in zip(surface, smooth, strict=True))
            self._counts = list(accumulate(changed, initial=0))

    def are_within(self, start: int, end: int) -> bool:
        """Whether one of them lies within a span."""
        return bool(self._counts) and self._counts[start] != self._counts[end]

    def stands_after(self, end: int) -> bool:
        """Whether a line ends there, but for the tail of its last word."""
        size = len(self._surface)
        while end < size and self._surface[end] in _TAIL:
            end += 1
        return end == size or ends_sentence(self._surface, end)
