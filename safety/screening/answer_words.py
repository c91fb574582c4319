"""The words of answers, each with its class of meaning (`direct_questions/words.yaml`)."""

import re
from functools import cache
from importlib import resources
from typing import Any

from safety import yaml_files
from safety.text.normalise import normalise

# The most characters of an answer whose words are read. A longer one has said it before.
_MOST_READ = 120
_MOST_WORDS = 56
_LATIN = re.compile(r"[a-z0-9]+")


def read_data(name: str) -> Any:
    """Return the values of one file of `direct_questions`."""
    file = resources.files(__package__).joinpath("direct_questions", name)
    return yaml_files.parse(file.read_text("utf-8"))


def plain(surface: str) -> str:
    """Return a folded text without apostrophes, as answers are read."""
    return surface.replace("'", "").replace("’", "")


def words(surface: str) -> list[str]:
    """Split a folded text into Latin words and single other characters."""
    return re.findall(r"[a-z0-9]+|[^\sa-z0-9]", plain(surface)[:_MOST_READ])[:_MOST_WORDS]


def meanings(surface: str) -> list[str]:
    """Split a folded text into words, and name the class of each that has one."""
    pattern, classes = _classes()
    found = pattern.findall(plain(surface)[:_MOST_READ])[:_MOST_WORDS]
    return [f"<{classes[word]}>" if word in classes else word for word in found]


def classes_in(surface: str) -> set[str]:
    """Return the names of the classes of a folded text's words."""
    return {meaning[1:-1] for meaning in meanings(surface) if meaning[0] == "<"}


def members(name: str) -> list[str]:
    """Return the words of a class."""
    return [word for word, kind in _classes()[1].items() if kind == name]


@cache
def _classes() -> tuple[re.Pattern[str], dict[str, str]]:
    classes: dict[str, str] = {}
    for name, row in read_data("words.yaml").items():
        for word in row:
            classes.setdefault(plain(normalise(str(word)).surface), str(name))
    by_length = sorted(classes, key=len, reverse=True)
    latin = [word for word in by_length if word.isascii() and word[0].isalnum()]
    other = [word for word in by_length if word not in set(latin)]
    both = (
        "|".join(map(re.escape, other)),
        rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, latin))})(?![a-z0-9])",
    )
    return re.compile(rf"{both[0]}|{both[1]}|{_LATIN.pattern}|[^\sa-z0-9]"), classes
