"""The screener, which turns one text into one `Screening`.

It keeps no state between texts, so one `Screener` serves every chat.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

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
from safety.screening.language_rules import is_foreign_to, risks_in_other_languages
from safety.screening.levels import Category, Level
from safety.screening.lexicon import Entry, Lexicon, load_lexicon
from safety.screening.literals import Alternatives, Literals
from safety.screening.matcher import Chained, Matcher, Span
from safety.screening.outcome import Match, Screening, sum_up
from safety.screening.places import Places
from safety.screening.scope import Surroundings, lower
from safety.screening.second_stage import SecondStage
from safety.text.normalise import Normalised, normalise
from safety.text.readings import other_readings
from safety.text.sentences import Borders

_MOST_REMEMBERED = 400  # characters of an earlier message that are screened again
_MOST_SCOPED = 16  # places of one rule that scope may lower; one more counts as it is

# The spans of the lexicon's cues, by name.
Cues = Mapping[str, list[Span]]


class Screener:
    """Screens texts with one lexicon, and a second stage that can only raise a level.

    Args:
        lexicon: The lexicon to screen with.
        second_stage: The model that may raise level 2.
        known: Literals of a similar lexicon, to share.
        answers: Screeners of the answers to direct questions.
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
        else:  # share the shipped literals, not those of the change before
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
        """Build a screener of a changed lexicon, which shares this one's literals and model.

        It takes milliseconds if most of the lexicon is the same.
        """
        return Screener(lexicon, self._second_stage, self._literals, self._answers)

    @property
    def lexicon(self) -> Lexicon:
        """The lexicon in use."""
        return self._lexicon

    @property
    def version(self) -> str:
        """The versions of the lexicon and the second stage, which every screening carries."""
        return self._version

    def screen(
        self, text: str, history: Sequence[str] = (), *, asked: DirectQuestion | None = None
    ) -> Screening:
        """Screen one text. Accepts any string.

        Args:
            text: The message.
            history: The person's own earlier messages, oldest first, of which the last few
                count. They can raise the level, never lower it.
            asked: The direct question of the last reviewed text, if any. A bare yes confirms its
                risk, and a longer message is screened as its answer (took some pills). Not for
                questions whose yes is good news (Are you safe now?).
        """
        plain = normalise(text)
        screening, cues = self._in_every_reading(text, plain)
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
        return sum_up([*screening.matches, *more], self._version) if more else screening

    def _in_every_reading(self, text: str, plain: Normalised) -> tuple[Screening, Cues]:
        """Screen a text as it stands, in its other readings and in other languages."""
        screening, cues = self._alone(plain)
        if screening.level >= Level.PASSIVE and is_foreign_to(text, screening.level):
            screening = sum_up([], self._version)
        more = [
            replace(match, start=0, end=len(text))
            for reading in other_readings(text)
            for match in self._alone(normalise(reading))[0].at_least(Level.PASSIVE)
            if match.level > screening.level
        ]
        if screening.level < Level.ACTIVE:
            more += risks_in_other_languages(text)
        return (sum_up([*screening.matches, *more], self._version) if more else screening), cues

    def _from_before(
        self, text: str, screening: Screening, surface: str, cues: Cues, history: Sequence[str]
    ) -> list[Added | None]:
        before = [self._alone(normalise(turn[-_MOST_REMEMBERED:]))[0] for turn in history]
        added = [carried(surface, cues, screening.level, [_worst(s) for s in before])]
        if head := sent_before(history):
            joined = self._alone(normalise(head + gone_on(text)))[0]
            crossing = [m for m in joined.matches if m.start < len(head) < m.end]
            added += [Added(m.level, m.category, "context.joined") for m in crossing]
        return added

    def _alone(self, plain: Normalised) -> tuple[Screening, Cues]:
        found = self._matcher.find(plain)
        borders = Borders(plain.surface, plain.smooth)
        surroundings = Surroundings(plain.surface)  # text on other lines lowers nothing
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
        screening = sum_up(matches, self._version)
        stage = self._second_stage
        if stage and is_open(screening) and stage.raises(plain.surface):
            return _raised(screening)
        return screening


def _parts(lexicon: Lexicon) -> Iterator[Alternatives]:
    """Yield every set of literals of the lexicon."""
    yield from lexicon.cues.values()
    for entry in lexicon.entries:
        yield from filter(None, (entry.unless, entry.apart_from))
        for pattern in entry.patterns:
            yield from pattern.parts


def _worst(screening: Screening) -> tuple[Level, Category]:
    """Return the level of a turn and the category of its gravest match."""
    kinds = [m.category for m in _gravest(screening)]
    return screening.level, kinds[0] if kinds else Category.SUICIDE


def is_open(screening: Screening) -> bool:
    """Return whether the second stage is asked: level 2, the writer's own, nothing lowered."""
    if screening.level != Level.PASSIVE or any(m.lowered for m in screening.matches):
        return False
    return any(m.category is Category.SUICIDE for m in _gravest(screening))


def _gravest(screening: Screening) -> list[Match]:
    return [m for m in screening.matches if m.level == screening.level]


def _raised(screening: Screening) -> Screening:
    """Add the second stage's match, at the place of the match that it raises."""
    asked = next(m for m in _gravest(screening) if m.category is Category.SUICIDE)
    match = replace(asked, rule="second_stage", level=Level.ACTIVE)
    return sum_up([*screening.matches, match], screening.lexicon)


def _without_repeats(candidates: list[Candidate]) -> list[Candidate]:
    """Keep the longest of nested matches of one rule at one level."""
    kept: list[Candidate] = []
    last: dict[tuple[str, Level, Category], Span] = {}
    for item in sorted(candidates, key=lambda c: (c.span[0], -c.span[1])):
        key = (item.rule, item.level, item.category)
        if key in last and item.span[1] <= last[key][1]:
            continue
        last[key] = item.span
        kept.append(item)
    return kept
