"""What a change of the screening does to messages: each is screened before and after.

Knows two screeners and messages; nothing of changes, of where messages come from, of storage or
of the web. Pure, so it can run in a thread; the same messages give the same replay.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest

from safety.evaluation.replay_counts import ALARM, LabelKind, ReplayCounts
from safety.screening.levels import Level
from safety.screening.screener import Match, Screener, Screening

# How many examples of each kind of move a replay keeps.
MOST_EXAMPLES = 200
# How many places of matches it keeps of an example, the gravest.
MOST_PLACES = 40


@dataclass(frozen=True, slots=True)
class ReplayedText:
    """A text to screen.

    Attributes:
        source: Under what it is counted.
        is_risk: What people said it is; None where nobody did.
    """

    text: str
    source: str
    is_risk: bool | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A message whose level changed. It may be a person's own words: show it with care.

    Attributes:
        index: Its place among the messages of its source, from 0.
        rules_before, rules_after: Which rules matched, at level 1 and up.
        places_before, places_after: Where, the gravest first; at most 40.
    """

    source: str
    index: int
    text: str
    is_risk: bool | None
    before: Level
    after: Level
    rules_before: tuple[str, ...]
    rules_after: tuple[str, ...]
    places_before: tuple[Match, ...]
    places_after: tuple[Match, ...]

    def to_dict(self) -> dict[str, object]:
        """Give plain values for JSON, with the text."""
        return {
            "source": self.source,
            "index": self.index,
            "text": self.text,
            "is_risk": self.is_risk,
            "before": int(self.before),
            "after": int(self.after),
            "rules_before": list(self.rules_before),
            "rules_after": list(self.rules_after),
            "places_before": [asdict(each) for each in self.places_before],
            "places_after": [asdict(each) for each in self.places_after],
        }


@dataclass(frozen=True, slots=True)
class Replay:
    """What a change did.

    Attributes:
        before, after: The versions of both screeners.
        total: The counts of all messages.
        sources: The counts of each source, sorted by name.
        examples: For each kind at most 200, in turn one of each source, each source's own in
            their order. Of those raised and lowered only the ones that alarm both times.
    """

    before: str
    after: str
    total: ReplayCounts
    sources: Mapping[str, ReplayCounts]
    examples: Mapping[LabelKind, tuple[Moved, ...]]

    def to_dict(self) -> dict[str, object]:
        """Give the versions and counts as plain values for JSON; no message is among them."""
        return {
            "before": self.before,
            "after": self.after,
            "total": self.total.to_dict(),
            "sources": {name: counts.to_dict() for name, counts in self.sources.items()},
        }


def replay(
    before: Screener,
    after: Screener,
    messages: Iterable[ReplayedText],
    progress: Callable[[int], None] | None = None,
) -> Replay:
    """Screen messages with both screeners, each message by itself, and count what moved.

    Args:
        before: What screens now.
        after: What would screen.
        messages: In any order; they are read once, one at a time.
        progress: Called with the number of messages done, after each; what it raises ends the
            replay.
    """
    total = ReplayCounts()
    sources: dict[str, ReplayCounts] = {}
    kept = {kind: _Kept() for kind in LabelKind}
    for done, message in enumerate(messages, start=1):
        was, now = before.screen(message.text), after.screen(message.text)
        counts = sources.setdefault(message.source, ReplayCounts())
        total.add(message.is_risk, was.level, now.level)
        kind = counts.add(message.is_risk, was.level, now.level)
        if kind in (LabelKind.GAINED, LabelKind.LOST) or (kind and was.level >= ALARM):
            kept[kind].add(_moved(message, counts.messages - 1, was, now))
        if progress:
            progress(done)
    return Replay(
        before.version,
        after.version,
        total,
        dict(sorted(sources.items())),
        {kind: one.in_turn() for kind, one in kept.items()},
    )


def _moved(message: ReplayedText, index: int, was: Screening, now: Screening) -> Moved:
    return Moved(
        message.source,
        index,
        message.text,
        message.is_risk,
        was.level,
        now.level,
        tuple(dict.fromkeys(m.rule for m in was.matches)),
        tuple(dict.fromkeys(m.rule for m in now.matches)),
        _places(was),
        _places(now),
    )


def _places(screening: Screening) -> tuple[Match, ...]:
    gravest = sorted(screening.matches, key=lambda each: (-each.level, each.start))
    return tuple(gravest[:MOST_PLACES])


class _Kept:
    """A bounded number of examples; where it is full, the source that has most gives way."""

    def __init__(self) -> None:
        self._sources: dict[str, list[Moved]] = {}
        self._number = 0

    def add(self, moved: Moved) -> None:
        self._sources.setdefault(moved.source, []).append(moved)
        self._number += 1
        if self._number > MOST_EXAMPLES:
            fullest = max(sorted(self._sources), key=lambda name: len(self._sources[name]))
            self._sources[fullest].pop()
            self._number -= 1

    def in_turn(self) -> tuple[Moved, ...]:
        rows = zip_longest(*(self._sources[name] for name in sorted(self._sources)))
        return tuple(moved for row in rows for moved in row if moved)
