"""Every text that the code and the console's templates name exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bot.texts import Texts
from console.words import ConsoleTexts

ROOT = Path(__file__).resolve().parents[3]
# What is called for a text, and the place of the key: `_texts(language, key)`, `uow.text(key)`.
CALLED = {
    "bot": {"texts": 1, "_texts": 1, "text": 0, "say_text": 0, "t": 0},
    "console": {"words": 1},
}
# Fewer would mean that this test no longer finds how texts are asked for.
FEWEST = {"bot": 200, "console": 300}
# `Site.message` shows a page with a title and a text.
ENDS = {"message": ("_title", "_text")}


def modules(room: str) -> dict[str, ast.Module]:
    files = sorted((ROOT / room).rglob("*.py"))
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text("utf-8")) for file in files}


def patterns(node: ast.expr | None) -> Iterator[str]:
    """The keys that an expression can be, as patterns; those of unknown values are left out."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.escape(node.value)
    elif isinstance(node, ast.IfExp):
        yield from patterns(node.body)
        yield from patterns(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+"
            for part in node.values
        )


def name_of(node: ast.expr) -> str:
    return getattr(node, "attr", None) or getattr(node, "id", "")


def takers(trees: dict[str, ast.Module]) -> dict[str, int]:
    """Functions with a parameter `key` for a text, and its place; homonyms must agree on it."""
    places: dict[str, set[int | None]] = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = [each.arg for each in node.args.args if each.arg != "self"]
                place = names.index("key") if "key" in names else None
                places.setdefault(node.name, set()).add(place)
    return {
        name: place
        for name, found in places.items()
        if len(found) == 1 and (place := next(iter(found))) is not None
    }


def used(room: str) -> Iterator[tuple[str, str]]:
    """Where a room names texts, with the pattern of the key."""
    trees = modules(room)
    by_parameter = takers(trees)
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = name_of(node.func)
                place = CALLED[room].get(name, by_parameter.get(name))
                if place is not None and len(node.args) > place:
                    for key in patterns(node.args[place]):
                        for end in ENDS.get(name, ("",)):
                            yield f"{file}:{node.lineno}", key + end
            elif isinstance(node, ast.Assign) and name_of(node.targets[0]) == "key":
                yield from ((f"{file}:{node.lineno}", key) for key in patterns(node.value))


def in_templates() -> Iterator[tuple[str, str]]:
    call = re.compile(r"""\bt\(\s*["'](\w+)["']\s*(~|[,)])""")
    for file in sorted((ROOT / "console" / "templates").glob("*.html")):
        for key, after in call.findall(file.read_text("utf-8")):
            yield file.name, key + (r"\w+" if after == "~" else "")


def missing(named: list[tuple[str, str]], keys: list[str]) -> list[tuple[str, str]]:
    return [
        (place, key) for place, key in named if not any(re.fullmatch(key, each) for each in keys)
    ]


def test_every_text_that_the_bot_names_exists() -> None:
    named = list(used("bot"))
    assert len(named) >= FEWEST["bot"]
    assert missing(named, Texts().keys()) == []


def test_every_word_that_the_console_names_exists() -> None:
    named = [*used("console"), *in_templates()]
    assert len(named) >= FEWEST["console"]
    assert missing(named, list(ConsoleTexts().of("en"))) == []
