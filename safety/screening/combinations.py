"""Combinations that weigh more than their parts: a risk with a time, means or a goodbye.

Knows matches and cues by name and place; reads no text.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

from safety.screening.levels import Category, Level
from safety.screening.matcher import Span


@dataclass(frozen=True, slots=True)
class Candidate:
    """A match before it becomes part of a screening.

    Attributes:
        span: Its place in the surface.
        head: Where the last of its parts starts; what stands before that can lower it too.
        lowered: Whether its surroundings lowered it.
    """

    span: Span
    head: int
    rule: str
    level: Level
    category: Category
    lowered: bool = False


# How many characters may stand between a risk and the cue that makes it imminent.
_NEAR = {"time": 12, "means": 40, "goodbye": 60}
_RAISED = frozenset({Category.SUICIDE, Category.SELF_HARM, Category.VIOLENCE})


def raise_imminent(candidates: list[Candidate], cues: Mapping[str, list[Span]]) -> list[Candidate]:
    """Raise the writer's own, unlowered risk of level 3 to 4 beside an imminence cue.

    Args:
        candidates: Matches after scope.
        cues: Places of the cues by name; only those named in this module count.
    """
    near = [(_Cue(spans), _NEAR[name]) for name, spans in cues.items() if name in _NEAR]
    if not near:
        return candidates
    return [replace(c, level=Level.IMMINENT) if _is_raised(c, near) else c for c in candidates]


class _Cue:
    """The sorted places of one cue."""

    def __init__(self, spans: list[Span]) -> None:
        self._starts = [start for start, _ in spans]
        self._reached = list(accumulate((end for _, end in spans), max))

    def stands_near(self, start: int, end: int, most: int) -> bool:
        """Whether at most so many characters stand between one of them and a span."""
        before = bisect_right(self._starts, end + most)
        return before > 0 and self._reached[before - 1] >= start - most


def _is_raised(candidate: Candidate, near: list[tuple[_Cue, int]]) -> bool:
    if candidate.lowered or candidate.level != Level.ACTIVE or candidate.category not in _RAISED:
        return False
    return any(cue.stands_near(*candidate.span, most) for cue, most in near)
