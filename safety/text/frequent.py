"""Frequent words, in groups (`frequent_words.yaml`)."""

from functools import cache
from importlib import resources

from safety import yaml_files


@cache
def frequent_words(group: str) -> frozenset[str]:
    """Return the words of a group."""
    source = resources.files(__package__).joinpath("frequent_words.yaml").read_text("utf-8")
    words: dict[str, str] = yaml_files.parse(source)
    return frozenset(words[group].split())
