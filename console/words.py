"""The console's texts in two languages, from `words_zh.yaml` and `words_en.yaml`."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from safety import yaml_files

LANGUAGES = ("zh", "en")


class ConsoleTexts:
    """Load the texts of both languages.

    Raises:
        ValueError: the languages differ in their keys.
    """

    def __init__(self) -> None:
        self._words = {language: _load(language) for language in LANGUAGES}
        first, second = (set(words) for words in self._words.values())
        if first != second:
            raise ValueError(f"words_*.yaml: give both languages the keys {sorted(first ^ second)}")

    def __call__(self, language: str, key: str, /, **values: Any) -> str:
        """Return a text in a language, with its `{places}` filled."""
        text = self.of(language)[key]
        return text.format(**values) if values else text

    def of(self, language: str) -> Mapping[str, str]:
        """Return all texts of a language."""
        return self._words.get(language, self._words["zh"])

    def has(self, key: str) -> bool:
        """Return whether a text has this key."""
        return key in self._words["zh"]


@cache
def _load(language: str) -> Mapping[str, str]:
    source = resources.files(__package__).joinpath(f"words_{language}.yaml").read_text("utf-8")
    words = yaml_files.parse(source)
    return MappingProxyType({key: str(text).rstrip("\n") for key, text in words.items()})


def preferred(accept_language: str) -> str:
    """Return the language that a browser prefers, for a visitor without a session."""
    return "zh" if accept_language.strip().lower().startswith("zh") else "en"
