"""Plain words for the acts of the audit trail and the rules of the lexicon, from `names.yaml`."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from console.words import LANGUAGES
from safety import yaml_files

# Details that hold an operator's id, or a list of them.
_OPERATORS = frozenset({"operator", "operators", "to", "giver"})


class PlainNames:
    """Name acts, their details and rules in one language."""

    def __init__(self, language: str) -> None:
        self._column = LANGUAGES.index(language) if language in LANGUAGES else 0

    def act(self, act: str) -> str:
        """Name an act of the audit trail."""
        return self._named("acts", act) or act

    def acts(self) -> list[tuple[str, str]]:
        """List all acts with their names, sorted by name."""
        return sorted(((act, self.act(act)) for act in _tables()["acts"]), key=lambda pair: pair[1])

    def detail(
        self, detail: Mapping[str, Any], who: Callable[[int], str]
    ) -> Iterator[tuple[str, str]]:
        """Yield what an act notes: each value with its name.

        Args:
            detail: the values.
            who: names an operator by id.
        """
        for name, value in detail.items():
            values = value if isinstance(value, list) else [value]
            said = who if name in _OPERATORS else self._value
            shown = ", ".join(said(each) if each is not None else "–" for each in values)
            yield self._named("details", name) or name, shown or "–"

    def rule(self, rule: str) -> str | None:
        """Name a rule, or the family it belongs to, or return None for a rule of a live change."""
        family = rule
        while (name := self._named("rules", family)) is None and "." in family:
            family = family.rpartition(".")[0]
        return name

    def _value(self, value: object) -> str:
        return self._named("values", str(value)) or str(value)

    def _named(self, table: str, key: str) -> str | None:
        pair = _tables()[table].get(key)
        return pair[self._column] if pair else None


@cache
def _tables() -> Mapping[str, Mapping[str, tuple[str, str]]]:
    source = resources.files(__package__).joinpath("names.yaml").read_text("utf-8")
    tables = yaml_files.parse(source)
    return {
        table: {str(key): (str(zh), str(en)) for key, (zh, en) in rows.items()}
        for table, rows in tables.items()
    }
