"""The places of rules in one text: joined parts, without those that are void."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate

from safety.screening.clauses import stands_alone
from safety.screening.matcher import Chained, Span, chain, letters_before, touches
from safety.text.normalise import Normalised
from safety.text.sentences import Borders, ends_sentence


class Places:
    """The places of rules in one text.

    Args:
        plain: The text.
        found: The spans of each part in it.
        borders: Its line ends that do not end a sentence.
    """

    def __init__(self, plain: Normalised, found: Mapping[int, list[Span]], borders: Borders):
        self._plain = plain
        self._found = found
        self._borders = borders
        self._within_lines: dict[int, list[Span]] = {}

    def add_to(
        self,
        known: set[Chained],
        parts: tuple[int, ...],
        gaps: tuple[int, ...],
        *,
        unless: int,
        apart_from: int,
        within: int,
        is_alone: bool,
        most: int,
    ) -> None:
        """Add the places of one pattern to those of its rule, up to a limit.

        Args:
            known: The places of the rule so far, which the call extends.
            parts: The numbers of the pattern's parts.
            gaps: The most letters between them.
            unless: The part whose literals void a match that they overlap, or -1.
            apart_from: The part whose literals void a match that they are near, or -1.
            within: How near, in characters.
            is_alone: Whether a match must fill its clause.
            most: The most places to collect.
        """
        for place in chain(self._found, parts, gaps, self._letters):
            if len(known) >= most:
                return
            start, end, _ = place
            if self._is_void(unless, start, end, 0) or self._is_void(
                apart_from, start, end, within
            ):
                continue
            if len(parts) > 1 and self._ends[start] != self._ends[end]:
                continue
            if is_alone and not stands_alone(self._plain.surface, start, end):
                continue
            known.add(place)

    def _is_void(self, part: int, start: int, end: int, reach: int) -> bool:
        spans: Sequence[Span] = self._found.get(part, ())
        if not touches(spans, start - reach, end + reach):
            return False
        if self._borders.are_within(start, end):
            return True
        return touches(self._of_lines(part), start - reach, end + reach)

    def _of_lines(self, part: int) -> list[Span]:
        """Return the spans that may void a match on a single line.

        想死 with 你知道吗 on the next line is not 想死你, but with only 你了 on that line it is.
        """
        if part not in self._within_lines:
            borders = self._borders
            self._within_lines[part] = [
                span
                for span in self._found[part]
                if not borders.are_within(*span) or borders.stands_after(span[1])
            ]
        return self._within_lines[part]

    @cached_property
    def _letters(self) -> list[int]:
        typed = next((view for view in self._plain.views if view.only_spelled), None)
        if typed is None:
            return letters_before(self._plain.surface)
        starts = frozenset(typed.starts)  # a typed syllable is as long as a character
        return letters_before(
            "".join(
                char if index in starts or not char.isascii() else " "
                for index, char in enumerate(self._plain.surface)
            )
        )

    @cached_property
    def _ends(self) -> list[int]:
        """The number of sentence ends before each position."""
        text = self._plain.smooth
        return list(accumulate((ends_sentence(text, i) for i in range(len(text))), initial=0))
