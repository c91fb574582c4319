"""The shape of the code: one thing by one name, short functions, few parameters."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "console", "inference", "review", "safety", "sandbox", "storage", "training")
CAP_WORDS = re.compile(r"[A-Z][a-z0-9]*[a-z][A-Za-z0-9]*")
LONGEST_FUNCTION = 60
MOST_PARAMETERS = 8
MOST_SKIPS = 20


def modules() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


MODULES = dict(modules())


def defined(module: ast.Module) -> set[str]:
    """Return the public CapWords names of a module's top level."""
    names: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {name for name in names if CAP_WORDS.fullmatch(name)}


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, module in MODULES.items():
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path}:{node.lineno} {node.name}", node


def test_a_name_means_one_thing() -> None:
    places = defaultdict(list)
    for path, module in MODULES.items():
        for name in defined(module):
            places[name].append(path)
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_functions_are_short() -> None:
    lines = {name: (node.end_lineno or node.lineno) - node.lineno + 1 for name, node in functions()}
    assert {name: count for name, count in lines.items() if count > LONGEST_FUNCTION} == {}


def test_constructors_take_few_parameters() -> None:
    counts = {
        name: len(node.args.posonlyargs + node.args.args + node.args.kwonlyargs) - 1
        for name, node in functions()
        if node.name == "__init__"
    }
    assert {name: count for name, count in counts.items() if count > MOST_PARAMETERS} == {}


def test_no_two_tests_share_a_name() -> None:
    """Pytest imports a file outside a package by its bare name."""
    paths = (ROOT / "tests").rglob("test_*.py")
    bare = [path.stem for path in paths if not (path.parent / "__init__.py").exists()]
    assert {name for name in bare if bare.count(name) > 1} == set()


def test_the_formatter_is_seldom_told_to_skip() -> None:
    sources = [path.read_text("utf-8") for path in ROOT.rglob("*.py") if ".venv" not in path.parts]
    marker = "# fmt" + ": skip"
    assert sum(source.count(marker) for source in sources) <= MOST_SKIPS


def imported() -> Iterator[tuple[str, str]]:
    """Yield each module and name that a module imports, with the importing file."""
    for path, module in MODULES.items():
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                yield from ((path, name.name) for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
                yield from ((path, f"{node.module}.{name.name}") for name in node.names)


def test_no_private_part_of_another_module_is_imported() -> None:
    private = [(path, name) for path, name in imported() if re.search(r"(^|\.)_", name)]
    assert private == []
