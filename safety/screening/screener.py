"""One text in, one `Screening` out: matches, their scope, the combination rules.

Holds no state between texts, so one `Screener` serves every chat.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from safety.screening.answer_rules import load_rules
from safety.screening.combinations import Candidate, raise_imminent
from safety.screening.context import (
    REMEMBERED,
    Added,
    DirectQuestion,
    answered,
    carried,
    gone_on,
    sent_before,
)
from safety.screening.levels import Category, Level
from safety.screening.lexicon import Entry, Lexicon, load_lexicon
from safety.screening.literals import Alternatives, Literals
from safety.screening.matcher import Chained, Matcher, Span
from safety.screening.places import Places
from safety.screening.scope import Surroundings, lower
from safety.screening.second_stage import SecondStage
from safety.text.normalise import Normalised, normalise
from safety.text.sentences import Borders

_MOST_REMEMBERED = 400  # characters of an earlier message that are read again
_MOST_SCOPED = 16  # places of one rule that are read in their surroundings; one more stands

# Where the cues of the lexicon stand, by name.
Cues = Mapping[str, list[Span]]


@dataclass(frozen=True, slots=True)
class Match:
    """One rule at one place; `start` and `end` are code points of the original text.

    Attributes:
        lowered: Whether its surroundings (denial, past, somebody else) lowered it.
    """

    start: int
    end: int
    rule: str
    level: Level
    category: Category
    lowered: bool = False


@dataclass(frozen=True, slots=True)
class Screening:
    """What was found in one text.

    Attributes:
        categories: Of the matches at level 2 and up, in the order of `Category`.
        matches: All of them, lowered ones at the level they were lowered to.
        lexicon: The version that was used.
    """

    level: Level
    categories: tuple[Category, ...]
    matches: tuple[Match, ...]
    lexicon: str

    def at_least(self, level: Level) -> list[Match]:
        """Give the matches that stand at a level or above it."""
        return [m for m in self.matches if m.level >= level]

    def to_dict(self) -> dict[str, object]:
        """Give plain values for JSON; no text of the message is among them."""
        return {
            "level": int(self.level),
            "categories": [c.value for c in self.categories],
            "matches": [
                {
                    "start": m.start,
                    "end": m.end,
                    "rule": m.rule,
                    "level": int(m.level),
                    "category": m.category.value,
                }
                for m in self.matches
            ],
            "lexicon": self.lexicon,
        }


class Screener:
    """Screens texts with one lexicon, and a second stage that can only raise a level.

    Args:
        lexicon: The one to screen with.
        second_stage: The model that is asked about what stands at level 2.
        known: Literals of a lexicon much like this one, to share.
        answers: Screeners of what answers a question that was asked directly.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        second_stage: SecondStage | None = None,
        known: Literals | None = None,
        answers: Mapping[DirectQuestion, "Screener"] | None = None,
    ) -> None:
        self._lexicon = lexicon
        self._second_stage = second_stage
        self._answers = answers or {}
        stage = f"+{second_stage.version}" if second_stage else ""
        self._version = lexicon.version + stage
        parts = list(_parts(lexicon))
        if known is None or known.by_sound != lexicon.by_sound:
            literals = self._literals = Literals(parts, lexicon.by_sound)
        else:  # a change of a change grows from what shipped, not from the change before
            literals, self._literals = known.plus(parts), known
        number = literals.number
        self._cues = {name: number(part) for name, part in lexicon.cues.items()}
        self._unless = {e.id: number(e.unless) for e in lexicon.entries if e.unless}
        self._apart = {e.id: number(e.apart_from) for e in lexicon.entries if e.apart_from}
        self._by_first: dict[int, list[tuple[Entry, tuple[int, ...], tuple[int, ...]]]] = {}
        for entry in lexicon.entries:
            for pattern in entry.patterns:
                ids = tuple(map(number, pattern.parts))
                self._by_first.setdefault(ids[0], []).append((entry, ids, pattern.gaps))
        voids = frozenset([*self._unless.values(), *self._apart.values()])
        self._matcher = Matcher(literals, literals.heard_in(parts), voids, lexicon.compounds)

    @classmethod
    def load(cls) -> "Screener":
        """Build a screener with the lexicons and the model that ship with the package."""
        answers = {asked: cls(rules) for asked, rules in load_rules().items()}
        return cls(load_lexicon(), SecondStage.load(), answers=answers)

    def with_lexicon(self, lexicon: Lexicon) -> "Screener":
        """Build a screener of a changed lexicon, with the second stage and literals of this one.

        It takes milliseconds where most of the lexicon is the same.
        """
        return Screener(lexicon, self._second_stage, self._literals, self._answers)

    @property
    def lexicon(self) -> Lexicon:
        """The lexicon in use."""
        return self._lexicon

    @property
    def version(self) -> str:
        """What every screening bears: the lexicon's version, and the second stage's."""
        return self._version

    def screen(
        self, text: str, history: Sequence[str] = (), *, asked: DirectQuestion | None = None
    ) -> Screening:
        """Screen one text; never fails on any string.

        Args:
            text: The message.
            history: The same person's own earlier messages, oldest first, without the
                companion's; the last few are read. They can raise the level, never lower it.
            asked: What the companion's last words asked the person directly, so that a bare
                yes names it (Are you thinking of killing yourself?), and so that more than a
                yes is read as its answer (took some pills). Not for a question whose yes is
                good news (Are you safe now?).
        """
        plain = normalise(text)
        screening, cues = self._alone(plain)
        added = [answered(plain.surface, asked)] if asked else []
        if history:
            added += self._from_before(text, screening, plain.surface, cues, history[-REMEMBERED:])
        more = [
            Match(0, len(text), a.rule, a.level, a.category)
            for a in added
            if a is not None and a.level > screening.level
        ]
        if asked is not None and asked in self._answers:
            heard, _ = self._answers[asked]._alone(plain)
            more += heard.at_least(max(screening.level, Level.PASSIVE))
        return _summed([*screening.matches, *more], self._version) if more else screening

    def _from_before(
        self, text: str, screening: Screening, surface: str, cues: Cues, history: Sequence[str]
    ) -> list[Added | None]:
        before = [self._alone(normalise(turn[-_MOST_REMEMBERED:]))[0] for turn in history]
        found = [carried(surface, cues, screening.level, [_worst(s) for s in before])]
        if head := sent_before(history):
            joined = self._alone(normalise(head + gone_on(text)))[0]
            crossing = [m for m in joined.matches if m.start < len(head) < m.end]
            found += [Added(m.level, m.category, "context.joined") for m in crossing]
        return found

    def _alone(self, plain: Normalised) -> tuple[Screening, Cues]:
        found = self._matcher.find(plain)
        borders = Borders(plain.surface, plain.smooth)
        surroundings = Surroundings(plain.surface)  # what stands on other lines lowers nothing
        candidates: list[Candidate] = []
        for entry, spans in self._places(plain, found, borders).items():
            for index, (start, end, head) in enumerate(sorted(spans)):
                candidate = Candidate((start, end), head, entry.id, entry.level, entry.category)
                if index < _MOST_SCOPED:
                    candidate = lower(candidate, entry.scope, surroundings)
                candidates.append(candidate)
        cues = {name: found[part] for name, part in self._cues.items() if part in found}
        candidates = raise_imminent(candidates, cues)
        return self._screening(plain, candidates), cues

    def _places(
        self, plain: Normalised, found: dict[int, list[Span]], borders: Borders
    ) -> dict[Entry, set[Chained]]:
        found_at = Places(plain, found, borders)
        places: dict[Entry, set[Chained]] = {}
        for part in found:
            for entry, parts, gaps in self._by_first.get(part, ()):
                if entry.needs and not any(self._cues[cue] in found for cue in entry.needs):
                    continue
                found_at.add_to(
                    places.setdefault(entry, set()),
                    parts,
                    gaps,
                    unless=self._unless.get(entry.id, -1),
                    apart_from=self._apart.get(entry.id, -1),
                    within=entry.within,
                    is_alone=entry.alone,
                    most=_MOST_SCOPED + 1,
                )
        return places

    def _screening(self, plain: Normalised, candidates: list[Candidate]) -> Screening:
        matches = [
            Match(*plain.original(*c.span), c.rule, c.level, c.category, c.lowered)
            for c in _without_repeats(candidates)
        ]
        matches.sort(key=lambda m: (m.start, m.end, m.rule))
        screening = _summed(matches, self._version)
        stage = self._second_stage
        if stage and is_open(screening) and stage.raises(plain.surface):
            return _raised(screening)
        return screening


