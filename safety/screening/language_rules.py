"""The rules for the plainest sentences of risk in other languages (`other_languages/<code>.yaml`).

Rules are regular expressions over folded words. ` ..3 ` stands for up to three words. A pattern
with marks matches words with marks. A pattern without them matches both.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from safety import yaml_files
from safety.screening.levels import Category, Level
from safety.screening.outcome import OTHER_LANGUAGE, Match
from safety.text.languages import is_partly_ours, other_language
from safety.text.scripts import one_way, scripts_in, without_marks, words_in_line

# The beginning of the names of rules in a text that is partly Chinese or English.
MIXED = "mixed."
_GAP = re.compile(r" \.\.(\d)")
_KINDS = {"suicide": Category.SUICIDE, "self_harm": Category.SELF_HARM}


@dataclass(frozen=True, slots=True)
class OtherLanguage:
    """One language with rules.

    Attributes:
        name: Its English name, for operators.
        risk: Sentences that must match.
        harmless: Sentences that must not.
    """

    code: str
    name: str
    risk: tuple[str, ...]
    harmless: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    language: str
    script: str
    is_joined: bool
    has_marks: bool
    rule: str
    category: Category
    says: re.Pattern[str]
    unless: re.Pattern[str] | None


@cache
def _files() -> dict[str, dict[str, Any]]:
    folder = resources.files(__package__).joinpath("other_languages")
    files = sorted((file for file in folder.iterdir()), key=lambda file: file.name)
    return {
        file.name.removesuffix(".yaml"): yaml_files.parse(file.read_text("utf-8")) for file in files
    }


@cache
def other_languages() -> dict[str, OtherLanguage]:
    """Return the languages that have rules, by code."""
    return {
        code: OtherLanguage(code, data["name"], tuple(data["risk"]), tuple(data["harmless"]))
        for code, data in _files().items()
    }


@cache
def _rules() -> tuple[_Rule, ...]:
    return tuple(rule for code, data in _files().items() for rule in _rules_of(code, data))


def _rules_of(code: str, data: dict[str, Any]) -> Iterator[_Rule]:
    is_joined = bool(data.get("joined"))
    voids = [one_way(pattern) for pattern in data.get("unless", ())]
    unless = _compiled(voids, is_joined=True) if voids else None
    for kind, category in _KINDS.items():
        groups: dict[tuple[str, bool], list[str]] = {}
        for pattern in map(one_way, data.get(kind, ())):
            has_marks = pattern != without_marks(pattern)
            groups.setdefault((_script(pattern), has_marks), []).append(pattern)
        for (script, has_marks), patterns in groups.items():
            yield _Rule(
                code,
                script,
                is_joined,
                has_marks,
                f"{OTHER_LANGUAGE}{code}.{kind}",
                category,
                _compiled(patterns, is_joined=is_joined, script=script),
                unless,
            )


def _script(pattern: str) -> str:
    found = scripts_in(pattern) - {"latin"}
    for script in ("kana", "hangul", "han"):
        if script in found:
            return "kana" if script == "han" else script
    return next(iter(found), "latin")


def _compiled(patterns: Iterable[str], *, is_joined: bool, script: str = "") -> re.Pattern[str]:
    joined = "|".join(patterns)
    joined = _GAP.sub(r"(?: \\S+){0,\1}", joined)
    if is_joined:
        return re.compile(joined)
    # Arabic writes "and" and "so" as one letter of the next word.
    begins = "(?<= )(?:و|ف)?" if script == "arabic" else "(?<= )"
    return re.compile(f"{begins}(?:{joined})")


def risks_in(text: str) -> list[Match]:
    """Return the matches of a text, one for each language and kind.

    Each spans the whole text, because folding keeps no positions.
    """
    marked = words_in_line(text)
    bare = without_marks(marked)
    scripts = scripts_in(bare)
    matches = []
    for rule in _rules():
        if rule.script in scripts:
            line = marked if rule.has_marks else bare
            if _is_said(rule, line.replace(" ", "") if rule.is_joined else line):
                matches.append(Match(0, len(text), rule.rule, Level.ACTIVE, rule.category))
    return matches


def _is_said(rule: _Rule, line: str) -> bool:
    found = list(rule.says.finditer(line))
    if not found or rule.unless is None:
        return bool(found)
    voids = [hit.span() for hit in rule.unless.finditer(line)]
    return any(
        all(end <= hit.start() or start >= hit.end() for start, end in voids) for hit in found
    )


def risks_in_other_languages(text: str) -> list[Match]:
    """Return the matches of a text, that of its own language first.

    In a text that is partly Chinese or English, which works for the answer, they are named `mixed`.
    """
    matches = risks_in(text)
    if not matches:
        return []
    found = other_language(text)
    if found is None and is_partly_ours(text):
        return [replace(m, rule=MIXED + m.rule.removeprefix(OTHER_LANGUAGE)) for m in matches]
    return sorted(matches, key=lambda match: not match.rule.startswith(f"{OTHER_LANGUAGE}{found}."))


def is_foreign_to(text: str, level: Level) -> bool:
    """Return whether the rules for Chinese and English say nothing about a text.

    Japanese writes Chinese words for other things (the talk on 自殺防止), and the name of a risk
    alone is a word in many languages (le suicide). Anything graver counts, because a text of
    look-alike letters is a disguise.
    """
    if level > Level.PASSIVE and "kana" not in scripts_in(text):
        return False
    found = other_language(text)
    return found == "ja" or (found in other_languages() and level == Level.PASSIVE)
