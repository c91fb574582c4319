"""The texts that people and operators read in Telegram, in two languages.

Each language has `zh.yaml` or `en.yaml`, and files for reviewed crisis texts (`crisis_…`), a human
in the conversation (`human_…`), operators (`operators_…`), console links (`console_…`), check-ins
(`checkins_…`) and questions about the program itself (`requests_…`). A missing key is an error at
start, not at 2 a.m.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Protocol

from safety import yaml_files

LANGUAGES = ("zh", "en")
KINDS = ("crisis", "human", "operators", "console", "checkins", "requests")


class Translate(Protocol):
    """Return the text of a key in one language, with its `{places}` filled."""

    def __call__(self, key: str, /, **values: Any) -> str:
        """Return one text."""


class Texts:
    """Load the texts of both languages.

    Raises:
        ValueError: the languages differ in their keys, or a key is in two files.
    """

    def __init__(self) -> None:
        self._texts = {language: _load(language) for language in LANGUAGES}
        first, *others = (set(texts) for texts in self._texts.values())
        for other in others:
            if first != other:
                raise ValueError(f"bot/texts: give both languages the keys {sorted(first ^ other)}")

    def __call__(self, language: str, key: str, /, **values: Any) -> str:
        """Return a text in a language, with its `{places}` filled."""
        texts = self._texts.get(language, self._texts["zh"])
        return texts[key].format(**values) if values else texts[key]

    def has(self, key: str) -> bool:
        """Return whether a text has this key."""
        return key in self._texts["zh"]

    def keys(self) -> list[str]:
        """List every key."""
        return sorted(self._texts["zh"])


@cache
def _load(language: str) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    for name in (
        language,
        *(f"{kind}_{language}" for kind in KINDS),
    ):
        source = resources.files(__package__).joinpath(f"{name}.yaml").read_text("utf-8")
        loaded: dict[str, str] = yaml_files.parse(source)
        if twice := texts.keys() & loaded.keys():
            raise ValueError(f"{name}.yaml: remove keys that another file has: {sorted(twice)}")
        texts |= {key: text.rstrip("\n") for key, text in loaded.items()}
    return MappingProxyType(texts)


def language_of(code: str | None) -> str:
    """Return the first language of a person from Telegram's `language_code`."""
    return "en" if code and not code.lower().startswith("zh") else "zh"
