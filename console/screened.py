"""A text and what a lexicon finds in it, as pages show it: the marked words and the rules.

Knows nothing of where the text comes from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from console.highlight import Piece, pieces
from safety.screening.screener import Match, Screening
from storage.review.evidence import EvidenceSpan


@dataclass(frozen=True, slots=True)
class Found:
    """A rule that matched, at the gravest level that it has in the text.

    Attributes:
        is_lowered: its surroundings (denial, past, somebody else) lowered it everywhere.
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
    """Show a screening."""
    return Screened(
        int(screening.level),
        screening.lexicon,
        marked(text, screening.matches),
        _by_rule(screening.matches),
    )


def marked(text: str, matches: Sequence[Match]) -> tuple[Piece, ...]:
    """A text cut at the places of matches."""
    spans = [EvidenceSpan(m.rule, m.category, int(m.level), m.start, m.end) for m in matches]
    return tuple(pieces(text, spans))


def _by_rule(matches: Sequence[Match]) -> tuple[Found, ...]:
    grouped: dict[str, list[Match]] = {}
    for match in matches:
        grouped.setdefault(match.rule, []).append(match)
    found = [
        Found(
            rule,
            those[0].category,
            max(int(each.level) for each in those),
            all(each.lowered for each in those),
            len(those),
        )
        for rule, those in grouped.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.level, each.rule)))
