"""The requests that a reviewed text answers: a human, numbers, who this is, who reads it.

The rules are in `requests.yaml`, with examples. A message that only sounds like a request is not
one, because the model answers it better.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from safety import yaml_files
from safety.text.normalise import normalise

# The most characters that are read. A longer message asks at its end.
LONGEST_REQUEST = 200
# A longer sentence tells a story.
LONGEST_SENTENCE = 80
# A message up to this length is read as a whole too.
SHORTEST = 40
_GAP = re.compile(r"~(\d+)")
_NAME = re.compile(r"<(\w+)>")
_SENTENCES = re.compile(r"[^,，;；。!?\n]*[,，;；。!?\n]*")


class ServiceRequest(StrEnum):
    """What a person asks the service itself."""

    HUMAN = "human"
    LINES = "lines"
    IDENTITY = "identity"
    PRIVACY = "privacy"
    STOP_CHECKINS = "stop_checkins"
    # A goodbye is no question. It only explains an empty reply of the model.
    GOODBYE = "goodbye"


@dataclass(frozen=True, slots=True)
class RequestRules:
    """The rules of one kind of request.

    Attributes:
        alternatives: one must fit a sentence, and one fits if all its patterns match.
        vetoes: none of them may match it.
        examples: texts that are of this kind.
        near: texts that are of no kind, or of another one.
    """

    kind: ServiceRequest
    alternatives: tuple[tuple[re.Pattern[str], ...], ...]
    vetoes: tuple[re.Pattern[str], ...]
    examples: tuple[str, ...]
    near: tuple[str, ...]

    def has_match(self, sentence: str) -> bool:
        """Return whether a sentence is of this kind."""
        has_fit = any(
            all(pattern.search(sentence) for pattern in patterns) for patterns in self.alternatives
        )
        return has_fit and not self.has_veto(sentence)

    def has_veto(self, text: str) -> bool:
        """Return whether a veto matches."""
        return any(veto.search(text) for veto in self.vetoes)


def read_request(text: str) -> ServiceRequest | None:
    """Return what a message asks the service, or None.

    Args:
        text: the message as it was written.
    """
    return request_of(normalise(text[-LONGEST_REQUEST:]).surface)


def read_question(text: str) -> ServiceRequest | None:
    """Return what a message asks, which a goodbye does not."""
    request = read_request(text)
    return None if request is ServiceRequest.GOODBYE else request


def is_goodbye(text: str) -> bool:
    """Return whether a message only says goodbye or thanks."""
    return read_request(text) is ServiceRequest.GOODBYE


def request_of(surface: str) -> ServiceRequest | None:
    """Return what a folded message asks the service, or None."""
    read = surface[-LONGEST_REQUEST:].replace("您", "你")
    sentences = [
        sentence.rstrip(" ,;。!\n")
        for sentence in _SENTENCES.findall(read)
        if 0 < len(sentence) <= LONGEST_SENTENCE
    ]
    if len(read) <= SHORTEST:  # what is split by a comma may be one question
        sentences.append(read)
    for rules in request_rules():
        if any(rules.has_match(sentence) for sentence in sentences):
            # A goodbye that goes on with other words is not one.
            is_whole = rules.kind is not ServiceRequest.GOODBYE or not rules.has_veto(read)
            return rules.kind if is_whole else None
    return None


@cache
def request_rules() -> tuple[RequestRules, ...]:
    """Return the rules, in the order in which they count.

    Raises:
        ValueError: requests.yaml lacks a kind or names an unknown word.
    """
    source = resources.files(__package__).joinpath("requests.yaml").read_text("utf-8")
    data = yaml_files.parse(source)
    words: dict[str, str] = {}
    for name, pattern in data["words"].items():
        words[name] = _spelled(pattern, words)
    if set(data["kinds"]) != set(ServiceRequest):
        raise ValueError(f"requests.yaml: give rules to the kinds {', '.join(ServiceRequest)}")
    return tuple(_rules(ServiceRequest(kind), row, words) for kind, row in data["kinds"].items())


def _rules(kind: ServiceRequest, row: Mapping[str, Any], words: Mapping[str, str]) -> RequestRules:
    def compiled(patterns: str | list[str]) -> tuple[re.Pattern[str], ...]:
        listed = [patterns] if isinstance(patterns, str) else patterns
        return tuple(re.compile(_spelled(pattern, words)) for pattern in listed)

    return RequestRules(
        kind,
        tuple(map(compiled, row["patterns"])),
        compiled(row["not"]),
        tuple(row["examples"]),
        tuple(row["near"]),
    )


def _spelled(pattern: str, words: Mapping[str, str]) -> str:
    """Put the alternatives of `<name>` and of `~8` into a pattern."""

    def alternatives(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in words:
            raise ValueError(f"requests.yaml: define the word <{name}> before it is used")
        return words[name] if name == "end" else f"(?:{words[name]})"

    return _GAP.sub(r"[^,;。!?\\n]{0,\1}", _NAME.sub(alternatives, pattern))
