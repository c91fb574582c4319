"""Combinations that raise a risk: with a time, means or a goodbye nearby."""

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
        span: Its position in the surface.
        head: The start of its last part. The text before that can lower it too.
        lowered: Whether scope lowered it.
    """

    span: Span
    head: int
    rule: str
    level: Level
    category: Category
    lowered: bool = False


# The most characters between a risk and a cue that makes it imminent.
_NEAR = {"time": 12, "means": 40, "goodbye": 60}
_RAISED = frozenset({Category.SUICIDE, Category.SELF_HARM, Category.VIOLENCE})


def raise_imminent(candidates: list[Candidate], cues: Mapping[str, list[Span]]) -> list[Candidate]:
    """Raise the writer's own, unlowered risk from level 3 to 4 near an imminence cue.

    Args:
        candidates: Matches after scope.
        cues: Positions of the cues by name. Only those of `_NEAR` count.
    """
    near = [(_Cue(spans), _NEAR[name]) for name, spans in cues.items() if name in _NEAR]
    if not near:
        return candidates
    return [replace(c, level=Level.IMMINENT) if _is_raised(c, near) else c for c in candidates]


class _Cue:
    """The sorted positions of one cue."""

    def __init__(self, spans: list[Span]) -> None:
        self._starts = [start for start, _ in spans]
        self._reached = list(accumulate((end for _, end in spans), max))

    def stands_near(self, start: int, end: int, most: int) -> bool:
        """Return whether a position of the cue is at most `most` characters from a span."""
        before = bisect_right(self._starts, end + most)
        return before > 0 and self._reached[before - 1] >= start - most


def _is_raised(candidate: Candidate, near: list[tuple[_Cue, int]]) -> bool:
    if candidate.lowered or candidate.level != Level.ACTIVE or candidate.category not in _RAISED:
        return False
    return any(cue.stands_near(*candidate.span, most) for cue, most in near)
