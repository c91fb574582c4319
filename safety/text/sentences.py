"""The ends of sentences in a folded text, real and apparent.

People split a sentence over lines, or write its pieces as sentences: `i want. to. die.`
"""

import re
from itertools import accumulate, islice

_HARD = frozenset("。!?;！？；\n")
_BORDER = re.compile(r"[ \n。.!?;！？；]*[\n。.!?;！？；][ \n。.!?;！？；]*")
_UNIT = re.compile(r"[a-z0-9']+|[^\W\d_]")
# The most Han characters or Latin words of a fragment of a sentence.
_FRAGMENT = 3
# The characters that may follow a word at the end of its line.
_TAIL = frozenset("们了啦呀啊哦呢喽咯~ ")


def ends_sentence(surface: str, index: int) -> bool:
    """Return whether a character ends a sentence and is not a separator within a word."""
    char = surface[index]
    if char in ".!?":
        before = surface[index - 1 : index]
        after = surface[index + 1 : index + 2]
        if char == ".":
            # In "I. .w.a.n.t" a separator goes on after the blank. A sentence does not.
            return not after or (after.isspace() and surface[index + 2 : index + 3] != ".")
        return not (before.isascii() and before.isalnum() and after.isascii() and after.isalnum())
    return char in _HARD


def read_on(surface: str) -> str:
    """Replace line ends and the ends of fragments that do not end a sentence with blanks.

    Args:
        surface: Folded text.

    Returns:
        A text of the same length.
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
    """Return whether more than a line end ends the sentence."""
    return any(surface[i] != "\n" and ends_sentence(surface, i) for i in range(*span))


def _is_fragment(piece: str) -> bool:
    return bool(_UNIT.search(piece)) and counts_at_most(piece, _FRAGMENT)


def counts_at_most(text: str, most: int) -> bool:
    """Return whether a lower-case text has at most `most` Han characters and Latin words."""
    return next(islice(_UNIT.finditer(text), most, None), None) is None


class Borders:
    """The borders of a text that do not end a sentence.

    Args:
        surface: Folded text.
        smooth: The text that `read_on` returns for it.
    """

    def __init__(self, surface: str, smooth: str) -> None:
        self._surface = surface
        self._counts: list[int] = []
        if smooth is not surface:
            changed = (a != b for a, b in zip(surface, smooth, strict=True))
            self._counts = list(accumulate(changed, initial=0))

    def are_within(self, start: int, end: int) -> bool:
        """Return whether a border lies within a span."""
        return bool(self._counts) and self._counts[start] != self._counts[end]

    def stands_after(self, end: int) -> bool:
        """Return whether a line ends at a position, apart from the tail of its last word."""
        size = len(self._surface)
        while end < size and self._surface[end] in _TAIL:
            end += 1
        return end == size or ends_sentence(self._surface, end)