def _parts(lexicon: Lexicon) -> Iterator[Alternatives]:
    """Every set of literals that the lexicon looks for."""
    yield from lexicon.cues.values()
    for entry in lexicon.entries:
        yield from filter(None, (entry.unless, entry.apart_from))
        for pattern in entry.patterns:
            yield from pattern.parts


def _worst(screening: Screening) -> tuple[Level, Category]:
    """Give the level of a turn and the kind of its gravest match."""
    kinds = [m.category for m in _gravest(screening)]
    return screening.level, kinds[0] if kinds else Category.SUICIDE


def is_open(screening: Screening) -> bool:
    """Whether a second stage is asked: level 2, the writer's own, and lowered by nothing."""
    if screening.level != Level.PASSIVE or any(m.lowered for m in screening.matches):
        return False
    return any(m.category is Category.SUICIDE for m in _gravest(screening))


def _gravest(screening: Screening) -> list[Match]:
    return [m for m in screening.matches if m.level == screening.level]


def _raised(screening: Screening) -> Screening:
    """Add what the second stage says, at the place of what it was asked about."""
    asked = next(m for m in _gravest(screening) if m.category is Category.SUICIDE)
    found = replace(asked, rule="second_stage", level=Level.ACTIVE)
    return _summed([*screening.matches, found], screening.lexicon)


def _without_repeats(candidates: list[Candidate]) -> list[Candidate]:
    """Of matches of one rule at one level that lie in one another, keep the longest."""
    kept: list[Candidate] = []
    last: dict[tuple[str, Level, Category], Span] = {}
    for item in sorted(candidates, key=lambda c: (c.span[0], -c.span[1])):
        key = (item.rule, item.level, item.category)
        if key in last and item.span[1] <= last[key][1]:
            continue
        last[key] = item.span
        kept.append(item)
    return kept


def _summed(matches: list[Match], version: str) -> Screening:
    level = max((m.level for m in matches), default=Level.NONE)
    named = {m.category for m in matches if m.level >= Level.PASSIVE}
    categories = tuple(c for c in Category if c in named)
    return Screening(level, categories, tuple(matches), version)


def merge(screenings: Iterable[Screening]) -> Screening:
    """Sum up the messages of a burst, each screened by itself.

    Args:
        screenings: In the order of the messages.

    Returns:
        The highest level and all categories. Each match keeps the place it has in its own
        message, so a merged screening says what was found, not where.
    """
    items = list(screenings)
    matches = [m for item in items for m in item.matches]
    summed = _summed(matches, items[0].lexicon if items else "")
    level = max((item.level for item in items), default=Level.NONE)
    return Screening(level, summed.categories, summed.matches, summed.lexicon)
