"""The search for the literals of a lexicon in all views of a text.

The cost of a search does not grow with the number of literals.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from safety.screening.literals import Automaton, Bounds, Literals
from safety.text.frequent import frequent_words
from safety.text.normalise import SYLLABLE_MARK, Normalised, TextView
from safety.text.pinyin import sound_of
from safety.text.sentences import ends_sentence

# A half-open range of the surface.
Span = tuple[int, int]

_LOOK_BACK = 8  # earlier spans that can still reach into a position; spans are short
_FEWEST_SPELLED = 4
_BEGINNERS = tuple(f"{SYLLABLE_MARK}{sound}{SYLLABLE_MARK}" for sound in ("si", "huo"))
# 想死爸 and 想活得 must not void 想死吧 and 想活的, which are typed in the same letters.
_LIKE_PARTICLES = tuple(
    f"{SYLLABLE_MARK}{sound}{SYLLABLE_MARK}" for sound in ("ba", "ma", "de", "shi")
)
# Typed syllables after which those sounds are another word: si kao (思考), huo dong (活动).
_GOES_ON = {sound: frequent_words(f"after_{sound}") for sound in ("si", "huo")}
_PARTICLES = frozenset("了吧啊呢的地得呀啦嘛吗算掉过着去来就也都又才是不没好会能可我你他她和跟或还")
_SOFT = frozenset(",，、:：")


class Matcher:
    """Finds parts, which are numbered sets of literals.

    Args:
        literals: The literals of the parts. It may have others, which are found too.
        heard: Keys that may be found by their sound alone.
        as_written: Parts that may not be found by sound, because they void matches: 不想活得
            must not void 不想活的, which sounds the same.
        compounds: Two-character words that match across ordinary punctuation.
    """

    def __init__(
        self,
        literals: Literals,
        heard: frozenset[str],
        as_written: frozenset[int],
        compounds: frozenset[str],
    ) -> None:
        self._literals = literals
        self._heard = heard
        self._as_written = as_written
        self._compounds = compounds

    def find(self, text: Normalised) -> dict[int, list[Span]]:
        """Find every part. Its spans in the surface are sorted and without repeats."""
        places: dict[str, set[Span]] = {}
        heard: dict[str, set[Span]] = {}
        for view in text.views:
            for key, span in self._hits(text.smooth, view):
                places.setdefault(key, set()).add(span)
            for key, span in self._heard_in(text.smooth, view):
                heard.setdefault(key, set()).add(span)
        for key in heard.keys() & places.keys():
            heard[key] -= places[key]
        return self._by_part(text.smooth, places, heard)

    def _hits(self, surface: str, view: TextView) -> Iterator[tuple[str, Span]]:
        if not view.pinyin:
            for key, start, end in _every(self._literals.plain, view.text):
                span = _plain(surface, view, start, end, self._compounds)
                if span is not None:
                    yield key, span
            return
        if view.spelled[-1]:
            for key, start, end in _every(self._literals.typed, view.text):
                span = _spelled(view, start, end, key.count(SYLLABLE_MARK) - 1)
                if span is not None and not _goes_on(key, view.text, end):
                    yield key, span

    def _heard_in(self, surface: str, view: TextView) -> Iterator[tuple[str, Span]]:
        """Find text that only sounds like a literal: a disguise, or a different word.

        The sounds of 死 and 活 begin many other words, as in 我想去四川. In those a character
        other than a particle follows, so such hits are dropped.
        """
        if not view.pinyin:
            return
        for key, start, end in _every(self._literals.heard, view.text):
            if key not in self._heard:
                continue
            last = view.ends[end - 2]
            follows = surface[last : last + 1]
            is_whole = not key.endswith(_BEGINNERS) or not sound_of(follows)
            if is_whole or follows in _PARTICLES:
                yield key, (view.starts[start + 1], last)

    def _by_part(
        self, surface: str, places: dict[str, set[Span]], heard: dict[str, set[Span]]
    ) -> dict[int, list[Span]]:
        found: dict[int, list[list[Span]]] = {}
        for written, keyed in ((True, places), (False, heard)):
            for key, spans in keyed.items():
                whole = sorted(spans)
                is_heard = not written or key.endswith(_LIKE_PARTICLES)
                for bounds, parts in self._literals.groups(key):
                    kept = whole
                    if any(bounds):
                        kept = [s for s in whole if _bounded(surface, s, bounds)]
                    if not kept:
                        continue
                    for part in parts:
                        if not is_heard or part not in self._as_written:
                            found.setdefault(part, []).append(kept)
        # Parts share their lists, because sorting each would be slow on 想死想死想死.
        return {p: x[0] if len(x) == 1 else sorted(set().union(*x)) for p, x in found.items()}


def _every(automata: Iterable[Automaton], text: str) -> Iterator[tuple[str, int, int]]:
    for automaton in automata:
        yield from automaton.find(text)


def touches(spans: Sequence[Span], start: int, end: int) -> bool:
    """Return whether any of the sorted spans overlaps a range."""
    at = bisect_left(spans, (end, 0))
    return any(e > start for _, e in spans[max(0, at - _LOOK_BACK) : at])


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalpha()


def _bounded(surface: str, span: Span, bounds: Bounds) -> bool:
    """Return whether a Latin literal is a whole word."""
    start, end = span
    if bounds[0] and start and _is_latin(surface[start - 1]):
        return False
    return not (bounds[1] and end < len(surface) and _is_latin(surface[end]))


def _plain(
    surface: str, view: TextView, start: int, end: int, compounds: frozenset[str]
) -> Span | None:
    """Accept a match unless ordinary punctuation ends a clause inside it.

    Separators between all its characters, or inside a compound, are a way to evade a filter, so
    they are accepted.
    """
    first, last = view.starts[start], view.ends[end - 1]
    if last - first == end - start:
        return first, last
    apart = [i for i in range(start, end - 1) if view.starts[i + 1] > view.ends[i]]
    ended = [i for i in apart if _parts_clauses(surface, view.ends[i], view.starts[i + 1])]
    if all(view.text[i : i + 2] in compounds for i in ended):
        return first, last
    is_spaced = len(apart) == end - start - 1
    if is_spaced and (len(apart) > 1 or not surface[:first][-1:].isalnum()):
        return first, last
    return None


def _parts_clauses(surface: str, start: int, end: int) -> bool:
    return any(_ends_clause(surface, i) for i in range(start, end))


def _ends_clause(surface: str, index: int) -> bool:
    char = surface[index]
    if char in _SOFT:
        # An English comma does not split "i want, to die". A Chinese one ends a clause.
        return not surface[index - 1 : index].isascii()
    return ends_sentence(surface, index)


def _spelled(view: TextView, start: int, end: int, syllables: int) -> Span | None:
    """Accept syllables typed in Latin letters: next to characters or such syllables, or enough."""
    letters = view.spelled[end] - view.spelled[start]
    everything = end - start - 1 - syllables
    is_enough = letters < everything or letters >= _FEWEST_SPELLED or view.only_spelled
    if letters and is_enough:
        return view.starts[start + 1], view.ends[end - 2]
    return None


def _goes_on(key: str, text: str, end: int) -> bool:
    """Return whether the last syllable of a typed match begins another word."""
    last = key[:-1].rpartition(SYLLABLE_MARK)[2]
    return last in _GOES_ON and text[end : text.find(SYLLABLE_MARK, end)] in _GOES_ON[last]


def letters_before(surface: str) -> list[int]:
    """Count the letters and digits before each position, so that separators widen no gap."""
    return list(accumulate((char.isalnum() for char in surface), initial=0))


# The start and end of joined parts, and the start of the last part.
Chained = tuple[int, int, int]


def chain(
    found: Mapping[int, list[Span]],
    parts: tuple[int, ...],
    gaps: tuple[int, ...],
    letters: list[int],
) -> list[Chained]:
    """Join parts that follow one another within their gaps.

    Args:
        found: The spans of each part.
        parts: The parts of one pattern, in order.
        gaps: The most letters and digits between each part and the next.
        letters: The letters and digits before each position (`letters_before`).

    Returns:
        One result for each span of the first part from which the others can be reached.
    """
    lists = [found.get(part) for part in parts]
    if not all(lists):
        return []
    joined = [(start, end, start) for start, end in lists[0] or ()]
    for following, gap in zip(lists[1:], gaps, strict=True):
        spans = following or []
        further: list[Chained] = []
        for start, end, _ in joined:
            at = bisect_left(spans, (end, 0))
            if at < len(spans) and letters[spans[at][0]] - letters[end] <= gap:
                further.append((start, spans[at][1], spans[at][0]))
        joined = further
    return joined
