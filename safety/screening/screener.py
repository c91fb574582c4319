"""The screener, which turns one text into one `Screening`.

It keeps no state between texts, so one `Screener` serves every chat.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from safety.screening.answer_rules import answered, heard, load_rules, tells_of_harm
from safety.screening.answers import LATER, NAMED_RISK, Answer, Reading, read
from safety.screening.combinations import Candidate, raise_imminent
from safety.screening.context import (
    REMEMBERED,
    Added,
    carried,
    gone_on,
    sent_before,
)
from safety.screening.language_rules import is_foreign_to, risks_in_other_languages
from safety.screening.levels import Category, Level
from safety.screening.lexicon import Entry, Lexicon, load_lexicon
from safety.screening.literals import Alternatives, Literals
from safety.screening.matcher import Chained, Matcher, Span
from safety.screening.outcome import Match, Screening, merge, sum_up
from safety.screening.places import Places
from safety.screening.scope import Surroundings, lower
from safety.screening.second_stage import SecondStage
from safety.text.normalise import Normalised, normalise
from safety.text.readings import other_readings
from safety.text.sentences import Borders

# A longer text is screened in pieces that overlap. Bursts of messages are shorter.
PIECE = 8_192 + 256
OVERLAP = 512
_MOST_REMEMBERED = 400  # characters of an earlier message that are screened again
_MOST_SCOPED = 16  # places of one rule that scope may lower; one more counts as it is

# Without one of these, no rule finds that something was taken beside a named risk.
_TAKEN = re.compile("[吃吞喝服食饮灌咽嗑打]|took|take|swallow|dr[aiu]nk|overdos|down|\\bod|ate|had")

# The spans of the lexicon's cues, by name.
Cues = Mapping[str, list[Span]]


class Screener:
    """Screens texts with one lexicon, and a second stage that can only raise a level.

    Args:
        lexicon: The lexicon to screen with.
        second_stage: The model that may raise level 2.
        known: Literals of a similar lexicon, to share.
        answers: A screener of the answers to the scripts' questions.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        second_stage: SecondStage | None = None,
        known: Literals | None = None,
        answers: "Screener | None" = None,
    ) -> None:
        self._lexicon = lexicon
        self._second_stage = second_stage
        self._answers = answers
        self._asked = {e.id: e.asked for e in lexicon.entries if e.asked}
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
        return cls(load_lexicon(), SecondStage.load(), answers=cls(load_rules()))

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
        self, text: str, history: Sequence[str] = (), *, asked: str | None = None
    ) -> Screening:
        """Screen one text. Accepts any string.

        Args:
            text: The message.
            history: The person's own earlier messages, oldest first, of which the last few
                count. They can raise the level, never lower it.
            asked: The question of the scripts that the message answers, or `LATER`, if any. Its
                answer may raise the level, and the screening carries its kind.
        """
        if len(text) > PIECE:
            return self._in_pieces(text, history, asked)
        plain = normalise(text)
        screening, cues = self._in_every_reading(text, plain)
        added, more, answer = list[Added](), list[Match](), None
        if asked is not None:
            answer, added, more = self._answer(plain, asked)
        elif _names_own_risk(screening) and _TAKEN.search(plain.surface):
            more = self._harm_told(plain, NAMED_RISK)
        if history:
            added += self._from_before(text, screening, plain.surface, cues, history[-REMEMBERED:])
        more = [m for m in more if m.level >= max(screening.level, Level.PASSIVE)]
        more += [
            Match(0, len(text), a.rule, a.level, a.category)
            for a in added
            if a.level > screening.level
        ]
        if more:
            screening = sum_up([*screening.matches, *more], self._version)
        return replace(screening, answer=answer) if answer else screening

    def _in_pieces(self, text: str, history: Sequence[str], asked: str | None) -> Screening:
        """Screen a text that is longer than any message, so that each letter costs the same.

        An answer is read from its beginning, as its leading words decide.
        """
        screenings = []
        for start in range(0, len(text) - OVERLAP, PIECE - OVERLAP):
            found = self.screen(
                text[start : start + PIECE], history, asked=asked if start == 0 else None
            )
            moved = [replace(m, start=m.start + start, end=m.end + start) for m in found.matches]
            screenings.append(replace(found, matches=tuple(moved)))
        merged = merge(screenings)
        return replace(merged, matches=tuple(dict.fromkeys(merged.matches)))

    def _answer(self, plain: Normalised, asked: str) -> tuple[Answer, list[Added], list[Match]]:
        """Read an answer, and return what it adds by its kind and by its words."""
        if asked == LATER:
            return read(plain.surface).answer, [], self._harm_told(plain, asked)
        reading = read(plain.surface, asked)
        matches = heard(self._harm_told(plain, asked), reading.answer, asked)
        if tells_of_harm(matches, asked):
            reading = Reading(Answer.YES)  # the matches have its level
        return reading.answer, answered(plain.surface, reading, asked), matches

    def _harm_told(self, plain: Normalised, asked: str) -> list[Match]:
        """Return what the rules for answers find after a question."""
        if self._answers is None:
            return []
        rules = self._answers._asked
        found = self._answers._alone(plain)[0].matches
        return [match for match in found if asked in rules[match.rule]]

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
    ) -> list[Added]:
        before = [self._alone(normalise(turn[-_MOST_REMEMBERED:]))[0] for turn in history]
        more = carried(surface, cues, screening.level, [_worst(s) for s in before])
        added = [more] if more else []
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


def _names_own_risk(screening: Screening) -> bool:
    """Return whether a text names a risk to the writer's own life, at level 3 or 4."""
    return any(
        m.level >= Level.ACTIVE and m.category is Category.SUICIDE for m in screening.matches
    )


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
