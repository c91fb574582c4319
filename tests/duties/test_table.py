"""The table of duties in docs/safety.md names tests that exist."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "safety.md"


def rows() -> list[list[str]]:
    section = DOCUMENT.read_text("utf-8").split("\n## Duties\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def known_tests() -> set[str]:
    return {
        node.name
        for file in HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_"
    }


def test_every_duty_has_a_test_that_exists_or_says_that_it_is_not_built() -> None:
    assert len(rows()) > 15
    known = known_tests()
    for duty, _source, feature, tests in rows():
        named = re.findall(r"`(test_\w+)`", tests)
        assert set(named) <= known, duty
        assert named or feature.startswith("not built"), duty
