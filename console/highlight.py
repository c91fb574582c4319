"""A turn cut into pieces at the places where rules fired, overlaps included.

Places count code points, as Python's strings do. Knows nothing of HTML: escaping is the
template's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from storage.review.evidence import EvidenceSpan


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a turn.

    Attributes:
        text: its words.
        spans: every span that covers it, the gravest first; empty where nothing fired.
    """

    text: str
    spans: tuple[EvidenceSpan, ...] = ()

    @property
    def level(self) -> int:
        """The gravest level of its spans."""
        return max((span.level for span in self.spans), default=0)


def pieces(text: str, spans: Sequence[EvidenceSpan]) -> list[Piece]:
    """Cut a text at the ends of spans; joined, the pieces are the text."""
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
    found = [span for first, last, span in inside if first <= start and end <= last]
    return tuple(sorted(found, key=lambda span: (-span.level, span.start)))
