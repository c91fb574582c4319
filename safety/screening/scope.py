"""Scope: the surroundings of a match, which may lower its level.

Scope reads short windows of the folded text, in Chinese and English. A negated or invented risk
becomes level 1, another person's level 2 under its own category, and a past one level 2. A risk
that the writer names as their own in the present is never lowered.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from safety.screening import scope_patterns as words
from safety.screening.combinations import Candidate
from safety.screening.levels import Category, Level
from safety.text.sentences import ends_sentence

_BEFORE, _AFTER = 48, 40


class Surroundings:
    """The windows around positions of one folded text."""

    def __init__(self, surface: str) -> None:
        self.surface = surface
        self._is_quoting = not words.QUOTE_MARKS.isdisjoint(surface)
        # Cached, because many rules match at the same position and each asks several times.
        self._before: dict[tuple[int, bool], str] = {}
        self._after: dict[int, str] = {}

    def before(self, start: int, *, clause: bool = False) -> str:
        """Return the text before a position in its sentence, or its clause."""
        key = start, clause
        if key not in self._before:
            self._before[key] = self._find_before(start, clause=clause)
        return self._before[key]

    def _find_before(self, start: int, *, clause: bool) -> str:
        low = max(0, start - _BEFORE)
        for index in range(start - 1, low - 1, -1):
            if ends_sentence(self.surface, index) or (clause and self.surface[index] in ",，、"):
                low = index + 1
                break
        return self.surface[low:start]

    def after(self, end: int) -> str:
        """Return the text after a position in its sentence."""
        if end not in self._after:
            self._after[end] = self._find_after(end)
        return self._after[end]

    def _find_after(self, end: int) -> str:
        high = min(len(self.surface), end + _AFTER)
        for index in range(end, high):
            if ends_sentence(self.surface, index):
                return self.surface[end:index]
        return self.surface[end:high]

    def quoted_from(self, start: int, end: int) -> int | None:
        """Return the start of the quotation around a span, or None."""
        if not self._is_quoting:
            return None
        for index in range(start - 1, max(-1, start - _BEFORE), -1):
            close = words.QUOTES.get(self.surface[index])
            if close is not None:
                return index if close in self.surface[end : end + _AFTER] else None
            if self.surface[index] in words.QUOTES.values():
                return None
        return None


Reader = Callable[[Candidate, Surroundings], bool]


def is_negated(candidate: Candidate, around: Surroundings) -> bool:
    """Return whether the risk is denied: 没有自杀的想法, not suicidal."""
    start, end = candidate.span
    # A pattern that is itself a negation (don't want to live) does not deny itself.
    own = words.OWN_NOT.match(around.surface[start:end])
    heads = {start} if own else {start, candidate.head}
    return any(_is_negated_at(head, end, around) for head in heads)


def _is_negated_at(start: int, end: int, around: Surroundings) -> bool:
    clause = around.before(start, clause=True)
    zh = clause.replace(" ", "")[-16:]
    denied = words.NOT_ZH.search(zh)
    if denied and not words.NOT_ZH_EXCEPT.search(zh[max(0, denied.start() - 2) :]):
        return True
    if words.GONE_ZH.search(around.after(end)[:16].replace(" ", "")):
        return True
    return bool(words.NOT_EN.search(clause)) and not words.NOT_EN_EXCEPT.search(clause)


def is_held_back(candidate: Candidate, around: Surroundings) -> bool:
    """Return whether a denial is a promise or a struggle: 答应过不自杀."""
    start, end = candidate.span
    before = around.before(max(start, candidate.head))
    held = words.HELD_BACK.search(before) or words.HELD_AFTER.search(around.after(end))
    return bool(held) and is_negated(candidate, around)


def is_third_person(candidate: Candidate, around: Surroundings) -> bool:
    """Return whether another person is at risk: 我朋友想自杀, she says she wants to die."""
    start, end = candidate.span
    opened = around.quoted_from(start, end)
    matched = around.surface[start:end]
    if opened is None and (words.FIRST_EN.search(matched)):
        return False
    if matched.startswith("我"):
        start = candidate.head  # 我 may belong to 我朋友; the text up to the head tells
    before = around.before(start if opened is None else opened, clause=opened is None)
    if opened is not None and "我说" in before:
        return False
    last = _last_subject(before)
    if last is not None:
        return bool(last.group("third")) and _is_subject(last, before)
    english = words.THIRD_EN.search(before)
    return english is not None and not words.FIRST_EN.search(english.group())


def is_second_person(candidate: Candidate, around: Surroundings) -> bool:
    """Return whether the risk is the addressee's, asked or told: 你会自杀吗, 你想过死吗."""
    start, end = candidate.span
    if "我" in around.surface[start:end]:
        return False
    before = around.before(max(start, candidate.head), clause=True)
    last = _last_subject(before)
    return last is not None and bool(last.group("you")) and _is_subject(last, before)


