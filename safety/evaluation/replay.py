"""The replay: each message is screened before and after a change of screening.

It is pure, so it can run in a thread, and the same messages give the same replay.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest

from safety.evaluation.replay_counts import ALARM, LabelKind, ReplayCounts
from safety.screening.levels import Level
from safety.screening.outcome import Match, Screening
from safety.screening.screener import Screener

# How many examples of each kind of move a replay keeps.
MOST_EXAMPLES = 200
# How many matches it keeps of an example, highest level first.
MOST_PLACES = 40


@dataclass(frozen=True, slots=True)
class ReplayedText:
    """A text to screen.

    Attributes:
        source: The source that it is counted under.
        is_risk: The label that people gave, or None without a label.
    """

    text: str
    source: str
    is_risk: bool | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A message whose level changed. It may be a person's own message: show it with care.

    Attributes:
        index: Its position among the messages of its source, from 0.
        rules_before, rules_after: The rules that matched, from level 1 on.
        places_before, places_after: Their matches, highest level first; at most 40.
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
        """Return plain values for JSON, with the text."""
        return {
            "source": self.source,
            "index": self.index,
            "text": self.text,
            "is_risk": self.is_risk,
            "before": int(self.before),
            "after": int(self.after),
            "rules_before": list(self.rules_before),
            "rules_after": list(self.rules_after),
            "places_before": [asdict(match) for match in self.places_before],
            "places_after": [asdict(match) for match in self.places_after],
        }


@dataclass(frozen=True, slots=True)
class Replay:
    """The outcome of a replay.

    Attributes:
        before, after: The versions of both screeners.
        total: The counts of all messages.
        sources: The counts of each source, sorted by name.
        examples: At most 200 moved messages of each kind, taken from the sources in turn. Raised
            and lowered messages are kept only if they alarm both times.
    """

    before: str
    after: str
    total: ReplayCounts
    sources: Mapping[str, ReplayCounts]
    examples: Mapping[LabelKind, tuple[Moved, ...]]

    def to_dict(self) -> dict[str, object]:
        """Return the versions and counts as plain values for JSON, without any message."""
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
    """Screen each message with both screeners and count those that moved.

    Args:
        before: The screener in use.
        after: The screener of the changed lexicon.
        messages: The messages in any order. They are read once, one at a time.
        progress: Called with the number of messages done, after each. An exception that it
            raises ends the replay.
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
        gravest_places(was),
        gravest_places(now),
    )


def gravest_places(screening: Screening, most: int = MOST_PLACES) -> tuple[Match, ...]:
    """Return the gravest matches of a screening, `most` at most."""
    gravest = sorted(screening.matches, key=lambda match: (-match.level, match.start))
    return tuple(gravest[:most])


class _Kept:
    """A bounded number of examples. If it is full, the source with the most gives way."""

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
