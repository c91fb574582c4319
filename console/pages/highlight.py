"""Texts cut into pieces at the matches of rules, which may overlap.

Positions count code points, like Python strings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from safety.screening.outcome import Match, Screening
from storage.review.evidence import EvidenceSpan


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a turn.

    Attributes:
        text: the text of this part.
        spans: every span that covers it, highest level first, or empty if no rule matched.
    """

    text: str
    spans: tuple[EvidenceSpan, ...] = ()

    @property
    def level(self) -> int:
        """The highest level of its spans."""
        return max((span.level for span in self.spans), default=0)


def pieces(text: str, spans: Sequence[EvidenceSpan]) -> list[Piece]:
    """Cut a text at the ends of spans. Joined, the pieces give the text again."""
    inside = [
        (max(0, span.start), min(len(text), span.end), span)
        for span in dict.fromkeys(spans)
        if span.start < min(span.end, len(text)) and span.end > 0
    ]
    edges = sorted({0, len(text), *(edge for start, end, _ in inside for edge in (start, end))})
    return [Piece(text[start:end], _covering(inside, start, end)) for start, end in pairwise(edges)]


def _covering(
    inside: Sequence[tuple[int, int, EvidenceSpan]], start: int, end: int
) -> tuple[EvidenceSpan, ...]:
    spans = [span for first, last, span in inside if first <= start and end <= last]
    return tuple(sorted(spans, key=lambda span: (-span.level, span.start)))


@dataclass(frozen=True, slots=True)
class Found:
    """A rule that matched, with its highest level in the text.

    Attributes:
        is_lowered: its context (denial, past, another person) lowered every match.
    """

    rule: str
    category: str
    level: int
    is_lowered: bool
    times: int


@dataclass(frozen=True, slots=True)
class Screened:
    """What one lexicon finds in a text."""

    level: int
    lexicon: str
    pieces: tuple[Piece, ...]
    found: tuple[Found, ...]


def screened(text: str, screening: Screening) -> Screened:
    """Prepare a screening for display."""
    return Screened(
        int(screening.level),
        screening.lexicon,
        marked(text, screening.matches),
        _by_rule(screening.matches),
    )


def marked(text: str, matches: Sequence[Match]) -> tuple[Piece, ...]:
    """Cut a text at its matches."""
    spans = [EvidenceSpan(m.rule, m.category, int(m.level), m.start, m.end) for m in matches]
    return tuple(pieces(text, spans))


def _by_rule(matches: Sequence[Match]) -> tuple[Found, ...]:
    grouped: dict[str, list[Match]] = {}
    for match in matches:
        grouped.setdefault(match.rule, []).append(match)
    rules = [
        Found(
            rule,
            those[0].category,
            max(int(span.level) for span in those),
            all(span.lowered for span in those),
            len(those),
        )
        for rule, those in grouped.items()
    ]
    return tuple(sorted(rules, key=lambda span: (-span.level, span.rule)))