def _last_subject(before: str) -> re.Match[str] | None:
    return next(iter(reversed(list(words.SUBJECT.finditer(before)))), None)


def _is_subject(word: re.Match[str], before: str) -> bool:
    """Return whether a person is the subject: not 被他 or 跟你, nor a reason (他走后)."""
    if words.NO_SUBJECT_BEFORE.search(before[: word.start()]):
        return False
    return not words.REASON_AFTER.search(before[word.end() :])


def is_fiction(candidate: Candidate, around: Surroundings) -> bool:
    """Return whether the risk is told, sung, played or reported, not felt."""
    start, end = candidate.span
    before, after = around.before(start), around.after(end)
    opened = around.quoted_from(start, end)
    if opened is not None:
        led = around.before(opened)
        told = words.FICTION_BEFORE_ZH.search(led) or words.FICTION_BEFORE_EN.search(led)
        if told or words.FICTION_AFTER_ZH.search(after) or words.FICTION_AFTER_EN.search(after):
            return True
    if words.CITED_ZH.search(before):
        return True
    matched = around.surface[start:end]
    clause = around.before(start, clause=True)
    if "我" in clause + matched or words.FIRST_EN.search(clause + matched):
        return False
    if words.FICTION_BEFORE_ZH.search(before) or words.FICTION_AFTER_ZH.search(after):
        return "我" not in before
    told = words.FICTION_BEFORE_EN.search(before) or words.FICTION_AFTER_EN.search(after)
    return bool(told) and not words.FIRST_EN.search(before)


def is_past(candidate: Candidate, around: Surroundings) -> bool:
    """Return whether the risk is over: 以前想过自杀, 现在好了."""
    start, end = candidate.span
    before, after = around.before(max(start, candidate.head)), around.after(end)
    near = before[-16:] + around.surface[start:end]
    if words.PAST_ZH.search(before) and not words.PRESENT_ZH.search(near):
        return not words.AGAIN_ZH.search(after)
    if words.RECOVERED_ZH.search(around.surface[end : end + _AFTER]):
        return True
    if words.RECOVERED_EN.search(after):
        return True
    if words.PAST_EN.search(before) or words.PAST_AFTER_EN.search(after):
        return not words.PRESENT_EN.search(before + after)
    return False


_READERS: tuple[tuple[str, Reader, Level, Category | None], ...] = (
    ("fiction", is_fiction, Level.DISTRESS, None),
    ("negation", is_held_back, Level.PASSIVE, None),
    ("negation", is_negated, Level.DISTRESS, None),
    ("third_person", is_third_person, Level.PASSIVE, Category.OTHERS),
    ("third_person", is_second_person, Level.PASSIVE, None),
    ("past", is_past, Level.PASSIVE, None),
)


def lower(candidate: Candidate, scope: frozenset[str], around: Surroundings) -> Candidate:
    """Lower a match by the first reading of its surroundings that applies.

    Args:
        candidate: The match at its rule's own level.
        scope: The readings that its rule allows.
        around: The text around it.
    """
    for name, holds, most, category in _READERS:
        if name in scope and holds(candidate, around):
            return replace(
                candidate,
                level=min(candidate.level, _most(candidate, most, category, around)),
                category=category or candidate.category,
                lowered=True,
            )
    return candidate


def _most(
    candidate: Candidate, most: Level, category: Category | None, around: Surroundings
) -> Level:
    """Return the highest level. Another person in danger now stays at 3: the writer can help."""
    is_now = category is Category.OTHERS and candidate.level == Level.IMMINENT
    return Level.ACTIVE if is_now and not is_past(candidate, around) else most
