"""The form of a proposed lexicon change: YAML text in, checked plain values out.

People write changes by hand and in a web form, so parsing is stricter than for the shipped files.
It ignores no key, converts no value, and refuses aliases, tags and repeated keys, which could hide
what a change does.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from safety.screening.levels import Category, Level
from safety.screening.lexicon import SCOPES, LexiconError
from safety.yaml_files import LOADER

# The longest change, in bytes of UTF-8.
MOST_BYTES = 64 * 1024
LONGEST_WHY = 500
LONGEST_PATTERN = 1_000
# Letters between two parts of a pattern. The shipped lexicon has no wider gap.
WIDEST_GAP = 60

_KEYS = ("why", "add", "disable", "relevel")
_NEEDED = ("id", "level", "category", "patterns", "match", "no_match")
_LISTS = ("patterns", "match", "no_match", "needs", "unless", "apart_from", "scope")
_FILLED = ("patterns", "match", "no_match")
_ENTRY_KEYS = (*_NEEDED, "needs", "unless", "apart_from", "scope")
_ID = re.compile(r"[a-z]{2,3}(\.[a-z0-9_]+)+")  # never like the built-in context.* or second_stage
_LONGEST_ID = 60
_DEEPEST = 8
_GAP = re.compile(r"\.\.(\d+)")


@dataclass(frozen=True, slots=True)
class FormRow:
    """One entry as written. `place` names its line in errors."""

    place: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """A change with a valid form."""

    why: str
    add: tuple[FormRow, ...]
    disable: tuple[str, ...]
    relevel: Mapping[str, Level]


def read_form(text: str) -> Form:
    """Check the form of a change, without looking up its ids, sets and cues.

    Raises:
        LexiconError: The text is too long, not plain YAML, or has another form. The message
            names the line or the entry and says what to do.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise LexiconError(f"the change has {size} bytes; split it, {MOST_BYTES} are the limit")
    root, data = _load(text)
    _refuse_unknown("the change", data, _KEYS)
    lines = _lines_of_entries(root)
    rows = _listed("add", data.get("add"))
    add = tuple(_row(lines, number, row) for number, row in enumerate(rows))
    disable = tuple(_id("disable", name) for name in _listed("disable", data.get("disable")))
    twice = next((name for name in disable if disable.count(name) > 1), None)
    if twice:
        raise LexiconError(f"disable: {twice} is there twice; remove one")
    relevel = _relevel(data.get("relevel"))
    if not (add or disable or relevel):
        raise LexiconError("the change is empty; write add, disable or relevel")
    return Form(_why(data.get("why")), add, disable, relevel)


def read_why(text: str) -> str:
    """Return the line `why` of a valid change, without parsing the rest."""
    depth = nodes = 0
    key = ""
    for event in yaml.parse(text, Loader=LOADER):
        if depth == 1 and isinstance(event, yaml.NodeEvent):
            value = event.value if isinstance(event, yaml.ScalarEvent) else ""
            if nodes % 2 and key == "why":
                return str(value).strip()
            key, nodes = value, nodes + 1
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
    return ""


def _load(text: str) -> tuple[yaml.MappingNode, dict[str, Any]]:
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            _refuse_indirect(event)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:  # YAML's time grows with the square of the depth
                raise LexiconError("the change is nested too deeply; write it with fewer levels")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(root, yaml.MappingNode):
            raise LexiconError("the change is not a mapping; start with a line why: …")
        _refuse_repeats(root)
        return root, yaml.safe_load(text)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise LexiconError(f"{where}not YAML: {fault.problem or fault.context}") from fault
    except yaml.reader.ReaderError as fault:
        raise LexiconError(f"character {fault.position + 1}: not YAML: {fault.reason}") from fault
    except LexiconError:
        raise
    except ValueError as fault:  # a number or a date out of range
        raise LexiconError(f"a value cannot be read ({fault}); put it in quotes") from fault


def _refuse_indirect(event: yaml.Event) -> None:
    """Refuse anchors, aliases and tags, which could blow up or hide what a change does."""
    line = event.start_mark.line + 1 if event.start_mark else 1
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise LexiconError(
            f"line {line}: anchors and aliases (& and *) are not allowed; write it out, or quote it"
        )
    if getattr(event, "tag", None):
        raise LexiconError(f"line {line}: tags (!) are not allowed; put the text in quotes")


