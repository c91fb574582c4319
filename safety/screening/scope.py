"""Whose risk a match speaks of, and whether it is meant: what its surroundings say.

Reads the folded text in short windows, in Chinese and English. Only ever lowers: a negated or
invented risk becomes distress (level 1), somebody else's becomes level 2 under its own category, a
past one level 2. A risk that its writer names as their own in the present is never lowered.
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
    """Windows around places of one folded text."""

    def __init__(self, surface: str) -> None:
        self.surface = surface
        self._is_quoting = not words.QUOTE_MARKS.isdisjoint(surface)
        # Many rules match at the same place, and each asks several times.
        self._before: dict[tuple[int, bool], str] = {}
        self._after: dict[int, str] = {}

    def before(self, start: int, *, clause: bool = False) -> str:
        """Give what stands before a place in its sentence, or its clause."""
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
        """Give what stands after a place in its sentence."""
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
        """Give where the quotation around a span opens, if it stands in one."""
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


def is_negated(found: Candidate, around: Surroundings) -> bool:
    """Whether the risk is denied: 没有自杀的想法, not suicidal."""
    start, end = found.span
    # A pattern that is itself a negation (don't want to live) is not denied by its own words.
    own = words.OWN_NOT.match(around.surface[start:end])
    heads = {start} if own else {start, found.head}
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


def is_held_back(found: Candidate, around: Surroundings) -> bool:
    """Whether a denial is a promise or a struggle: 答应过不自杀, trying not to kill myself."""
    start, end = found.span
    before = around.before(max(start, found.head))
    held = words.HELD_BACK.search(before) or words.HELD_AFTER.search(around.after(end))
    return bool(held) and is_negated(found, around)


def is_third_person(found: Candidate, around: Surroundings) -> bool:
    """Whether somebody else is at risk: 我朋友想自杀, she says she wants to die."""
    start, end = found.span
    opened = around.quoted_from(start, end)
    matched = around.surface[start:end]
    if opened is None and (words.FIRST_EN.search(matched)):
        return False
    if matched.startswith("我"):
        start = found.head  # 我 may belong to 我朋友; what stands between tells
    before = around.before(start if opened is None else opened, clause=opened is None)
    if opened is not None and "我说" in before:
        return False
    last = _last_subject(before)
    if last is not None:
        return bool(last.group("third")) and _is_subject(last, before)
    english = words.THIRD_EN.search(before)
    return english is not None and not words.FIRST_EN.search(english.group())


def is_second_person(found: Candidate, around: Surroundings) -> bool:
    """Whether the one addressed is asked or told: 你会自杀吗, 你想过死吗."""
    start, end = found.span
    if "我" in around.surface[start:end]:
        return False
    before = around.before(max(start, found.head), clause=True)
    last = _last_subject(before)
    return last is not None and bool(last.group("you")) and _is_subject(last, before)


def _last_subject(before: str) -> re.Match[str] | None:
    return next(iter(reversed(list(words.SUBJECT.finditer(before)))), None)


def _is_subject(word: re.Match[str], before: str) -> bool:
    """Whether a person is the one who does it: not 被他, 跟你, and no reason (他走后)."""
    if words.NO_SUBJECT_BEFORE.search(before[: word.start()]):
        return False
    return not words.REASON_AFTER.search(before[word.end() :])


def is_fiction(found: Candidate, around: Surroundings) -> bool:
    """Whether it is told, sung, played or reported rather than felt."""
    start, end = found.span
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


def is_past(found: Candidate, around: Surroundings) -> bool:
    """Whether it is said to be over: 以前想过自杀, 现在好了."""
    start, end = found.span
    before, after = around.before(max(start, found.head)), around.after(end)
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


def lower(found: Candidate, scope: frozenset[str], around: Surroundings) -> Candidate:
    """Lower a match as its surroundings ask, by the first reading that holds.

    Args:
        found: The match at its rule's own level.
        scope: Which readings its rule allows.
        around: The text it stands in.
    """
    for name, holds, most, category in _READERS:
        if name in scope and holds(found, around):
            return replace(
                found,
                level=min(found.level, _most(found, most, category, around)),
                category=category or found.category,
                lowered=True,
            )
    return found


def _most(found: Candidate, most: Level, category: Category | None, around: Surroundings) -> Level:
    """Somebody else in danger now can still be helped by the writer: that stays at level 3."""
    is_now = category is Category.OTHERS and found.level == Level.IMMINENT
    return Level.ACTIVE if is_now and not is_past(found, around) else most
