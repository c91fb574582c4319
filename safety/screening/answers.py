"""The kinds of answers to a reviewed question, and what an answer tells in passing.

Rules read bare answers and denials first (`direct_questions/answers.yaml`). The model of answers
reads the others. `response/script.py` chooses what follows, `answer_rules.py` what it raises.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from safety.screening.answer_model import AnswerModel
from safety.screening.answer_words import classes_in, members, plain, read_data
from safety.screening.levels import Category, Level
from safety.text.normalise import normalise

# The value of `asked` in a rule for texts after no question.
_NO_QUESTION = "none"
# The question after the last one of a script: nothing was asked, but the conversation is held.
LATER = "later"
# No question at all, but a risk to the writer's own life in the same message.
NAMED_RISK = "named_risk"
_END = r"[\s,，。.!！?？~…、]*"
_LATIN_END = "(?![a-z0-9])"
_ONLY_MARKS = re.compile(r"[\s.。…,，·、?？!！~—–*_-]{1,24}")
# The most characters of a text that may tell something in passing.
_MOST_TOLD = 160
# What may stand between two parts of a pattern of `told.yaml`.
_BETWEEN = r"[里上\s]{0,2}"
# The probability from which the model's reading is sure.
_SURE = 0.75


class Answer(StrEnum):
    """The kinds of answers."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"
    # Dots or a single sound: the person is there but does not speak.
    QUIET = "quiet"
    # "I am all right now", or "it was only a joke".
    FINE = "fine"
    ANGRY = "angry"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer as it was read, and whether that is sure."""

    answer: Answer
    is_sure: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """One question as its answers are read (see `direct_questions/questions.yaml`)."""

    name: str
    subject: str
    category: Category
    raises: Mapping[Answer, Level] = field(default_factory=dict)
    sure_yes: Level = Level.NONE
    held: Level = Level.NONE
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """A rule that decides what an answer is."""

    answer: Answer
    asked: frozenset[str]
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    longest: int
    match: tuple[str, ...]
    no_match: tuple[str, ...]

    def reads(self, said: str, question: str | None) -> bool:
        """Return whether the rule decides about a folded answer."""
        if self.asked and (question or _NO_QUESTION) not in self.asked:
            return False
        if len(said) > self.longest or not self.pattern.search(said):
            return False
        return self.unless is None or not self.unless.search(said)


@dataclass(frozen=True, slots=True)
class TellingRule:
    """A rule that hears the answer to a question which was not the one asked."""

    tells: Mapping[str, Answer]
    pattern: re.Pattern[str]
    match: tuple[str, ...]
    no_match: tuple[str, ...]


@cache
def all_questions() -> Mapping[str, Question]:
    """Return the questions of the reviewed scripts by name."""
    rows = read_data("questions.yaml")["questions"]
    return {
        name: Question(
            name,
            row["subject"],
            Category(row["category"]),
            {Answer(kind): Level(level) for kind, level in row.get("raises", {}).items()},
            Level(row.get("sure_yes", 0)),
            Level(row.get("held", 0)),
            frozenset(row.get("names", ())),
        )
        for name, row in rows.items()
    }


def read(surface: str, question: str | None = None) -> Reading:
    """Classify a message as an answer.

    Args:
        surface: the folded message (`normalise(text).surface`).
        question: the question, or None to read only bare answers and moods.

    Returns:
        The reading. OTHER for an empty text, and if reading fails.
    """
    try:
        return _read(surface, question)
    except Exception:  # an answer that cannot be read never silences the script
        return Reading(Answer.OTHER)


def _read(surface: str, question: str | None) -> Reading:
    if _ONLY_MARKS.fullmatch(surface):
        return Reading(Answer.QUIET, is_sure=True)
    said = plain(surface)
    for rule in answer_rules():
        if rule.reads(said, question):
            return Reading(rule.answer, is_sure=True)
    if question is None or not said.strip():
        return Reading(Answer.OTHER)
    asked = all_questions()[question]
    shares = _model().shares(surface, question, asked.subject)
    kind = max(shares, key=shares.__getitem__)
    if kind == Answer.YES and asked.names and asked.names.isdisjoint(classes_in(surface)):
        return Reading(Answer.OTHER)
    return Reading(Answer(kind), is_sure=shares[kind] >= _SURE)


def told(surface: str) -> dict[str, Answer]:
    """Return the answers that a message gives in passing, by question."""
    said = plain(surface)[:_MOST_TOLD]
    answers: dict[str, Answer] = {}
    for rule in telling_rules():
        if rule.pattern.search(said):
            for question, answer in rule.tells.items():
                answers.setdefault(question, answer)
    return answers


def is_joke(surface: str) -> bool:
    """Return whether a message says that something was a joke, or not meant so."""
    return bool(re.search(_part("<joke>"), plain(surface)))


def raised_by(surface: str, reading: Reading, question: Question) -> Level:
    """Return the level of an answer by its kind alone."""
    level = question.raises.get(reading.answer, Level.NONE)
    if reading.answer is Answer.YES:
        if reading.is_sure:
            level = max(level, question.sure_yes)
        if question.held and _held().search(plain(surface)):
            level = max(level, question.held)
    return level


@cache
def answer_rules() -> tuple[AnswerRule, ...]:
    """Return the rules of `answers.yaml`, the first to decide first."""
    data = read_data("answers.yaml")
    return tuple(_answer_rule(row, data["particles"]) for row in data["rules"])


def _answer_rule(row: Mapping[str, object], particles: str) -> AnswerRule:
    if "whole" in row:
        part = rf"(?:{_either(_texts(row['whole']), bounded=False)})[{particles}]*{_END}"
        pattern = rf"^{_END}(?:{part}){{1,3}}$"
    elif "words" in row:
        pattern = _in_order(_texts(row["words"])).pattern
    else:
        pattern = _either(_texts(row["anywhere"]))
    return AnswerRule(
        Answer(str(row["answer"])),
        frozenset(_texts(row.get("asked", ()))),
        re.compile(pattern),
        _in_order(_texts(row["unless"])) if "unless" in row else None,
        int(str(row["longest"])),
        tuple(_texts(row["match"])),
        tuple(_texts(row["no_match"])),
    )


@cache
def telling_rules() -> tuple[TellingRule, ...]:
    """Return the rules of `told.yaml`."""
    return tuple(
        TellingRule(
            {name: Answer(kind) for name, kind in row["tells"].items()},
            _in_order(row["words"]),
            tuple(row["match"]),
            tuple(row["no_match"]),
        )
        for row in read_data("told.yaml")["rules"]
    )


def _in_order(patterns: Sequence[str]) -> re.Pattern[str]:
    """Compile patterns, those with the same first part together, so that it is searched once."""
    tails: dict[str, list[str]] = {}
    for pattern in patterns:
        first, *others = pattern.split(" ") if "<" in pattern or "{" in pattern else [pattern]
        tails.setdefault(first, []).append("".join(_BETWEEN + _part(part) for part in others))
    groups = (f"{_part(first)}(?:{'|'.join(rest)})" for first, rest in tails.items())
    return re.compile("|".join(groups))


def _part(part: str) -> str:
    """Write a class of words, some words ({no|not_any}), or one word as a pattern."""
    inner = part[1:-1].split("|")
    if part.startswith("<"):
        return f"(?:{_either([word for name in inner for word in members(name)])})"
    if not part.startswith("{"):
        return f"(?:{_either([part])})"
    words = [word.replace("_", " ") for word in inner if word]
    return f"(?:{_either(words)})" + "?" * ("" in inner)


def _either(texts: Sequence[str], *, bounded: bool = True) -> str:
    folded = sorted({plain(normalise(text).surface) for text in texts}, key=len, reverse=True)
    return "|".join(_literal(text, bounded=bounded) for text in folded)


def _literal(text: str, *, bounded: bool) -> str:
    starts, ends = text[:1], text[-1:]
    left = r"(?<![a-z0-9])" if bounded and starts.isascii() and starts.isalnum() else ""
    right = _LATIN_END if ends.isascii() and ends.isalnum() else ""
    return f"{left}{re.escape(text)}{right}"


def _texts(values: object) -> list[str]:
    return [str(value) for value in values] if isinstance(values, list | tuple) else []


@cache
def _held() -> re.Pattern[str]:
    return re.compile(_either(members("held")))


@cache
def _model() -> AnswerModel:
    return AnswerModel.load()