def _refuse_repeats(node: yaml.Node) -> None:
    """Refuse repeated keys, of which YAML silently keeps the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                raise LexiconError(f"line {line}: a key is not a plain word; put it in quotes")
            if key.value in seen:
                raise LexiconError(f"line {line}: {key.value} is there twice; write it once")
            seen.add(key.value)
            _refuse_repeats(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeats(item)


def _lines_of_entries(root: yaml.MappingNode) -> list[int]:
    added = next((value for key, value in root.value if key.value == "add"), None)
    if not isinstance(added, yaml.SequenceNode):
        return []
    return [item.start_mark.line + 1 for item in added.value]


def _row(lines: list[int], number: int, row: object) -> FormRow:
    place = f"line {lines[number]}: add, entry {number + 1}"
    if not isinstance(row, dict):
        raise LexiconError(f"{place}: not an entry; give id, level, category, patterns, examples")
    name = _id(place, row.get("id")) if "id" in row else ""
    place = f"{place} ({name})" if name else place
    _refuse_unknown(place, row, _ENTRY_KEYS)
    for key in _NEEDED:
        if key not in row:
            raise LexiconError(f"{place}: {key} is missing; add it")
    _level(place, row["level"])
    if row["category"] not in list(Category):
        raise LexiconError(f"{place}: category must be one of {', '.join(Category)}")
    for key in _LISTS:
        _check_texts(place, key, row)
    return FormRow(place, row)


def _check_texts(place: str, key: str, row: Mapping[str, Any]) -> None:
    if key not in row:
        return
    texts = row[key]
    if not isinstance(texts, list):
        raise LexiconError(f"{place}: {key} must be a list: [a, b]")
    if key in _FILLED and not texts:
        raise LexiconError(f"{place}: {key} is empty; an entry needs examples of both kinds")
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise LexiconError(f"{place}: {key}: {text!r} is not a text; put it in quotes")
        if key == "patterns":
            _check_pattern(place, text)
        if key == "scope" and text not in SCOPES:
            raise LexiconError(f"{place}: scope takes {', '.join(sorted(SCOPES))}, not {text!r}")


def _check_pattern(place: str, text: str) -> None:
    if len(text) > LONGEST_PATTERN:
        raise LexiconError(f"{place}: a pattern has {len(text)} characters; split it")
    if any(len(gap) > 2 or int(gap) > WIDEST_GAP for gap in _GAP.findall(text)):
        raise LexiconError(f"{place}: a gap is wider than {WIDEST_GAP} letters; narrow it")


def _relevel(given: object) -> dict[str, Level]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise LexiconError("relevel must map ids to levels: zh.suicide.example: 2")
    return {_id("relevel", key): _level(f"relevel: {key}", value) for key, value in given.items()}


def _level(place: str, value: object) -> Level:
    # In Python a bool is an int and 2.0 equals Level.PASSIVE, but neither is a level.
    if type(value) is not int or not Level.DISTRESS <= value <= Level.IMMINENT:
        raise LexiconError(f"{place}: the level is {value!r}; write 1, 2, 3 or 4")
    return Level(value)


def _id(place: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_ID or not _ID.fullmatch(value):
        raise LexiconError(f"{place}: {value!r} is not an id; write one like zh.suicide.example")
    return value


def _why(value: object) -> str:
    why = value.strip() if isinstance(value, str) else ""
    if not why or "\n" in why or len(why) > LONGEST_WHY:
        raise LexiconError(f"why: give the reason in one line of at most {LONGEST_WHY} characters")
    return why


def _listed(key: str, value: object) -> Iterator[object]:
    if value is not None and not isinstance(value, list):
        raise LexiconError(f"{key} must be a list; put - before each item")
    return iter(value or ())


def _refuse_unknown(place: str, row: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    unknown = next((key for key in row if key not in known), None)
    if unknown is not None:
        raise LexiconError(f"{place}: unknown key {unknown!r}; use one of {', '.join(known)}")
